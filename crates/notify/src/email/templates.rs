//! The words of our mails, in files beside each other: subject, text and HTML.

use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior, Value, syntax::SyntaxConfig};

use super::{assemble::Words, dkim::Dkim, error::ComposeError, own_words};
use crate::email::{MailKind, MailTemplate};

macro_rules! compiled_in {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../templates/", $name)))),+]
    };
}

const FILES: &[(&str, &str)] = compiled_in![
    "voicemail/subject.txt",
    "voicemail/body.txt",
    "voicemail/body.html",
    "voicemail_brief/subject.txt",
    "voicemail_brief/body.txt",
    "mailbox_full/subject.txt",
    "mailbox_full/body.txt",
    "missed_call/subject.txt",
    "missed_call/body.txt",
];

/// Escaping goes by the end of a template's name: `.html` is escaped, `.txt` is not.
static DEFAULTS: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, source) in FILES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
});

/// What a domain's mails are written on: its own words, where it has some, and the keys that sign.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stationery<'a> {
    /// The domain's own words for this kind of mail.
    pub own_words: Option<&'a MailTemplate>,
    /// The keys of domains that sign.
    pub dkim: Option<&'a Dkim>,
}

/// Words a mail in the domain's own words, else in ours.
///
/// What was sound when it was saved may meet facts that it is not ready for: then the mail goes out in our words.
pub(super) fn word(kind: MailKind, stationery: &Stationery<'_>, facts: Value) -> Result<Words, ComposeError> {
    match stationery.own_words.map(|own| own_words::render(own, &facts)) {
        Some(Ok(words)) => return Ok(words),
        Some(Err(error)) => {
            tracing::warn!(part = error.part, line = error.line, "a domain's own words for its mails do not work");
        }
        None => {}
    }
    render(kind.name(), facts)
}

/// The source of our words for a kind of mail, for domains to begin with: subject, text and HTML.
pub fn default_words(kind: MailKind) -> (&'static str, &'static str, Option<&'static str>) {
    let source = |part: &str| FILES.iter().find(|(name, _)| *name == format!("{}/{part}", kind.name()));
    let text = |part| source(part).map_or("", |(_, source)| *source);
    (text("subject.txt"), text("body.txt"), source("body.html").map(|(_, source)| *source))
}

/// Renders the mail `name`; one without a `body.html` is plain.
fn render(name: &str, facts: Value) -> Result<Words, ComposeError> {
    let environment = DEFAULTS.as_ref().map_err(ComposeError::template)?;
    let part = |file: &str| {
        let template = environment.get_template(&format!("{name}/{file}"));
        template.and_then(|template| template.render(facts.clone())).map_err(|error| ComposeError::template(&error))
    };
    let has_html = environment.get_template(&format!("{name}/body.html")).is_ok();
    Ok(Words {
        subject: part("subject.txt")?,
        text: part("body.txt")?,
        html: has_html.then(|| part("body.html")).transpose()?,
    })
}
