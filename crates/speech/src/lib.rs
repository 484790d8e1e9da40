#![doc = include_str!("../README.md")]

pub mod accuracy;
#[cfg(feature = "cloud")]
mod cloud;
pub mod error;
mod load_once;
pub mod models;
pub mod synthesize;
pub mod text;
pub mod transcribe;

pub use error::SpeechError;
