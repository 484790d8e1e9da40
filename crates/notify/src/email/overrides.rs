//! Templates that a domain writes in place of ours, checked when they are saved and bounded when they are used.
//!
//! They come from people who are not ours. Steps and output are limited; and since a few steps that build one text from
//! another could fill the memory, what builds texts (operators, lists, variables, macros) is not part of the language here.
//! The parser calls itself for each operator, filter and `elif`, so that expressions and blocks are limited, too, and all of
//! it happens on a thread of its own, whose stack bears the most that is allowed.

use std::{io, sync::LazyLock};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, filters, functions, syntax::SyntaxConfig};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::assemble::Words;
use crate::email::MailTemplate;

/// Steps that one part may take.
const MOST_STEPS: u64 = 10_000;
/// Bytes that one part may become.
const MOST_BYTES: usize = 256 * 1024;
/// Bytes that one part may be written in.
const LONGEST_SOURCE: usize = 64 * 1024;
/// Bytes that one expression may have: everything between `{{` and `}}`, or `{%` and `%}`.
const LONGEST_EXPRESSION: usize = 1_000;
/// Blocks that one part may have.
const MOST_BLOCKS: usize = 500;
/// Bytes of the stack that a template is read and rendered on; the most that is allowed takes a tenth of it.
const STACK: usize = 8 * 1024 * 1024;
/// What may begin a block.
const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// What is wrong with a domain's template, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}, line {line}: {reason}")]
pub struct TemplateError {
    /// `subject`, `body_text` or `body_html`.
    pub part: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// Renders a domain's template.
pub(super) fn render(template: &MailTemplate, facts: &Value) -> Result<Words, TemplateError> {
    on_own_stack(|| render_parts(template, facts)).unwrap_or_else(|| {
        Err(TemplateError { part: "subject", line: 1, reason: "templates cannot be read at the moment".to_owned() })
    })
}

/// Runs it on a thread of its own; nothing if there can be none, or it panicked. A thread of the runtime that waits for it hands
/// its other tasks over first.
fn on_own_stack<T: Send>(run: impl FnOnce() -> T + Send) -> Option<T> {
    let wait = || {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("template".to_owned()).stack_size(STACK);
            thread.spawn_scoped(scope, run).ok()?.join().ok()
        })
    };
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

fn render_parts(template: &MailTemplate, facts: &Value) -> Result<Words, TemplateError> {
    let part = |name, source: &str| render_part(name, source, facts);
    Ok(Words {
        subject: part("subject", &template.subject)?,
        text: part("body_text", &template.body_text)?,
        html: template.body_html.as_deref().map(|html| part("body_html", html)).transpose()?,
    })
}

static LANGUAGE: LazyLock<Option<Environment<'static>>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().ok()?);
    // Escaping goes by the part's name, as with our own.
    environment.set_auto_escape_callback(|name| match name {
        "body_html" => minijinja::AutoEscape::Html,
        _ => minijinja::AutoEscape::None,
    });
    environment.set_fuel(Some(MOST_STEPS));
    environment.add_filter("default", filters::default);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("title", filters::title);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("length", filters::length);
    environment.add_function("range", functions::range);
    Some(environment)
});

fn render_part(part: &'static str, source: &str, facts: &Value) -> Result<String, TemplateError> {
    let bad = |line, reason: String| TemplateError { part, line, reason };
    if source.len() > LONGEST_SOURCE {
        return Err(bad(1, format!("it has {} bytes; at most {LONGEST_SOURCE} are taken", source.len())));
    }
    scan(source).map_err(|(line, reason)| bad(line, reason))?;
    let language = LANGUAGE.as_ref().ok_or_else(|| bad(1, "templates cannot be read at the moment".to_owned()))?;
    let explained = |error: minijinja::Error| {
        let reason = match error.kind() {
            ErrorKind::OutOfFuel => format!("it takes more than {MOST_STEPS} steps; let its loops end earlier"),
            ErrorKind::WriteFailure => format!("it becomes longer than {MOST_BYTES} bytes; let its loops end earlier"),
            ErrorKind::UndefinedError => "this is not known here; see the default words for what there is".to_owned(),
            kind => error.detail().map_or(kind.to_string(), |detail| format!("{kind}: {detail}")),
        };
        bad(error.line().unwrap_or(1), reason)
    };
    let template = language.template_from_named_str(part, source).map_err(explained)?;
    let mut written = Bounded(Vec::new());
    template.render_captured_to(facts.clone(), &mut written).map_err(explained)?;
    String::from_utf8(written.0).map_err(|_| bad(1, "it becomes no text".to_owned()))
}

/// A writer that fails when it is full.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_BYTES {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Refuses what builds texts from texts, by its line. Within `{{ … }}` and `{% … %}`, and outside of quotes, there are only
/// names, numbers, comparisons and filters.
fn scan(source: &str) -> Result<(), (usize, String)> {
    let line = |at: usize| source[..at].matches('\n').count() + 1;
    let (mut at, mut blocks) = (0, 0);
    while let Some(found) = source[at..].find('{') {
        let open = at + found;
        let rest = &source[open..];
        if rest.starts_with("{#") {
            let end = rest.find("#}").ok_or_else(|| (line(open), "a comment does not end".to_owned()))?;
            at = open + end + 2;
            continue;
        }
        let (is_block, close) = match rest.as_bytes().get(1) {
            Some(b'{') => (false, "}}"),
            Some(b'%') => (true, "%}"),
            _ => {
                at = open + 1;
                continue;
            }
        };
        let inside = rest[2..].trim_start_matches(['-', '+']);
        if is_block {
            blocks += 1;
            if blocks > MOST_BLOCKS {
                return Err((line(open), format!("these are more than {MOST_BLOCKS} blocks; write fewer")));
            }
            let tag: String =
                inside.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            if !TAGS.contains(&tag.as_str()) {
                return Err((line(open), format!("there is no `{tag}` here; there are if, elif, else and for")));
            }
        }
        let start = open + rest.len() - inside.len();
        let end = expression_end(inside, close).map_err(|(offset, reason)| (line(start + offset), reason))?;
        at = start + end;
    }
    Ok(())
}

/// Where an expression and what closes it end.
fn expression_end(inside: &str, close: &str) -> Result<usize, (usize, String)> {
    let mut letters = inside.char_indices();
    while let Some((offset, letter)) = letters.next() {
        if inside[offset..].starts_with(close) {
            return Ok(offset + close.len());
        }
        if offset > LONGEST_EXPRESSION {
            return Err((0, format!("this expression is longer than {LONGEST_EXPRESSION} bytes; write a shorter one")));
        }
        match letter {
            '"' | '\'' => loop {
                match letters.next() {
                    Some((_, '\\')) => {
                        letters.next();
                    }
                    Some((_, end)) if end == letter => break,
                    Some(_) => {}
                    None => return Err((offset, "a quotation does not end".to_owned())),
                }
            },
            // A sign before the close trims white space.
            '+' if inside[offset + 1..].starts_with(close) => {}
            '*' | '~' | '+' | '[' | '{' => {
                return Err((offset, format!("`{letter}` is not part of the language here")));
            }
            _ => {}
        }
    }
    Err((0, format!("this is not closed by `{close}`")))
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    fn rendered(source: &str) -> Result<String, TemplateError> {
        render_part("body_text", source, &context! { caller => "Zoë <z@example.com>", link => context! { url => "u" } })
    }

    #[test]
    fn words_use_what_there_is() {
        let source = "Hi{# a comment with {{ and \" #}.\n{% if link %}\nListen: {{ link.url }} {{ caller|upper }}\n{% endif %}\n{ }";
        assert_eq!(rendered(source).unwrap(), "Hi.\nListen: u ZOË <Z@EXAMPLE.COM>\n{ }");
        assert_eq!(rendered("{{ \"a\\\"*b\" }}{%- for i in range(3) +%}{{ i }}{% endfor %}").unwrap(), "a\"*b012");
        let html = render_part("body_html", "{{ caller }}", &context! { caller => "<b>" }).unwrap();
        assert_eq!(html, "&lt;b&gt;");
    }

    #[test]
    fn n6_a_looping_or_broken_template_is_refused_with_line_and_reason() {
        for (source, line, reason) in [
            ("one\n{% for i in range(100000) %}{{ i }}{% endfor %}", 2, "more than 10000 steps"),
            (
                "{% for i in range(999) %}{% for i in range(999) %}{% for i in range(999) %}{% endfor %}{% endfor %}{% endfor %}",
                1,
                "steps",
            ),
            ("one\n\n{% if %}", 3, "syntax error"),
            ("one\n{{ caler }}", 2, "not known here"),
            ("{{ caller|reverse }}", 1, "unknown filter"),
            ("{{ caller", 1, "not closed"),
            ("a\n{% include 'body_text' %}", 2, "there is no `include`"),
            ("{% set x = caller %}", 1, "there is no `set`"),
            ("{%- macro m() %}{% endmacro %}", 1, "there is no `macro`"),
            ("{% raw %}{{ \" {% endraw %}{{ \"x\" * 9 }}", 1, "there is no `raw`"),
            ("\n{{ \"x\" * 1000000000 }}", 2, "`*` is not part"),
            ("{{ 10 ** 9 }}", 1, "`*` is not part"),
            ("{{ caller ~ caller }}", 1, "`~` is not part"),
            ("{% for x in [1] %}{% endfor %}", 1, "`[` is not part"),
            ("{{ {'a': 1} }}", 1, "`{` is not part"),
            ("{# {{ \" #}{{ \"x\" * 9 }}", 1, "`*` is not part"),
            ("{% endif %}", 1, "syntax error"),
            ("{{ range(200000) }}", 1, ""),
            ("{{ lipsum(10) }}", 1, ""),
        ] {
            let error = rendered(source).unwrap_err();
            assert_eq!(error.line, line, "{source}: {error}");
            assert!(error.to_string().contains(reason), "{source}: {error}");
        }
        let long = format!("{{% for i in range(3000) %}}{}{{% endfor %}}", "x".repeat(1000));
        assert!(rendered(&long).unwrap_err().to_string().contains("longer than"));
        assert!(rendered(&"x".repeat(70_000)).is_err());
    }

    /// Each ended the whole process, or kept a thread busy for seconds (attack.md, 1 and 19).
    #[test]
    fn attack_1_what_nests_without_brackets_is_refused_before_it_is_read() {
        let many = |what: &str, count| what.repeat(count);
        for (source, reason) in [
            (format!("{{{{ {}caller }}}}", many("not ", 7_000)), "longer than 1000 bytes"),
            (format!("{{{{ {}caller }}}}", many("not ", 3_757)), "longer than 1000 bytes"),
            (format!("{{{{ {}1 }}}}", many("-", 60_000)), "longer than 1000 bytes"),
            (format!("{{{{ {}1 }}}}", many("- ", 30_000)), "longer than 1000 bytes"),
            (format!("{{{{ caller{} }}}}", many("|upper", 9_000)), "longer than 1000 bytes"),
            (format!("{{{{ link{} }}}}", many(".url", 15_000)), "longer than 1000 bytes"),
            (format!("{{{{ {}1 }}}}", many("1 and ", 10_000)), "longer than 1000 bytes"),
            (format!("{{% if 1 %}}{}{{% endif %}}", many("{%elif 0%}", 6_000)), "more than 500 blocks"),
            (format!("{}{}", many("{% if 1 %}", 5_000), many("{% endif %}", 1_000)), "more than 500 blocks"),
        ] {
            let source = &source[..source.len().min(LONGEST_SOURCE)];
            let error = rendered(source).unwrap_err();
            assert!(error.reason.contains(reason) || error.reason.contains("is not closed"), "{error}");
        }
    }

    /// The most that is allowed takes no more than the stack that it gets.
    #[test]
    fn the_deepest_that_is_allowed_is_borne() {
        let fill = |what: &str, rest: &str| what.repeat((LONGEST_EXPRESSION - rest.len() - 2) / what.len()) + rest;
        let shapes = [
            format!("{{{{ {} }}}}", fill("not ", "caller")),
            format!("{{{{ {} }}}}", fill("- ", "1")),
            format!("{{{{ {} }}}}", fill("-", "1")),
            format!("{{{{ {} }}}}", fill("1 and ", "1")),
            format!("{{{{ caller{} }}}}", fill("|upper", "")),
            format!("{{{{ link{} }}}}", fill(".url", "")),
            format!("{{% if 0 %}}{}{{% endif %}}", "{%elif 0%}".repeat(MOST_BLOCKS - 2)),
            format!("{}{}", "{% if 1 %}".repeat(MOST_BLOCKS / 2), "{% endif %}".repeat(MOST_BLOCKS / 2)),
            format!("{}{}", "{% for i in range(1) %}".repeat(MOST_BLOCKS / 2), "{% endfor %}".repeat(MOST_BLOCKS / 2)),
            format!("{{{{ {}caller{} }}}}", "(".repeat(490), ")".repeat(490)),
        ];
        for source in shapes {
            let rendered = std::thread::Builder::new().stack_size(STACK / 10).spawn(move || {
                let _ = rendered(&source);
            });
            rendered.unwrap().join().unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_template_that_panics_or_takes_its_time_leaves_the_runtime_alone() {
        let (began, begun) = std::sync::mpsc::channel();
        let other = tokio::spawn(async move { began.send(()).is_ok() });
        // On the only thread of the runtime: the other task has to run meanwhile.
        let waited = tokio::spawn(async move { on_own_stack(move || begun.recv()) });
        assert!(waited.await.unwrap().unwrap().is_ok() && other.await.unwrap());
        assert!(on_own_stack(|| panic!("as a template's engine may")).is_none_or(|()| false));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_answered(source in "(\\{\\{|\\}\\}|\\{%|%\\}|\\{#|#\\}|if |for i in |range\\(9\\)|caller|endif|endfor|\"|'|\\\\|[ *~x\\n]){0,40}") {
            let _ = rendered(&source);
        }
    }
}
