//! Scripts: which can be spoken, by which voice, and what they sound like before anything is saved.

use std::{sync::Arc, time::Duration};

use tokio::task::spawn_blocking;
use voicemill_speech::synthesize::{self, Manner, Pronunciations, Speech, Voice, VoiceId};
use voicemill_storage::{BlobKey, ByteStream};
use voicemill_types::Time;

use crate::{
    app::App,
    domains::Domain,
    error::ServiceError,
    mailboxes::Mailbox,
    prompts::spoken::{self, Spoken},
    pronunciations,
    refusal::Rule,
};

/// Longest time that somebody waits to hear a script.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Refuses what no voice can speak, and a voice that cannot speak now.
pub(super) fn check_script(app: &App, script: &str, voice: Option<&str>) -> Result<(), ServiceError> {
    if script.trim().is_empty() {
        return Err(ServiceError::invalid("/script", Rule::ScriptEmpty {}));
    }
    synthesize::check_text(script)
        .map_err(|error| ServiceError::invalid("/script", Rule::BadScript { cause: error.to_string() }))?;
    let voice = VoiceId::new(voice.map_or_else(|| app.config.speech.voice.clone(), str::to_owned));
    match synthesize::find(&app.synthesizer.voices(), &voice) {
        Ok(known) if known.ready => Ok(()),
        Ok(known) => {
            let rule = Rule::VoiceNotInstalled { voice: voice.to_string(), model: known.model.to_string() };
            Err(ServiceError::invalid("/voice", rule))
        }
        Err(error) => Err(ServiceError::invalid("/voice", Rule::UnknownVoice { cause: error.to_string() })),
    }
}

/// The voice for people of a BCP 47 `locale`: the configured one if it speaks their language as they do, or else one that does,
/// or one that speaks their language at all; and the configured one where there is none.
pub(super) fn voice_for(app: &App, locale: &str) -> String {
    let configured = app.config.speech.voice.clone();
    let voices = app.synthesizer.voices();
    let language = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let closeness = |voice: &Voice| match () {
        () if voice.language.eq_ignore_ascii_case(locale) => 4,
        () if language(&voice.language) == language(locale) => 2,
        () => 0,
    };
    let own = |voice: &Voice| u8::from(voice.id.as_str() == configured);
    let able = voices.iter().filter(|voice| voice.ready && closeness(voice) > 0);
    // Of voices that are as close, the first.
    let best = able.rev().max_by_key(|voice| closeness(voice) + own(voice));
    best.map_or(configured.clone(), |voice| voice.id.to_string())
}

/// Words to be heard before they are saved.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The words.
    pub script: String,
    /// The voice; the one of the mailbox's language if none is named.
    pub voice: Option<String>,
    /// How it speaks.
    pub manner: Manner,
}

/// Speaks words and keeps nothing but the speech, so that a prompt of the same words costs no second work; a WAV file.
pub async fn hear(
    app: &Arc<App>,
    domain: &Domain,
    mailbox: Option<&Mailbox>,
    trial: Trial,
) -> Result<(ByteStream, u64), ServiceError> {
    let voice = trial.voice.unwrap_or_else(|| app.config.speech.voice.clone());
    check_script(app, &trial.script, Some(&voice))?;
    let voice = VoiceId::new(voice);
    let locale = mailbox.map_or(&*domain.locale, |mailbox| mailbox.language(domain)).to_owned();
    let entries = pronunciations::rows::list(&mut app.database.read().await?, domain.id).await?;
    let pronunciations = Pronunciations::new(&entries).map_err(|error| ServiceError::Internal(error.into()))?;
    let model = synthesize::find(&app.synthesizer.voices(), &voice).map(|voice| voice.model.clone())?;
    let digest = {
        let words = Speech {
            manner: trial.manner,
            locale: &locale,
            pronunciations: &pronunciations,
            ..Speech::new(&trial.script, &voice)
        };
        words.digest(&model)
    };
    let known = spoken::find(&mut app.database.read().await?, domain.id, &digest).await?;
    let spoken = match known {
        Some(spoken) => spoken,
        None => {
            let busy = || ServiceError::Unavailable(anyhow::anyhow!("others hear their scripts"));
            // One at a time, whoever asks: the workers need the cores.
            let turn = tokio::time::timeout(LONGEST_WAIT, app.trials.clone().lock_owned()).await.map_err(|_| busy())?;
            let engine = app.synthesizer.clone();
            let wav = spawn_blocking(move || {
                let _turn = turn;
                let speech = Speech {
                    manner: trial.manner,
                    locale: &locale,
                    pronunciations: &pronunciations,
                    ..Speech::new(&trial.script, &voice)
                };
                engine.synthesize(&speech)?.to_wav()
            })
            .await??;
            keep(app, domain, &digest, &wav).await?
        }
    };
    let key: BlobKey = spoken.key.parse().map_err(voicemill_storage::StorageError::from)?;
    let bytes = u64::try_from(spoken.bytes).unwrap_or(0);
    Ok((app.store.get(&key, None).await?.body, bytes))
}

/// Keeps speech for whoever has the same words spoken.
async fn keep(app: &App, domain: &Domain, digest: &str, wav: &[u8]) -> Result<Spoken, ServiceError> {
    let scratch = app.scratch()?;
    let file = scratch.path().join("speech.wav");
    tokio::fs::write(&file, wav).await?;
    let key = BlobKey::new(domain.id, "wav").map_err(|error| ServiceError::Internal(error.into()))?;
    let stored = app.store.put_file(&key, &file).await?;
    let bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
    let spoken = Spoken { key: key.to_string(), bytes, sha256: stored.sha256 };
    let mut tx = app.begin().await?;
    spoken::insert(tx.connection(), domain.id, digest, &spoken, Time::from(app.clock.now())).await?;
    tx.commit().await?;
    Ok(spoken)
}
