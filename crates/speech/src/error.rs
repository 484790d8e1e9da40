//! What can go wrong with speech, in words a person can act on.

use std::io;

use voicemill_audio::format::AudioError;

/// An error of transcription, synthesis or the models behind them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpeechError {
    /// The manifest has no model of this name.
    #[error("there is no model called {name:?}; there are {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are, comma-separated.
        known: String,
    },
    /// The model was never fetched, or not completely.
    #[error("the model {name} is not here: run `voicemill models fetch {name}`")]
    MissingModel {
        /// The model's name in the manifest.
        name: String,
    },
    /// A file's bytes are not those the manifest promises.
    #[error("{file} is not the file the manifest names: expected sha256 {expected}, got {got}")]
    WrongBytes {
        /// The file, named by model or package.
        file: String,
        /// The manifest's digest in hexadecimal.
        expected: String,
        /// The digest found in hexadecimal.
        got: String,
    },
    /// No source of a model worked; each one's reason is told.
    #[error("could not fetch {name}: {reasons}")]
    Fetch {
        /// The model's name in the manifest.
        name: String,
        /// One clause a source.
        reasons: String,
    },
    /// A manifest, package or model is not built as expected.
    #[error("{0}")]
    Malformed(String),
    /// The inference engine refused or failed.
    #[error("{0}")]
    Engine(String),
    /// What was asked for is outside the bounds: a text too long, a voice that is not there.
    #[error("{0}")]
    Refused(String),
    /// A provider elsewhere cannot do it now.
    #[error("{0}")]
    Unavailable(String),
    /// The caller asked for the work to stop.
    #[error("the work was cancelled")]
    Cancelled,
    /// The deadline passed before the work was done.
    #[error("the work was not done by its deadline")]
    DeadlineExceeded,
    /// The audio to transcribe could not be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// Reading or writing a file failed.
    #[error("{context}: {cause}")]
    Io {
        /// What was being done.
        context: String,
        /// The system's error.
        cause: io::Error,
    },
}

impl SpeechError {
    /// True when the same request may succeed later: a source unreachable, a disk full, a machine too busy.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Audio(error) => error.is_transient(),
            Self::Fetch { .. } | Self::Unavailable(_) | Self::DeadlineExceeded | Self::Io { .. } => true,
            _ => false,
        }
    }

    /// Wraps a system error with what was being done.
    pub fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |cause| Self::Io { context, cause }
    }
}
