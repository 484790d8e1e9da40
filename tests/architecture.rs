//! What the compiler cannot say of the architecture: which way imports inside the product go, and that nothing is left lying
//! about. Boundaries between crates are the compiler's.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::{fmt, fs, path::Path, process::Command};

/// Outermost first: a module imports none of those before it, nor of its own row's others.
const EDGES: &[&[&str]] = &[&["cli"], &["http"]];

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
fn subjects_know_no_edge() {
    let mut found = Vec::new();
    for (name, text) in sources() {
        let module = name.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
        let own = EDGES.iter().position(|edges| edges.contains(&module));
        // The list of modules and the edge of the binary.
        if matches!(module, "lib" | "main") {
            continue;
        }
        let outer = EDGES.iter().take(own.unwrap_or(EDGES.len())).flat_map(|edges| edges.iter());
        for edge in outer {
            for (number, line) in text.lines().enumerate() {
                let named =
                    line.contains(&format!("crate::{edge}::")) || line.trim_start().starts_with(&format!("{edge}::"));
                if named {
                    found.push(Violation { file: name.clone(), line: number + 1, rule: format!("imports {edge}") });
                }
            }
        }
    }
    report(&found);
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

/// A rule that a file breaks.
struct Violation {
    file: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

fn report(violations: &[Violation]) {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

/// The files of `src` by name.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut sources, mut folders) = (Vec::new(), vec![root.join("src")]);
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

fn leftovers(file: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (marker, why) in LEFTOVERS {
            let a_word = |at: usize| {
                let word = |letter: char| letter.is_alphanumeric() || letter == '_';
                let goes_on = marker.ends_with(char::is_alphanumeric) && line[at + marker.len()..].starts_with(word);
                !goes_on && !line[..at].ends_with(word)
            };
            if line.match_indices(marker).any(|(at, _)| a_word(at)) {
                found.push(Violation { file: file.into(), line: number + 1, rule: format!("has {marker:?}: {why}") });
            }
        }
    }
    found
}
