//! What the compiler cannot say of the architecture: which way imports inside the product go, and that nothing is left lying
//! about. Boundaries between crates are the compiler's.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::{fs, path::Path, process::Command};

/// The edges of the product, outermost first: subjects import none of them, and an edge none before it.
const EDGES: [&str; 2] = ["cli", "http"];

/// What must not be in a tracked file, and why. In two halves, so that this file does not hold them.
const LEFTOVERS: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "a thing is done, or is an issue"),
    (concat!("FIX", "ME"), "a thing is fixed, or is an issue"),
    (concat!("todo", "!"), "code that is not there has no place"),
    (concat!("unimplemented", "!"), "code that is not there has no place"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
];

#[test]
fn subjects_import_no_edge() {
    let mut found = Vec::new();
    for (file, text) in sources() {
        let module = file.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
        let own = EDGES.iter().position(|edge| *edge == module).unwrap_or(EDGES.len());
        // The list of modules, and the binary.
        if !matches!(module, "lib" | "main") {
            let imports = |edge: &&&str| imports(&text, edge);
            found.extend(EDGES[..own].iter().filter(imports).map(|edge| format!("{file} imports {edge}")));
        }
    }
    report(&found);
}

/// Whether a source names a top-level module of its crate, in an import or in place.
fn imports(text: &str, module: &str) -> bool {
    let imported = text.split("use crate::").skip(1).filter_map(|rest| rest.split(';').next()).any(|import| {
        let parts = import.split(|letter: char| letter.is_whitespace() || "{},".contains(letter));
        parts.map(|part| part.split("::").next()).any(|first| first == Some(module))
    });
    imported || text.contains(&format!("crate::{module}::"))
}

#[test]
fn an_import_is_found_in_every_form() {
    for text in [
        "use crate::http;",
        "use crate::{app::App, http};",
        "use crate::{\n    app,\n    http::x,\n};",
        "crate::http::x()",
    ] {
        assert!(imports(text, "http"), "{text}");
    }
    assert!(!imports("use crate::app::App;\nuse axum::http;", "http"));
}

#[test]
fn nothing_is_left_lying_about() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listing =
        Command::new("git").args(["-c", "safe.directory=*", "ls-files", "-z"]).current_dir(root).output().unwrap();
    if !listing.status.success() {
        return; // Not a checkout (a source archive, the build stage of an image): nothing is tracked.
    }
    let mut found = Vec::new();
    for name in String::from_utf8(listing.stdout).unwrap().split_terminator('\0') {
        // Sounds and pictures are no text; a file just removed is not there.
        if let Ok(text) = fs::read_to_string(root.join(name)) {
            found.extend(leftovers(name, &text));
        }
    }
    report(&found);
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let (_, table) = model.split_once("## What was attacked").unwrap();
    let all: String =
        ["src", "crates", "tests"].iter().flat_map(|folder| sources_in(folder)).map(|(_, text)| text).collect();
    let names = table.split('`').skip(1).step_by(2).filter(|name| {
        name.matches('_').count() >= 2
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    });
    let names: Vec<&str> = names.filter(|name| *name != "min_free_bytes").collect();
    assert!(names.len() > 35, "{names:?}");
    let is_missing = |name: &&&str| !all.contains(&format!("fn {name}("));
    report(&names.iter().filter(is_missing).map(|name| format!("there is no test {name}")).collect::<Vec<_>>());
    for row in 1..=24 {
        assert!(table.contains(&format!("\n| {row} | ")), "finding {row} is not in the table");
    }
}

fn report(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The files of `src` by name.
fn sources() -> Vec<(String, String)> {
    sources_in("src")
}

/// The Rust files of a folder by name.
fn sources_in(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut sources, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                sources.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources
}

fn leftovers(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (marker, why) in LEFTOVERS {
            let a_word = |at: usize| {
                let word = |letter: char| letter.is_alphanumeric() || letter == '_';
                let goes_on = marker.ends_with(char::is_alphanumeric) && line[at + marker.len()..].starts_with(word);
                !goes_on && !line[..at].ends_with(word)
            };
            if line.match_indices(marker).any(|(at, _)| a_word(at)) {
                found.push(format!("{file}:{}: has {marker:?}: {why}", number + 1));
            }
        }
    }
    found
}

#[test]
fn every_test_that_the_faults_of_the_field_and_the_rules_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = Vec::new();
    for folder in ["src", "crates", "tests"] {
        functions(&root.join(folder), &mut names);
    }
    let mut missing = Vec::new();
    for document in ["docs/field.md", "docs/rules.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for row in text.lines().filter(|line| line.starts_with('|')) {
            let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
            for test in tests.split('`').skip(1).step_by(2) {
                let is_there = match test.strip_suffix('*') {
                    Some(begins) => names.iter().any(|name| name.starts_with(begins)),
                    None => names.iter().any(|name| name == test),
                };
                if !is_there {
                    missing.push(format!("{document} names the test {test}, which is not there"));
                }
            }
        }
    }
    report(&missing);
}

/// The names of all functions in the sources of a folder.
fn functions(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let name = |rest: &str| rest.split(['(', '<']).next().unwrap_or_default().to_owned();
            names.extend(text.split("fn ").skip(1).map(name));
        }
    }
}
