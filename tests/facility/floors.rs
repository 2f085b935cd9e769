//! The house's order: who may import whom, and that every file says what it is for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tests::repository;

/// Each of our crates, and those of ours that it may import.
const FLOORS: [(&str, &[&str]); 7] = [
    ("model", &[]),
    ("drivers", &["model"]),
    ("rules", &["model"]),
    ("simulator", &["model"]),
    ("gateway", &["model", "drivers", "rules", "simulator"]),
    ("tests", &[]),
    // Measures the rooms by themselves too, and the daemon as a process.
    ("bench", &["model", "drivers", "rules"]),
];

#[test]
fn nobody_imports_upwards() {
    let ours: BTreeSet<_> = FLOORS.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in FLOORS {
        for import in imports_of(name) {
            assert!(
                !ours.contains(import.as_str()) || allowed.contains(&import.as_str()),
                "{name} imports {import}; it may import only {allowed:?}"
            );
        }
    }
}

#[test]
fn every_member_of_the_workspace_has_its_floor() {
    let manifest = manifest(&repository().join("Cargo.toml"));
    let members = manifest["workspace"]["members"].as_array().expect("members");
    let members: BTreeSet<_> = members.iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(members, FLOORS.iter().map(|(name, _)| *name).collect());
}

/// The daemon must be able to do without the simulator: only the commands that a person types know it.
#[test]
fn within_the_gateway_only_the_command_line_knows_the_simulator() {
    for file in rust_files(&repository().join("gateway/src")) {
        let path = file
            .strip_prefix(repository().join("gateway/src"))
            .expect("a path in gateway/src");
        let is_command_line = path == Path::new("main.rs") || path.starts_with("commands");
        let names_it = code_lines(&file).iter().any(|line| line.contains("simulator::"));
        assert!(
            is_command_line || !names_it,
            "{} uses the simulator",
            path.display()
        );
    }
}

#[test]
fn every_file_opens_with_a_sentence() {
    for (name, _) in FLOORS {
        for file in rust_files(&repository().join(name)) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            let first = text.lines().next().unwrap_or_default();
            let sentence = first.strip_prefix("//! ").unwrap_or_default();
            assert!(
                sentence.len() > 10,
                "{} does not open with what it is for: {first:?}",
                file.display()
            );
        }
    }
}

/// What a crate's manifest imports, for whatever purpose: to build, to run, or to be tested.
fn imports_of(name: &str) -> Vec<String> {
    let manifest = manifest(&repository().join(name).join("Cargo.toml"));
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    assert!(
        manifest.get("target").is_none(),
        "{name}: imports for one target only are not looked at here"
    );
    let tables = tables.iter().filter_map(|table| manifest.get(*table)?.as_table());
    tables
        .flat_map(|table| table.iter().map(|(name, import)| package_of(name, import)))
        .collect()
}

/// A dependency's package, which may have been given another name.
fn package_of(name: &str, import: &toml::Value) -> String {
    import
        .get("package")
        .and_then(toml::Value::as_str)
        .unwrap_or(name)
        .to_owned()
}

fn manifest(path: &Path) -> toml::Table {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn code_lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a source file");
    text.lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .map(str::to_owned)
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() && name != "node_modules" && name != "target" {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
