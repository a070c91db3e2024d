//! Rules of the tree as failing tests: who may import whom, what a file looks like, what the build may contain.
//!
//! Every rule is a function from files to violations, run once on this tree and once on a planted violation,
//! so that it is known to fail. The rules themselves are explained in `ARCHITECTURE.md`.

use std::fmt::Write as _;
use std::path::Path;

/// Core modules and what each may import, besides itself. Kept equal to the table of `ARCHITECTURE.md`.
const MAY_IMPORT: [(&str, &[&str]); 16] = [
    ("time", &[]),
    ("units", &["time"]),
    ("market", &["time", "units"]),
    ("bars", &["market"]),
    ("features", &["bars", "market"]),
    ("regime", &["features"]),
    ("model", &["time", "units"]),
    ("risk", &["market", "units"]),
    ("strategy", &["features", "regime", "risk", "model"]),
    ("sim", &["market", "risk"]),
    ("stats", &["time", "units"]),
    ("metrics", &["stats", "sim"]),
    ("labels", &["bars", "market"]),
    ("folds", &["labels"]),
    ("synth", &["market"]),
    ("lib", &[]),
];

/// The vocabulary: a module may also import these where one of its own imports does.
const VOCABULARY: [&str; 3] = ["time", "units", "market"];

const CORE_DEPENDENCIES: [&str; 5] = ["libm", "rand_chacha", "serde", "sha2", "thiserror"];
const CORE_DEV_DEPENDENCIES: [&str; 3] = ["allocation-counter", "proptest", "serde_json"];
/// What storage must not know: the network, async, the command line, configs, and the learning back ends.
const LAKE_FORBIDDEN: [&str; 12] = [
    "axum",
    "clap",
    "ctrlc",
    "datafusion",
    "hyper",
    "indicatif",
    "quant",
    "quant-models",
    "reqwest",
    "serde-saphyr",
    "tokio",
    "tracing-subscriber",
];
const MAX_LINES: usize = 800;
const MAX_PACKAGES: usize = 300;

/// A text file of the tree; `path` is relative to the root, with `/`.
struct SourceFile {
    path: String,
    text: String,
}

/// Reads every text file below the root, except what git ignores.
fn tree() -> Vec<SourceFile> {
    fn walk(root: &Path, folder: &str, out: &mut Vec<SourceFile>) {
        let mut names: Vec<(String, bool)> = std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (
                    entry.file_name().into_string().unwrap(),
                    entry.file_type().unwrap().is_dir(),
                )
            })
            .collect();
        names.sort();
        for (name, is_folder) in names {
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            let ignored = path == ".git"
                || path.split('/').any(|part| part == "target")
                || ["fuzz/artifacts", "fuzz/coverage", "fuzz/Cargo.lock"].contains(&path.as_str())
                || (["data", "artifacts"].contains(&folder) && !path.ends_with("README.md"));
            if ignored {
                continue;
            }
            if is_folder {
                walk(root, &path, out);
            } else if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
                out.push(SourceFile { path, text });
            }
        }
    }
    let mut out = Vec::new();
    walk(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut out);
    assert!(out.len() > 30, "the tree was not found");
    out
}

fn planted(path: &str, text: &str) -> Vec<SourceFile> {
    vec![SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }]
}

fn rust_files(files: &[SourceFile]) -> impl Iterator<Item = &SourceFile> {
    files
        .iter()
        .filter(|f| Path::new(&f.path).extension().is_some_and(|e| e == "rs"))
}

fn assert_none(violations: &[String]) {
    let list = violations
        .iter()
        .fold(String::new(), |mut list, violation| {
            let _ = writeln!(list, "  {violation}");
            list
        });
    assert!(violations.is_empty(), "violations:\n{list}");
}

// ---- imports of core --------------------------------------------------------------------------------------

fn allowed(module: &str) -> Vec<&'static str> {
    let direct = |m: &str| {
        MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == m)
            .map(|(_, list)| *list)
    };
    let mut out: Vec<&str> = direct(module).unwrap_or_default().to_vec();
    let mut next = 0;
    while let Some(&import) = out.get(next) {
        out.extend(
            direct(import)
                .unwrap_or_default()
                .iter()
                .filter(|m| VOCABULARY.contains(m)),
        );
        next += 1;
    }
    out
}

/// Returns the core modules that a line of code reaches through `crate::` or through enough `super::`.
fn reached(code: &str, depth: usize) -> Vec<String> {
    let first_names = |rest: &str| -> Vec<String> {
        let name = |text: &str| -> String {
            text.trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        };
        let Some(group) = rest.strip_prefix('{') else {
            return vec![name(rest)];
        };
        let (mut names, mut level, mut start) = (Vec::new(), 0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => level += 1,
                '}' if level == 0 => break,
                '}' => level -= 1,
                ',' if level == 0 => start = true,
                c if !c.is_whitespace() && start => {
                    names.push(name(&group[at..]));
                    start = false;
                }
                _ => {}
            }
        }
        names
    };
    let supers = "super::".repeat(depth);
    let mut out = Vec::new();
    for root in ["crate::", supers.as_str()] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            // `$crate::`, `my_crate::` and a longer chain of `super::` are other paths.
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ':') {
                out.extend(first_names(&code[at + root.len()..]));
            }
        }
    }
    out
}

fn core_imports(files: &[SourceFile]) -> Vec<String> {
    let mut out = Vec::new();
    for file in rust_files(files) {
        let Some(inside) = file.path.strip_prefix("crates/quant-core/src/") else {
            continue;
        };
        let parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        let module = parts[0];
        // Unit tests may compare with anything: the rule is about what ships.
        if parts
            .iter()
            .any(|part| ["tests", "proptests"].contains(part))
            || module == "lib"
        {
            continue;
        }
        if !MAY_IMPORT.iter().any(|(name, _)| *name == module) {
            out.push(format!(
                "{}: module `{module}` is not in the import table",
                file.path
            ));
            continue;
        }
        // One line per file, so that groups over several lines are seen whole.
        let code: String = file
            .text
            .lines()
            .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
            .collect::<Vec<_>>()
            .join(" ");
        for import in reached(&code, parts.len()) {
            let known = MAY_IMPORT.iter().any(|(name, _)| *name == import);
            if known && import != module && !allowed(module).contains(&import.as_str()) {
                out.push(format!(
                    "{}: `{module}` may not import `{import}`",
                    file.path
                ));
            }
        }
    }
    out.dedup();
    out
}

#[test]
fn core_modules_import_only_what_the_table_allows() {
    assert_none(&core_imports(&tree()));
}

#[test]
fn core_imports_can_fail() {
    let core = |file: &str, text: &str| {
        core_imports(&planted(&format!("crates/quant-core/src/{file}"), text))
    };
    assert_eq!(
        core("features.rs", "use crate::labels::Label;"),
        ["crates/quant-core/src/features.rs: `features` may not import `labels`"]
    );
    assert_eq!(
        core(
            "sim/fill.rs",
            "use crate::{\n    market::{Side, Trade},\n    synth,\n};"
        )
        .len(),
        1
    );
    assert_eq!(
        core("sim.rs", "fn f() -> crate::stats::Moments { todo() }").len(),
        1
    );
    assert_eq!(core("stats.rs", "use crate::market::Side;").len(), 1);
    assert_eq!(core("bars.rs", "use super::features;").len(), 1);
    assert_eq!(
        core("bars/build.rs", "use super::super::features;").len(),
        1
    );
    assert_eq!(core("surprise.rs", "").len(), 1);
    for module in [
        "time", "units", "market", "bars", "features", "strategy", "sim", "metrics",
    ] {
        assert_eq!(
            core(&format!("{module}.rs"), "use crate::synth::Market;").len(),
            1,
            "{module}"
        );
    }

    assert_none(&core(
        "features.rs",
        "use crate::bars::X; use crate::time::Day; // crate::labels",
    ));
    assert_none(&core(
        "metrics/equity.rs",
        "use super::features; use crate::sim::Fill; use crate::units::BPS;",
    ));
    assert_none(&core("features/tests.rs", "use crate::synth::Market;"));
    assert_none(&core(
        "synth.rs",
        "use crate::market::Trade; use crate::synth::x;",
    ));
}

// ---- files ------------------------------------------------------------------------------------------------

fn without_module_docs(files: &[SourceFile]) -> Vec<String> {
    rust_files(files)
        .filter(|f| !f.text.starts_with("//! "))
        .map(|f| {
            format!(
                "{}: the first line is not a `//!` that says what the file does",
                f.path
            )
        })
        .collect()
}

fn too_long(files: &[SourceFile]) -> Vec<String> {
    rust_files(files)
        .map(|f| (f, f.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(f, lines)| format!("{}: {lines} lines; at most {MAX_LINES}", f.path))
        .collect()
}

fn mod_rs(files: &[SourceFile]) -> Vec<String> {
    rust_files(files)
        .filter(|f| f.path.rsplit('/').next() == Some("mod.rs"))
        .map(|f| format!("{}: use `foo.rs` beside `foo/`", f.path))
        .collect()
}

fn forgotten_tests(files: &[SourceFile]) -> Vec<String> {
    let declares = |parent: &str, name: &str| {
        files.iter().any(|f| {
            f.path == parent
                && f.text
                    .lines()
                    .any(|line| line.trim() == format!("mod {name};"))
        })
    };
    let mut out = Vec::new();
    for file in rust_files(files) {
        let Some(inside) = file.path.strip_prefix("tests/it/") else {
            continue;
        };
        if inside == "main.rs" {
            continue;
        }
        let stem = inside.trim_end_matches(".rs");
        let (parent, name) = match stem.rsplit_once('/') {
            Some((parent, name)) => (format!("tests/it/{parent}.rs"), name),
            None => ("tests/it/main.rs".to_owned(), stem),
        };
        if !declares(&parent, name) {
            out.push(format!(
                "{}: never run, since {parent} lacks `mod {name};`",
                file.path
            ));
        }
    }
    out
}

fn switched_off_tests(files: &[SourceFile]) -> Vec<String> {
    // Assembled, so that this file does not hold what it forbids.
    let forbidden = ["ignore", "should_panic"].map(|word| format!("#[{word}"));
    rust_files(files)
        .flat_map(|f| {
            let hits = forbidden
                .iter()
                .filter(|word| f.text.contains(word.as_str()));
            hits.map(|word| format!("{}: `{word}` is not used in this tree", f.path))
        })
        .collect()
}

fn machine_paths(files: &[SourceFile]) -> Vec<String> {
    let forbidden = ["work", "farm", "root", "home", "Users"].map(|top| format!("/{top}/"));
    let mut out = Vec::new();
    for file in files.iter().filter(|f| f.path != "Cargo.lock") {
        for (n, line) in file.text.lines().enumerate() {
            for word in &forbidden {
                let is_path = line.match_indices(word.as_str()).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.}~*".contains(c))
                });
                if is_path {
                    out.push(format!(
                        "{}:{}: holds the machine path `{word}`",
                        file.path,
                        n + 1
                    ));
                }
            }
        }
    }
    out
}

#[test]
fn every_rust_file_says_what_it_does() {
    assert_none(&without_module_docs(&tree()));
    assert_eq!(
        without_module_docs(&planted("src/a.rs", "use x;\n//! Late.")).len(),
        1
    );
}

#[test]
fn no_rust_file_is_too_long() {
    assert_none(&too_long(&tree()));
    assert_none(&too_long(&planted("src/a.rs", &"\n".repeat(MAX_LINES))));
    assert_eq!(
        too_long(&planted("src/a.rs", &"\n".repeat(MAX_LINES + 1))).len(),
        1
    );
}

#[test]
fn modules_are_files_beside_their_folders() {
    assert_none(&mod_rs(&tree()));
    assert_eq!(mod_rs(&planted("src/cli/mod.rs", "")).len(), 1);
}

#[test]
fn no_integration_test_is_forgotten() {
    assert_none(&forgotten_tests(&tree()));
    let mut files = planted("tests/it/main.rs", "mod known;\n// mod forgotten;");
    for path in [
        "tests/it/known.rs",
        "tests/it/forgotten.rs",
        "tests/it/known/deeper.rs",
    ] {
        files.extend(planted(path, ""));
    }
    assert_eq!(
        forgotten_tests(&files),
        [
            "tests/it/forgotten.rs: never run, since tests/it/main.rs lacks `mod forgotten;`",
            "tests/it/known/deeper.rs: never run, since tests/it/known.rs lacks `mod deeper;`"
        ]
    );
}

#[test]
fn no_test_is_switched_off() {
    assert_none(&switched_off_tests(&tree()));
    let text = format!("#[test]\n#[{}]\nfn f() {{}}", "ignore = \"slow\"");
    assert_eq!(
        switched_off_tests(&planted("tests/it/a.rs", &text)).len(),
        1
    );
}

#[test]
fn no_file_names_a_machine() {
    assert_none(&machine_paths(&tree()));
    let path = format!("/{}/quant/data", "home");
    assert_eq!(
        machine_paths(&planted("README.md", &format!("see\n`{path}`"))).len(),
        1
    );
    assert_none(&machine_paths(&planted(
        "README.md",
        &format!("https://example.org{path}"),
    )));
}

// ---- the build --------------------------------------------------------------------------------------------

/// Returns (section, name) of every dependency of a manifest, for the sections that end with `dependencies`.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let (mut out, mut section) = (Vec::new(), String::new());
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
            // `[dependencies.foo]` is a dependency by itself.
            if let Some((kind, name)) = section.rsplit_once("dependencies.") {
                out.push((format!("{kind}dependencies"), name.to_owned()));
            }
        } else if section.ends_with("dependencies") && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            out.push((section.clone(), name.trim_matches('"').to_owned()));
        }
    }
    out
}

fn manifest_rules(files: &[SourceFile]) -> Vec<String> {
    let mut out = Vec::new();
    for file in files {
        for (section, name) in dependencies(&file.text) {
            let is_allowed = match (file.path.as_str(), section.as_str()) {
                ("crates/quant-core/Cargo.toml", "dependencies") => {
                    CORE_DEPENDENCIES.contains(&name.as_str())
                }
                ("crates/quant-core/Cargo.toml", "dev-dependencies") => {
                    CORE_DEV_DEPENDENCIES.contains(&name.as_str())
                }
                // Build scripts and target-dependent code have no place in core.
                ("crates/quant-core/Cargo.toml", _) => false,
                ("crates/quant-lake/Cargo.toml", _) => !LAKE_FORBIDDEN.contains(&name.as_str()),
                _ => true,
            };
            if !is_allowed {
                out.push(format!(
                    "{}: `{name}` may not be among [{section}]",
                    file.path
                ));
            }
        }
    }
    out
}

fn missing_core_dependencies(files: &[SourceFile]) -> Vec<String> {
    let core = files
        .iter()
        .find(|f| f.path == "crates/quant-core/Cargo.toml");
    let listed = dependencies(core.map_or("", |f| f.text.as_str()));
    CORE_DEPENDENCIES
        .iter()
        .filter(|d| {
            !listed
                .iter()
                .any(|(s, name)| s == "dependencies" && name == *d)
        })
        .map(|d| format!("core no longer depends on `{d}`: shorten the list in this test"))
        .collect()
}

fn over_package_budget(files: &[SourceFile]) -> Vec<String> {
    let lock = files
        .iter()
        .find(|f| f.path == "Cargo.lock")
        .map_or("", |f| f.text.as_str());
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    if (1..=MAX_PACKAGES).contains(&packages) {
        Vec::new()
    } else {
        vec![format!(
            "Cargo.lock holds {packages} packages; expected 1 to {MAX_PACKAGES}"
        )]
    }
}

/// Arrays of two Arrow versions are different types: the lake would stop to link together.
fn two_arrow_versions(files: &[SourceFile]) -> Vec<String> {
    let lock = files
        .iter()
        .find(|f| f.path == "Cargo.lock")
        .map_or("", |f| f.text.as_str());
    let names: Vec<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .filter(|name| *name == "parquet" || *name == "arrow" || name.starts_with("arrow-"))
        .collect();
    // The lock file is sorted by name, so versions of one package are neighbours.
    names
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| format!("Cargo.lock holds two versions of `{}`", pair[0]))
        .collect()
}

#[test]
fn there_is_one_arrow() {
    assert_none(&two_arrow_versions(&tree()));
    let text = "[[package]]\nname = \"arrow-array\"\nversion = \"1\"\n".repeat(2);
    assert_eq!(two_arrow_versions(&planted("Cargo.lock", &text)).len(), 1);
}

#[test]
fn crates_depend_only_on_what_their_layer_may_know() {
    let files = tree();
    assert_none(&manifest_rules(&files));
    assert_none(&missing_core_dependencies(&files));
}

#[test]
fn manifest_rules_can_fail() {
    let core = |text| manifest_rules(&planted("crates/quant-core/Cargo.toml", text));
    let lake = |text| manifest_rules(&planted("crates/quant-lake/Cargo.toml", text));
    assert_none(&core(
        "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\n\n[dev-dependencies]\nproptest = \"1\"",
    ));
    assert_eq!(
        core("[dependencies]\narrow-array.workspace = true").len(),
        1
    );
    assert_eq!(core("[dependencies.rand]\nversion = \"1\"").len(), 1);
    assert_eq!(
        core("[target.'cfg(unix)'.dependencies]\nlibc = \"1\"").len(),
        1
    );
    assert_eq!(core("[build-dependencies]\nserde = \"1\"").len(), 1);
    assert_none(&lake(
        "[dependencies]\nquant-core.workspace = true\nzip = \"1\"",
    ));
    assert_eq!(lake("[dependencies]\ntokio = { version = \"1\" }\n\"reqwest\" = \"1\"\nclap.workspace = true").len(), 3);
    assert_eq!(
        missing_core_dependencies(&[]).len(),
        CORE_DEPENDENCIES.len()
    );
}

#[test]
fn the_lock_file_stays_within_its_budget() {
    assert_none(&over_package_budget(&tree()));
    let lock = |n| planted("Cargo.lock", &"[[package]]\nname = \"x\"\n".repeat(n));
    assert_none(&over_package_budget(&lock(MAX_PACKAGES)));
    assert_eq!(over_package_budget(&lock(MAX_PACKAGES + 1)).len(), 1);
    assert_eq!(over_package_budget(&lock(0)).len(), 1);
}
