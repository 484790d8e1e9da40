//! How a domain wants its words said; a changed word is said anew in every prompt that has it.

pub(crate) mod rows;

use uuid::Uuid;
use voicemill_speech::synthesize::{MAX_PRONUNCIATIONS, Pronunciation, Pronunciations, Said, pronunciation_key};
use voicemill_types::{PromptId, Time};

use crate::{app::App, domains::Domain, error::ServiceError, prompts, transaction::Tx};

/// The domain's entries in the order of their words.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Pronunciation>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(rows::list(&mut connection, domain.id).await?)
}

/// The domain's entry for a word.
pub async fn find(app: &App, domain: &Domain, word: &str) -> Result<Pronunciation, ServiceError> {
    let mut connection = app.database.read().await?;
    let entry = rows::find(&mut connection, domain.id, &pronunciation_key(word)).await?;
    entry.ok_or(ServiceError::NotFound("pronunciation"))
}

/// Sets how a word is said, from now on and in every prompt that has it.
pub async fn save(app: &App, domain: &Domain, word: String, said: Said) -> Result<Pronunciation, ServiceError> {
    let entry = Pronunciation { word, said };
    let only = Pronunciations::new([&entry]).map_err(|error| ServiceError::Invalid(error.to_string()))?;
    let key = pronunciation_key(&entry.word);
    let mut transaction = app.begin().await?;
    transaction.connection().lock(domain.id.0).await?;
    let known = rows::list(transaction.connection(), domain.id).await?;
    let before = known.iter().find(|known| pronunciation_key(&known.word) == key);
    if before == Some(&entry) {
        return Ok(entry);
    }
    if before.is_none() && known.len() >= MAX_PRONUNCIATIONS {
        return Err(ServiceError::Invalid(format!("a domain has at most {MAX_PRONUNCIATIONS} pronunciations")));
    }
    let now = Time::from(app.clock.now());
    rows::save(transaction.connection(), domain.id, &key, &entry, now).await?;
    speak_anew(&mut transaction, domain, &only).await?;
    transaction.commit().await?;
    Ok(entry)
}

/// Leaves a word to the voices again, from now on and in every prompt that has it.
pub async fn delete(app: &App, domain: &Domain, word: &str) -> Result<(), ServiceError> {
    let key = pronunciation_key(word);
    let mut transaction = app.begin().await?;
    transaction.connection().lock(domain.id.0).await?;
    let entry = rows::find(transaction.connection(), domain.id, &key).await?;
    let entry = entry.ok_or(ServiceError::NotFound("pronunciation"))?;
    let only = Pronunciations::new([&entry]).map_err(|error| ServiceError::Invalid(error.to_string()))?;
    rows::delete(transaction.connection(), domain.id, &key).await?;
    speak_anew(&mut transaction, domain, &only).await?;
    transaction.commit().await?;
    Ok(())
}

/// Begins a new version of every spoken prompt that has a word of `changed` in its script.
async fn speak_anew(transaction: &mut Tx<'_>, domain: &Domain, changed: &Pronunciations) -> Result<(), ServiceError> {
    let mut after = PromptId(Uuid::nil());
    loop {
        let page = prompts::rows::spoken(transaction.connection(), domain.id, after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for prompt in page {
            if prompt.script.as_ref().is_some_and(|script| !changed.used_in(script).is_empty()) {
                let next = prompt.next_version();
                prompts::rows::replace(transaction.connection(), &next).await?;
                prompts::enqueue_speech(transaction, &next).await?;
            }
        }
    }
}
