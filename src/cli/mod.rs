//! The commands, one file each: arguments, and a `run` that answers in sentences.

pub mod models;
pub mod say;
pub mod transcode;
pub mod transcribe;
