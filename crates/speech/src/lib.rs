//! Speech to text, text to speech, and the models both need.

pub mod accuracy;
pub mod cloud;
pub mod error;
pub mod models;
pub mod synthesize;
pub mod text;
pub mod transcribe;

pub use error::SpeechError;
