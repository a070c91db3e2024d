#!/usr/bin/env python3
"""Known advisories against the locked packages: exit code 1 if one applies.

usage: scripts/advisories.py DB [Cargo.lock ...]     DB is a checkout of the RustSec advisory database
       scripts/advisories.py --self-test             the rules for versions, on examples

Unmaintained and unsound crates count like vulnerabilities; withdrawn advisories do not. The database may be older than the
packages: that nothing is found proves little.
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def version(text):
    """Returns what versions are ordered by: numbers, then pre-releases below the release."""
    core, _, pre = text.split("+")[0].partition("-")
    numbers = [int(part) for part in core.split(".")]
    numbers += [0] * (3 - len(numbers))
    if not pre:
        return (*numbers, 1, ())
    parts = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in pre.split("."))
    return (*numbers, 0, parts)


def bounds(comparator):
    """Returns [low, high) of one comparator; None is no bound."""
    op, text = re.fullmatch(r"\s*(>=|<=|>|<|=|\^|~)?\s*([0-9][^\s]*)\s*", comparator).groups()
    at, given = version(text), text.split("-")[0].split(".")
    after = (*at[:3], at[3], at[4] + ((2, 0, ""),)) if at[3] == 0 else (*at[:3], 2, ())
    if op == ">=":
        return at, None
    if op == ">":
        return after, None
    if op == "<":
        return None, at
    if op == "<=":
        return None, after
    if op == "=":
        return at, after
    numbers = [int(part) for part in given]
    if op == "~":
        fixed = min(len(numbers), 2)
    else:  # ^ is what a bare version means
        nonzero = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
        fixed = nonzero + 1
    high = numbers[:fixed]
    high[-1] += 1
    return at, version(".".join(map(str, high)) + "-0")


def matches(requirement, found):
    """Returns whether a version meets every comparator of a requirement."""
    for comparator in requirement.split(","):
        low, high = bounds(comparator)
        if (low is not None and found < low) or (high is not None and found >= high):
            return False
    return True


def affected(advisory, text):
    found = version(text)
    versions = advisory.get("versions", {})
    safe = versions.get("patched", []) + versions.get("unaffected", [])
    return not any(matches(requirement, found) for requirement in safe)


def advisories(db, package):
    for path in sorted((db / "crates" / package).glob("*.md")):
        text = path.read_text()
        front = re.search(r"```toml\n(.*?)```", text, re.S)
        advisory = tomllib.loads(front.group(1))
        if "withdrawn" not in advisory["advisory"]:
            yield advisory


def check(db, locks):
    hits, packages = [], 0
    for lock in locks:
        for package in tomllib.loads(lock.read_text()).get("package", []):
            packages += 1
            for advisory in advisories(db, package["name"]):
                if affected(advisory, package["version"]):
                    hits.append(f"{lock.name}: {package['name']} {package['version']}: {advisory['advisory']['id']}")
    return packages, hits


def self_test():
    for requirement, good, bad in [
        (">= 2.3.0", ["2.3.0", "3.0.0", "2.3.1-rc.1"], ["2.2.9", "2.3.0-rc.1"]),
        ("< 2.3.0, >= 1.3.0", ["1.3.0", "2.2.9"], ["2.3.0", "1.2.9"]),
        ("^0.7.4", ["0.7.4", "0.7.9"], ["0.8.0", "0.7.3"]),
        ("^1.2", ["1.2.0", "1.9.0"], ["2.0.0", "1.1.9"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]),
        ("= 1.2.3", ["1.2.3"], ["1.2.4", "1.2.2"]),
        ("> 1.2.3", ["1.2.4"], ["1.2.3"]),
        ("<= 0.3.1", ["0.3.1", "0.2.0"], ["0.3.2"]),
        ("0.4.1", ["0.4.2"], ["0.5.0"]),
    ]:
        for text in good:
            assert matches(requirement, version(text)), (requirement, text)
        for text in bad:
            assert not matches(requirement, version(text)), (requirement, text)
    advisory = {"versions": {"patched": [">= 2.3.0"], "unaffected": ["< 1.3.0"]}}
    assert [affected(advisory, v) for v in ("1.2.0", "1.3.0", "2.2.0", "2.3.0")] == [False, True, True, False]
    print("self-test: ok")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if not sys.argv[1:]:
        sys.exit(__doc__)
    db = pathlib.Path(sys.argv[1])
    if not (db / "crates").is_dir():
        sys.exit(f"{db} is no advisory database: it has no folder `crates`")
    locks = [pathlib.Path(p) for p in sys.argv[2:]] or sorted(ROOT.glob("Cargo.lock")) + sorted(ROOT.glob("*/Cargo.lock"))
    packages, hits = check(db, locks)
    print(*hits, sep="\n", end="\n" if hits else "")
    print(f"{packages} locked packages of {len(locks)} lock files, {len(hits)} known advisories")
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
