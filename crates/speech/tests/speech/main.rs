//! Speech with the real models: what is spoken is understood, what is not speech stays silent, and providers elsewhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

#[cfg(feature = "cloud")]
mod cloud;
mod common;
mod no_speech;
mod signals;
mod synthesis;
mod transcription;
