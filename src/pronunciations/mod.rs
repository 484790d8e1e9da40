//! How a domain wants its words said; a changed word is said anew in every prompt that has it.

pub(crate) mod rows;
mod speak_anew;

pub use self::speak_anew::SpeakAnew;

use crate::refusal::{Rule, Thing};
use voicemill_queue::NewJob;
use voicemill_speech::synthesize::{MAX_PRONUNCIATIONS, Phonetic, Pronunciation, Pronunciations, pronunciation_key};
use voicemill_types::Time;

use crate::{app::App, domains::Domain, error::ServiceError, transaction::Tx};

/// The domain's entries in the order of their words.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Pronunciation>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(rows::list(&mut connection, domain.id).await?)
}

/// The domain's entry for a word.
pub async fn find(app: &App, domain: &Domain, word: &str) -> Result<Pronunciation, ServiceError> {
    let mut connection = app.database.read().await?;
    let entry = rows::find(&mut connection, domain.id, &pronunciation_key(word)).await?;
    entry.ok_or(ServiceError::NotFound(Thing::Pronunciation {}))
}

/// Sets how a word is said, from now on and in every prompt that has it.
pub async fn save(app: &App, domain: &Domain, word: String, phonetic: Phonetic) -> Result<Pronunciation, ServiceError> {
    let entry = Pronunciation { word, phonetic };
    Pronunciations::new([&entry])
        .map_err(|error| ServiceError::invalid("", Rule::BadPronunciation { cause: error.to_string() }))?;
    let key = pronunciation_key(&entry.word);
    let mut tx = app.begin().await?;
    tx.connection().lock(domain.id.0).await?;
    let known = rows::list(tx.connection(), domain.id).await?;
    let before = known.iter().find(|known| pronunciation_key(&known.word) == key);
    if before == Some(&entry) {
        return Ok(entry);
    }
    if before.is_none() && known.len() >= MAX_PRONUNCIATIONS {
        let rule = Rule::TooMany { field: "pronunciations".to_owned(), most: MAX_PRONUNCIATIONS };
        return Err(ServiceError::invalid("", rule));
    }
    let now = Time::from(app.clock.now());
    rows::save(tx.connection(), domain.id, &key, &entry, now).await?;
    enqueue_speech(&mut tx, domain, entry.clone()).await?;
    tx.commit().await?;
    Ok(entry)
}

/// Leaves a word to the voices again, from now on and in every prompt that has it.
pub async fn delete(app: &App, domain: &Domain, word: &str) -> Result<(), ServiceError> {
    let key = pronunciation_key(word);
    let mut tx = app.begin().await?;
    tx.connection().lock(domain.id.0).await?;
    let entry = rows::find(tx.connection(), domain.id, &key).await?;
    let entry = entry.ok_or(ServiceError::NotFound(Thing::Pronunciation {}))?;
    rows::delete(tx.connection(), domain.id, &key).await?;
    enqueue_speech(&mut tx, domain, entry).await?;
    Ok(tx.commit().await?)
}

/// Has every spoken prompt that has the word said anew, in the background.
async fn enqueue_speech(tx: &mut Tx<'_>, domain: &Domain, entry: Pronunciation) -> Result<(), ServiceError> {
    let job = SpeakAnew { domain: domain.id, word: entry.word, phonetic: entry.phonetic };
    tx.enqueue(NewJob::new(domain.id.0, &job)).await?;
    Ok(())
}
