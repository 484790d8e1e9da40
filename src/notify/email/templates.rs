//! The words of our mails, in files beside each other: subject, text and HTML.

use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior, Value, syntax::SyntaxConfig};

use super::error::ComposeError;

/// The parts of one mail in words.
pub(super) struct Words {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
}

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

/// Renders the mail `name`; one without a `body.html` is plain.
pub(super) fn render(name: &str, facts: Value) -> Result<Words, ComposeError> {
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
