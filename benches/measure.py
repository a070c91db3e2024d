"""What the benches share: times a whole child process with its peak memory, lets contenders take turns, prints one table."""

import os
import pathlib
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def quant_binary(given):
    """The binary to measure; builds it if none is given."""
    if given is not None:
        return pathlib.Path(given)
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/quant"


def timed(command, own=None, quiet=True):
    """Runs a command; returns (seconds, peak RSS in MiB, its output). `own` is a regex for seconds that the program prints itself.

    GNU time starts the child where it is there: a child forked from here would be charged this process's own memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        log, peak = pathlib.Path(folder) / "log", pathlib.Path(folder) / "peak"
        gnu = os.access("/usr/bin/time", os.X_OK)
        wrapped = ["/usr/bin/time", "-f", "%M", "-o", peak, *command] if gnu else command
        with open(log, "w") as out:
            start = time.perf_counter()
            process = subprocess.Popen([str(part) for part in wrapped], stdout=out, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        text = log.read_text(errors="replace")
        if process.returncode != 0:
            sys.stderr.write(text[-4000:])
            raise SystemExit(f"failed with {process.returncode}: {shlex.join(map(str, command))}")
        if not quiet:
            sys.stderr.write(text)
        kib = int(peak.read_text().split()[-1]) if gnu else usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    if own:
        found = re.search(own, text)
        if not found:
            raise SystemExit(f"no {own!r} in the output of {shlex.join(map(str, command))}")
        wall = float(found.group(1))
    return wall, kib / 1024, text


def alternate(contenders, runs, after=lambda name: None):
    """Name -> function that returns (command, regex or None). Returns name -> [(seconds, MiB)]; all take turns, `runs` times."""
    seen = {name: [] for name in contenders}
    for _ in range(runs):
        for name, make in contenders.items():
            command, own = make()
            wall, peak, _ = timed(command, own)
            seen[name].append((wall, peak))
            after(name)
    return seen


def best(seen, name):
    return min(wall for wall, _ in seen[name])


def machine(runs):
    return f"{runs} runs each, alternating; {os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}"


def print_table(seen, extra_heads, extra):
    """`extra(name)` gives the cells of the further columns."""
    print("| job | best s | median s | peak RSS MiB | " + " | ".join(extra_heads) + " |")
    print("|---|---:|---:|---:|" + "---:|" * len(extra_heads))
    for name, results in seen.items():
        walls = [wall for wall, _ in results]
        print(
            f"| {name} | {min(walls):.2f} | {statistics.median(walls):.2f} | {max(peak for _, peak in results):.0f} | "
            + " | ".join(extra(name))
            + " |"
        )


def judge(limits):
    """Prints (text, value, relation, limit) lines; returns 1 if one is not met."""
    missed = 0
    print()
    for text, value, relation, limit in limits:
        met = value >= limit if relation == ">=" else value <= limit
        missed += not met
        print(f"{text}: {value:.2f}, limit {relation} {limit:g}: {'met' if met else 'MISSED'}")
    return 1 if missed else 0
