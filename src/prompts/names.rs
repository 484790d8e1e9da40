//! The recorded name of a mailbox; with none, its name is spelled letter by letter in its language.

use voicemill_speech::{synthesize::Manner, text::parts::Part};

use crate::{
    app::App,
    domains::Domain,
    error::ServiceError,
    mailboxes::Mailbox,
    prompts::{
        self, NewPrompt, Prompt, PromptKind, blank, rows,
        versions::{self, Begin, Source},
    },
};

/// The name that callers of a mailbox hear.
#[derive(Clone, Debug)]
pub enum SpokenName {
    /// What its owner gave.
    Recorded(Prompt),
    /// Nothing was given, or nothing of it can be heard yet: the name, letter by letter.
    Spelled(Prompt),
}

impl SpokenName {
    /// The prompt that is played.
    pub fn prompt(&self) -> &Prompt {
        match self {
            Self::Recorded(prompt) | Self::Spelled(prompt) => prompt,
        }
    }
}

/// The mailbox's recorded name, whatever became of it.
pub async fn recorded(app: &App, mailbox: &Mailbox) -> Result<Option<Prompt>, ServiceError> {
    Ok(rows::recorded_name(&mut app.database.read().await?, mailbox.id).await?)
}

/// What callers hear as the mailbox's name; none where its letters were never spoken.
pub async fn known(app: &App, domain: &Domain, mailbox: &Mailbox) -> Result<Option<SpokenName>, ServiceError> {
    if let Some(prompt) = recorded(app, mailbox).await?.filter(|prompt| prompt.served_version.is_some()) {
        return Ok(Some(SpokenName::Recorded(prompt)));
    }
    Ok(prompts::announced(app, domain, mailbox, &letters(mailbox)).await?.map(SpokenName::Spelled))
}

/// What callers hear as the mailbox's name. Letters are spoken when they are first asked for, and kept as announcements are.
pub async fn heard(app: &App, domain: &Domain, mailbox: &Mailbox) -> Result<SpokenName, ServiceError> {
    if let Some(known) = known(app, domain, mailbox).await? {
        return Ok(known);
    }
    let (letters, manner) = (letters(mailbox), Manner::default());
    Ok(SpokenName::Spelled(prompts::announce(app, domain, Some(mailbox), &letters, None, manner).await?))
}

fn letters(mailbox: &Mailbox) -> [Part; 1] {
    let name = if mailbox.name.trim().is_empty() { &mailbox.extension } else { &mailbox.name };
    [Part::Spelled(name.clone())]
}

/// Gives the mailbox a name, in place of the one that it has.
pub async fn give(app: &App, domain: &Domain, mailbox: &Mailbox, source: Source) -> Result<Prompt, ServiceError> {
    match recorded(app, mailbox).await? {
        Some(prompt) => versions::begin(app, prompt.next_version(), source, Begin::Next).await,
        None => {
            let extension = Some(mailbox.extension.clone());
            let new = NewPrompt { kind: PromptKind::RecordedName, name: "Recorded name".to_owned(), extension };
            versions::begin(app, blank(app, domain, new, Some(mailbox.id)), source, Begin::New(None)).await
        }
    }
}
