//! The architecture, checked: who may import whom, no two files that import each other, and nothing left lying about.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
    process::Command,
};

/// What everyone may import.
const EVERYONES: &[&str] = &["model", "clock"];

/// Who may import whom: a module, and those it may import beside itself and `EVERYONES`.
///
/// The longest name that fits a file is its row. `name+` stands for that module and all that its own row allows.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &[]),
    // It composes the sections that modules own.
    ("config", &["links", "notify", "speech", "sql", "storage"]),
    ("telemetry", &["config"]),
    ("audio", &[]),
    ("storage", &[]),
    ("notify", &[]),
    ("links", &[]),
    // The transaction in which metadata and jobs commit together.
    ("sql", &[]),
    ("queue", &["sql"]),
    ("speech", &["audio"]),
    // It applies the queue's schema.
    ("db", &["queue", "sql"]),
    ("app", &["audio", "config", "db", "links", "notify", "queue", "speech", "sql", "storage"]),
    ("jobs", &["app+"]),
    ("service", &["jobs+"]),
    ("ingest", &["service+"]),
    ("http", &["service+"]),
    // What call cores post is parsed by ingest.
    ("http::core", &["service+", "ingest"]),
    ("cli", &["http::core+", "telemetry"]),
    // The edge of the binary, src/main.rs.
    ("main", &["cli+"]),
];

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
fn modules_import_only_what_the_table_allows() {
    report(&Crate::read().forbidden_imports());
}

#[test]
fn no_two_files_import_each_other() {
    report(&Crate::read().mutual_imports());
}

#[test]
fn the_table_has_no_circle() {
    for (module, _) in MAY_IMPORT {
        let itself = top_level(module);
        for import in allowed(module) {
            assert!(
                !allowed(import).contains(itself),
                "{module} may import {import}, and {import} may import {itself}"
            );
        }
    }
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

/// The top-level modules that a row of the table allows, without `EVERYONES`.
fn allowed(module: &str) -> BTreeSet<&'static str> {
    let (_, imports) = MAY_IMPORT.iter().find(|(name, _)| *name == module).expect("every module named has a row");
    let mut all = BTreeSet::new();
    for import in *imports {
        let (name, with_its_own) = import.strip_suffix('+').map_or((*import, false), |name| (name, true));
        all.insert(top_level(name));
        if with_its_own {
            all.extend(allowed(name));
        }
    }
    all
}

fn top_level(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
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

/// The files of `src`, by module.
struct Crate {
    files: BTreeMap<Module, File>,
}

/// The path of a module from the root of the crate.
type Module = Vec<String>;

struct File {
    path: String,
    imports: Vec<Import>,
    /// Names of the items that the file itself defines.
    items: BTreeSet<String>,
}

/// One name that a file uses from elsewhere in the crate.
struct Import {
    line: usize,
    /// From the root of the crate; ends in `*` for all that a module has.
    path: Module,
    /// The name it goes by here, if it is handed on by `pub use`.
    exported_as: Option<String>,
    in_tests: bool,
}

impl Crate {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = Vec::new();
        let mut folders = vec![root.join("src")];
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
        Self::new(&sources)
    }

    /// Takes the sources as path (`src/…`) and text.
    fn new(sources: &[(impl AsRef<str>, impl AsRef<str>)]) -> Self {
        let modules: BTreeSet<Module> = sources.iter().map(|(path, _)| module_of(path.as_ref())).collect();
        let parse = |(path, text): &(_, _)| {
            let (path, text): (&str, &str) = (AsRef::as_ref(path), AsRef::as_ref(text));
            let module = module_of(path);
            let mut parser = Parser::new(text, &module, &modules);
            parser.file();
            (module, File { path: path.into(), imports: parser.imports, items: parser.items })
        };
        Self { files: sources.iter().map(parse).collect() }
    }

    fn forbidden_imports(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (module, file) in self.files.iter().filter(|(module, _)| !module.is_empty()) {
            let violation = |line, rule| Violation { file: file.path.clone(), line, rule };
            let name = module.join("::");
            let fits = |row: &&str| name == **row || name.starts_with(&format!("{row}::"));
            let Some(row) = MAY_IMPORT.iter().map(|(row, _)| *row).filter(fits).max_by_key(|row| row.len()) else {
                violations.push(violation(1, format!("{} has no row in MAY_IMPORT", module[0])));
                continue;
            };
            let mut may: Vec<&str> = EVERYONES.to_vec();
            may.extend(allowed(row));
            for import in &file.imports {
                let Some(other) = import.path.first() else { continue };
                let a_module = self.files.contains_key(std::slice::from_ref(other));
                if a_module && *other != module[0] && !may.contains(&other.as_str()) {
                    let rule = format!("{row} must not import {other}; it may import {}", may.join(", "));
                    violations.push(violation(import.line, rule));
                }
            }
        }
        violations
    }

    /// Pairs of files that use each other's items, outside tests; handing on by `pub use` is no use. A folder's `mod.rs`
    /// and the files in it are one: it lists them, and they share what it defines.
    fn mutual_imports(&self) -> Vec<Violation> {
        let mut uses: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (module, file) in &self.files {
            for import in file.imports.iter().filter(|import| import.exported_as.is_none() && !import.in_tests) {
                let (target, _) = self.definition(&import.path, 0);
                if !target.starts_with(module) && !module.starts_with(target) {
                    uses.entry((&file.path, &self.files[target].path)).or_insert(import.line);
                }
            }
        }
        let mut violations = Vec::new();
        for ((file, other), line) in &uses {
            if let Some(back) = uses.get(&(*other, *file)).filter(|_| file < other) {
                let rule = format!("imports {other}, which imports it (line {back}); no two files import each other");
                violations.push(Violation { file: (*file).into(), line: *line, rule });
            }
        }
        violations
    }

    /// The module whose file a path leads to, re-exports followed, and whether the item was seen there.
    fn definition<'a>(&'a self, path: &'a [String], depth: usize) -> (&'a [String], bool) {
        let length = (0..=path.len()).rev().find(|&length| self.files.contains_key(&path[..length])).unwrap_or(0);
        let (module, rest) = path.split_at(length);
        let (Some(file), Some(name)) = (self.files.get(module), rest.first()) else {
            return (module, true);
        };
        if file.items.contains(name) || depth > 8 {
            return (module, true);
        }
        for import in &file.imports {
            match &import.exported_as {
                Some(exported) if exported == name => return self.definition(&import.path, depth + 1),
                Some(exported) if exported == "*" => {
                    let parent = &import.path[..import.path.len() - 1];
                    if self.files.get(parent).is_some_and(|file| file.items.contains(name)) {
                        return (parent, true);
                    }
                }
                _ => {}
            }
        }
        (module, false)
    }
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`; `src/lib.rs` is the root.
fn module_of(path: &str) -> Module {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// Finds in one file the paths that lead to elsewhere in the crate.
struct Parser<'a> {
    tokens: Vec<(String, usize)>,
    at: usize,
    /// The module of the file, and the inline modules around the current token.
    here: Module,
    file_depth: usize,
    modules: &'a BTreeSet<Module>,
    imports: Vec<Import>,
    items: BTreeSet<String>,
}

impl<'a> Parser<'a> {
    fn new(text: &str, module: &[String], modules: &'a BTreeSet<Module>) -> Self {
        let (imports, items) = (Vec::new(), BTreeSet::new());
        Self { tokens: tokens(text), at: 0, here: module.to_vec(), file_depth: module.len(), modules, imports, items }
    }

    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |(token, _)| token)
    }

    fn before(&self, back: usize) -> &str {
        self.at.checked_sub(back).map_or("", |at| self.token(at))
    }

    fn file(&mut self) {
        // One entry for each open brace: whether it is that of an inline module.
        let mut braces = Vec::new();
        while self.at < self.tokens.len() {
            match self.token(self.at) {
                "{" => {
                    let inline = self.before(2) == "mod";
                    if inline {
                        self.here.push(self.before(1).to_owned());
                    }
                    braces.push(inline);
                }
                "}" if braces.pop() == Some(true) => {
                    self.here.pop();
                }
                "use" if self.token(self.at + 1) != "<" => {
                    let exported = matches!(self.before(1), "pub" | ")");
                    self.at += 1;
                    self.use_tree(&mut Vec::new(), exported);
                    continue;
                }
                "struct" | "enum" | "union" | "fn" | "trait" | "type" | "const" | "static" | "mod"
                    if self.here.len() == self.file_depth =>
                {
                    let name = self.token(self.at + 1).to_owned();
                    // `mod name;` only names another file.
                    if self.token(self.at) != "mod" || self.token(self.at + 2) == "{" {
                        self.items.insert(name);
                    }
                }
                _ if self.token(self.at + 1) == "::" && self.before(1) != "::" => {
                    let visibility = self.before(1) == "in" && self.before(2) == "(";
                    let line = self.tokens[self.at].1;
                    let mut path = vec![self.token(self.at).to_owned()];
                    while self.token(self.at + 1) == "::" && is_name(self.token(self.at + 2)) {
                        path.push(self.token(self.at + 2).to_owned());
                        self.at += 2;
                    }
                    if !visibility {
                        self.import(line, path, None);
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Reads `a::{b, c::*, d as e}` from the current token, `path` being what stands before it.
    fn use_tree(&mut self, path: &mut Module, exported: bool) {
        let outer = path.len();
        let line = self.tokens.get(self.at).map_or(0, |(_, line)| *line);
        loop {
            let token = self.token(self.at).to_owned();
            self.at += 1;
            match token.as_str() {
                "::" => continue,
                "{" => {
                    while !matches!(self.token(self.at), "}" | "") {
                        self.use_tree(path, exported);
                        self.at += usize::from(self.token(self.at) == ",");
                    }
                    self.at += 1;
                    break;
                }
                "self" if outer > 0 => {}
                name => path.push(name.to_owned()),
            }
            if self.token(self.at) != "::" {
                let mut name = path.last().cloned().unwrap_or_default();
                if self.token(self.at) == "as" {
                    name = self.token(self.at + 1).to_owned();
                    self.at += 2;
                }
                self.import(line, path.clone(), exported.then_some(name));
                break;
            }
        }
        path.truncate(outer);
    }

    /// Notes a path as written here, if it leads into the crate.
    fn import(&mut self, line: usize, path: Module, exported_as: Option<String>) {
        let mut base = self.here.clone();
        let supers = path.iter().take_while(|name| *name == "super").count();
        let from = match path[0].as_str() {
            "crate" => {
                base.clear();
                1
            }
            "voicemill" if self.here == ["main"] => {
                base.clear();
                1
            }
            "self" => 1,
            "super" => {
                base.truncate(base.len().saturating_sub(supers));
                supers
            }
            // A module of this one by its bare name; anything else is another crate's, or was imported above.
            name => {
                base.push(name.to_owned());
                if !self.modules.contains(&base) {
                    return;
                }
                1
            }
        };
        base.extend_from_slice(&path[from..]);
        let in_tests = self.here[self.file_depth..].iter().any(|module| module == "tests");
        self.imports.push(Import { line, path: base, exported_as, in_tests });
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// The names and signs of a source text with their lines; without comments, strings, characters and lifetimes.
fn tokens(text: &str) -> Vec<(String, usize)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = token_length(rest, first);
        let (token, tail) = rest.split_at(length);
        if keep {
            tokens.push((token.trim_start_matches("r#").to_owned(), line));
        }
        line += token.matches('\n').count();
        rest = tail;
    }
    tokens
}

/// How long the token at the start of the text is, and whether it counts.
fn token_length(rest: &str, first: char) -> (usize, bool) {
    let word = |text: &str| text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), false)
    } else if rest.starts_with("/*") {
        (block_comment_length(rest), false)
    } else if let Some(length) = string_length(rest) {
        (length, false)
    } else if first == '\'' {
        (quote_length(rest), false)
    } else if let Some(raw) = rest.strip_prefix("r#") {
        (2 + word(raw), true)
    } else if first.is_alphanumeric() || first == '_' {
        (word(rest), true)
    } else if rest.starts_with("::") {
        (2, true)
    } else {
        (first.len_utf8(), !first.is_whitespace())
    }
}

/// Block comments nest.
fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        match rest.get(at..) {
            Some(tail) if tail.starts_with("/*") => (depth, at) = (depth + 1, at + 2),
            Some(tail) if tail.starts_with("*/") => (depth, at) = (depth - 1, at + 2),
            Some("") => return at,
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
}

/// `"…"`, `b"…"`, `c"…"`, and raw ones with any number of hashes.
fn string_length(rest: &str) -> Option<usize> {
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c']).len();
    let body = if prefix <= 1 { &rest[prefix..] } else { return None };
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let opened = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = opened.find(&end).map_or(opened.len(), |at| at + end.len());
        return Some(prefix + 1 + hashes + 1 + length);
    }
    let opened = body.strip_prefix('"')?;
    let mut escaped = false;
    let end = opened.find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    });
    Some(prefix + 1 + end.map_or(opened.len(), |at| at + 1))
}

/// A character (`'x'`, `'\n'`), or only the tick of a lifetime and its name.
fn quote_length(rest: &str) -> usize {
    let inner = &rest[1..];
    if let Some(escape) = inner.strip_prefix('\\') {
        let skip = escape.chars().next().map_or(0, char::len_utf8);
        return escape[skip..].find('\'').map_or(rest.len(), |at| 2 + skip + at + 1);
    }
    let letter = inner.chars().next().map_or(0, char::len_utf8);
    if inner[letter..].starts_with('\'') {
        return 1 + letter + 1;
    }
    1 + inner.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(inner.len())
}

/// The checks above find what is planted.
mod planted {
    use super::*;

    fn lines(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(ToString::to_string).collect()
    }

    fn forbidden(path: &str, text: &str) -> Vec<String> {
        let others =
            ["app", "audio/mod", "cli/mod", "http/auth", "ingest/asterisk", "ingest/mod", "service/mod", "storage"];
        let mut sources: Vec<_> = others.iter().map(|name| (format!("src/{name}.rs"), "")).collect();
        sources.retain(|(other, _)| other != path);
        sources.push((path.into(), text));
        lines(&Crate::new(&sources).forbidden_imports())
    }

    const NONE: [String; 0] = [];

    #[test]
    fn an_import_upward_is_found_with_file_line_and_rule() {
        let text = "use std::fs;\nuse crate::{\n    model::Time,\n    service::messages,\n};\n";
        assert_eq!(
            forbidden("src/audio/clip.rs", text),
            ["src/audio/clip.rs:4: audio must not import service; it may import model, clock"]
        );
    }

    #[test]
    fn lists_relative_paths_and_paths_in_code_are_read() {
        assert_eq!(forbidden("src/audio/mod.rs", "fn f() { crate::storage::put() }").len(), 1);
        assert_eq!(forbidden("src/audio/decode/wav.rs", "use super::super::super::storage::BlobStore;").len(), 1);
        assert_eq!(forbidden("src/links.rs", "mod tests { use super::*; use super::super::app::App; }").len(), 1);
        assert_eq!(forbidden("src/http/api.rs", "use crate::{app::App, ingest::{self, asterisk as a}};").len(), 2);
        assert_eq!(forbidden("src/jobs/mod.rs", "pub use crate::service::*;").len(), 1);
    }

    #[test]
    fn what_is_allowed_commented_out_or_quoted_is_left_alone() {
        assert_eq!(forbidden("src/http/core/mod.rs", "use crate::{ingest::asterisk, service};"), NONE);
        assert_eq!(forbidden("src/audio/mod.rs", "// crate::app\n/* /* crate::cli */ crate::app */"), NONE);
        assert_eq!(
            forbidden("src/audio/mod.rs", r###"const A: &str = r##""# crate::app"##; const B: char = '"';"###),
            NONE
        );
        assert_eq!(
            forbidden("src/audio/mod.rs", r#"fn f<'a>(s: &'a str) { g(b"\" crate::app", '\'', "crate::cli") }"#),
            NONE
        );
    }

    #[test]
    fn a_module_without_a_row_is_found() {
        assert_eq!(forbidden("src/helpers.rs", ""), ["src/helpers.rs:1: helpers has no row in MAY_IMPORT"]);
    }

    #[test]
    fn two_files_that_import_each_other_are_found_through_re_exports() {
        let job = ("src/queue/job.rs", "use super::Attempt;\npub struct Job;");
        let attempt = ("src/queue/attempt.rs", "\nuse crate::queue::job::Job;\npub struct Attempt;");
        let folder = ("src/queue/mod.rs", "mod attempt;\nmod job;\npub use attempt::*;\npub use job::Job;");
        assert_eq!(
            lines(&Crate::new(&[job, attempt, folder]).mutual_imports()),
            [
                "src/queue/attempt.rs:2: imports src/queue/job.rs, which imports it (line 1); no two files import each other"
            ]
        );
    }

    #[test]
    fn re_exporting_a_file_testing_with_it_and_sharing_a_folder_are_no_import() {
        let job = ("src/queue/job.rs", "use super::Attempt;\npub struct Job;");
        let attempt =
            ("src/queue/attempt.rs", "use super::Queue;\npub struct Attempt;\nmod tests { use super::super::Job; }");
        let folder = (
            "src/queue/mod.rs",
            "mod attempt;\nmod job;\npub use self::{attempt::Attempt, job::Job};\npub struct Queue(Job);",
        );
        assert_eq!(lines(&Crate::new(&[job, attempt, folder]).mutual_imports()), NONE);
    }

    #[test]
    fn leftovers_are_found_with_file_and_line() {
        let text =
            format!("fine\n// {}: later\n{}S\n{}()\nsee {}me/x", LEFTOVERS[0].0, LEFTOVERS[0].0, LEFTOVERS[2].0, "/ho");
        let found = lines(&leftovers("a.rs", &text));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("a.rs:2: has "), "{found:?}");
    }
}
