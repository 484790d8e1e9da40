//! The words of our mails, in files beside each other: subject, text and HTML.

use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior, Value, syntax::SyntaxConfig};

use super::{assemble::Words, dkim::Dkim, error::ComposeError, overrides};
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
    "missed_call/body.html",
    "unheard/subject.txt",
    "unheard/body.txt",
    "unheard/body.html",
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

/// How a domain's mails are made: by its own template, where it has one, and signed with its keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct MailOptions<'a> {
    /// What the domain writes in place of our template for this kind of mail.
    pub template: Option<&'a MailTemplate>,
    /// The keys of domains that sign.
    pub dkim: Option<&'a Dkim>,
}

/// Renders a mail by the domain's template, else by ours.
///
/// What was sound when it was saved may meet facts that it is not ready for: then the mail goes out by ours.
pub(super) fn word(kind: MailKind, options: &MailOptions<'_>, facts: Value) -> Result<Words, ComposeError> {
    match options.template.map(|own| overrides::render(own, &facts)) {
        Some(Ok(words)) => return Ok(words),
        Some(Err(error)) => {
            tracing::warn!(part = error.part, line = error.line, "a domain's template for its mails does not work");
        }
        None => {}
    }
    render(kind.name(), facts)
}

/// The source of our template for a kind of mail, for domains to begin with: subject, text and HTML.
pub fn default_template(kind: MailKind) -> (&'static str, &'static str, Option<&'static str>) {
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
