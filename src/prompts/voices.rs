//! The voices there are, and what they sound like.

use crate::refusal::{Rule, Thing};
use std::sync::Arc;

use bytes::Bytes;
use voicemill_speech::{
    SpeechError,
    synthesize::{self, SAMPLE, Speech, Voice, VoiceId},
};

use crate::{app::App, error::ServiceError};

/// Every voice, those that cannot speak yet among them.
pub fn list(app: &App) -> Vec<Voice> {
    app.synthesizer.voices()
}

/// A WAV file of the voice, spoken when it is first asked for. One is spoken at a time, whoever asks.
pub async fn sample(app: &Arc<App>, voice: VoiceId) -> Result<Bytes, ServiceError> {
    let known = app.synthesizer.voices();
    let known = synthesize::find(&known, &voice).map_err(|_| ServiceError::NotFound(Thing::Voice {}))?;
    if !known.ready {
        let rule = Rule::VoiceNotInstalled { voice: voice.to_string(), model: known.model.to_string() };
        return Err(ServiceError::invalid("", rule));
    }
    let mut samples = app.voice_samples.lock().await;
    if let Some(sample) = samples.get(&voice) {
        return Ok(sample.clone());
    }
    let (engine, speaker) = (app.synthesizer.clone(), voice.clone());
    let spoken = tokio::task::spawn_blocking(move || engine.synthesize(&Speech::new(SAMPLE, &speaker))?.to_wav());
    let wav = spoken.await.map_err(|error| ServiceError::Internal(error.into()))?;
    let wav = wav.map_err(|error: SpeechError| ServiceError::sorted(error.is_transient(), error))?;
    let sample = Bytes::from(wav);
    samples.insert(voice, sample.clone());
    Ok(sample)
}
