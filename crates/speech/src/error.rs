//! What can go wrong with speech: codes with parameters for programs, and the sentences for people, all made here.

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
    /// The program was built without what was asked for.
    #[error("this program was built without {feature}: build it with the feature {feature} of voicemill-speech")]
    MissingFeature {
        /// The feature of this crate.
        feature: &'static str,
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
    /// One source of a model does not work.
    #[error(transparent)]
    Source(#[from] SourceProblem),
    /// A manifest, package or model is not built as expected.
    #[error("{0}")]
    Malformed(String),
    /// The model is not one that this engine reads; another may.
    #[error("{0}")]
    UnreadableModel(String),
    /// The inference engine failed.
    #[error("{0}")]
    Engine(String),
    /// What was asked for cannot be done, however often it is asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A provider elsewhere did not do it.
    #[error(transparent)]
    Provider(#[from] ProviderProblem),
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

/// What a person asked for and cannot have, with what they can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no voice of this name.
    #[error("there is no voice called {name:?}; there are: {known}")]
    UnknownVoice {
        /// The name asked for.
        name: String,
        /// The names there are, comma-separated.
        known: String,
    },
    /// The text is too long to be spoken at once.
    #[error("the text has {characters} characters; at most {most} are spoken at once")]
    TextTooLong {
        /// How many it has.
        characters: usize,
        /// How many it may have.
        most: usize,
    },
    /// The text has words in a script that no voice here reads.
    #[error("the voice reads Latin letters and cannot speak \"{words}\"; write it in Latin letters, as it sounds")]
    UnspeakableWords {
        /// The first of them.
        words: String,
    },
    /// The text has no word and no number.
    #[error("there is nothing to speak in the text: it has neither words nor numbers")]
    NothingToSpeak,
    /// The model knows English only.
    #[error("the model {model} knows only English, not {language:?}; use one of all languages, such as whisper-base")]
    OnlyEnglish {
        /// The model's name.
        model: String,
        /// The language asked for, as ISO 639-1 calls it.
        language: String,
    },
    /// The model is a voice.
    #[error("the model {model} is not for transcription")]
    NotForTranscription {
        /// The model's name.
        model: String,
    },
    /// An operator's own model has the name of another.
    #[error("there are two models called {name:?}; rename yours")]
    ModelNameTaken {
        /// The name.
        name: String,
    },
    /// An operator's own model cannot be read.
    #[error("the model {name} cannot be read from {file}: {cause}")]
    ModelNotReadable {
        /// The model's name.
        name: String,
        /// Where it should lie.
        file: String,
        /// The system's words.
        cause: String,
    },
    /// A domain has too many pronunciations.
    #[error("a domain has at most {most} pronunciations")]
    TooManyPronunciations {
        /// How many it may have.
        most: usize,
    },
    /// A word, or the way it is said, is too long.
    #[error("a word and the way it is said have at most {most} characters each")]
    PronunciationTooLong {
        /// How many characters each may have.
        most: usize,
    },
    /// What should be pronounced otherwise is no word.
    #[error("{word:?} is no word that a voice would say")]
    NoWord {
        /// What was written.
        word: String,
    },
    /// A respelling cannot be spoken.
    #[error("{respelling:?} cannot be spoken; write the word as it sounds, such as \"win\"")]
    UnspeakableRespelling {
        /// What was written.
        respelling: String,
    },
    /// A phonetic symbol is not one of English.
    #[error("{symbol:?} is no symbol of the phonetic alphabet that English voices have")]
    UnknownPhoneme {
        /// The symbol.
        symbol: char,
    },
    /// A pronunciation has marks only.
    #[error("there is no sound in the phonemes")]
    SilentPhonemes,
    /// A provider's address is none.
    #[error("base_url is {address:?}; it must begin with http:// or https://")]
    BadAddress {
        /// What was configured.
        address: String,
    },
}

/// Why a source of a model does not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceProblem {
    /// The operator has named no mirror.
    #[error("no mirror is set")]
    NoMirror,
    /// A package client is not installed.
    #[error("{client} is not installed (on Debian and Ubuntu: apt-get install {package})")]
    NoClient {
        /// The client.
        client: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A package client failed.
    #[error("{client} could not download {requirement}: {reason}")]
    Download {
        /// The client.
        client: String,
        /// The package and its version.
        requirement: String,
        /// The client's last words.
        reason: String,
    },
}

/// What a provider elsewhere answered, or that it did not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderProblem {
    /// It does not take the key. What a provider says of a key may repeat it, so its words are left out.
    #[error("the speech provider does not take our key ({status})")]
    KeyRefused {
        /// The HTTP status.
        status: u16,
    },
    /// It has too much to do.
    #[error("the speech provider is busy ({status})")]
    Busy {
        /// The HTTP status.
        status: u16,
    },
    /// It failed.
    #[error("the speech provider has a problem ({status})")]
    Failed {
        /// The HTTP status.
        status: u16,
    },
    /// It refused the request.
    #[error("the speech provider refused: {explanation}")]
    Refused {
        /// Its words.
        explanation: String,
    },
    /// It took too long.
    #[error("the speech provider did not answer in time")]
    TooSlow,
    /// There is no way to it.
    #[error("the speech provider cannot be reached: {reason}")]
    Unreachable {
        /// The client's words, without the address.
        reason: String,
    },
    /// Its answer is too long.
    #[error("the speech provider answered with more than {most_bytes} bytes")]
    TooMuch {
        /// How many are taken.
        most_bytes: usize,
    },
    /// Its answer has no samples.
    #[error("the speech provider answered with no 16-bit samples")]
    NoSamples,
    /// Its answer has no transcript.
    #[error("the speech provider's answer is no verbose transcript")]
    NoTranscript,
}

impl SpeechError {
    /// A name for the kind of error that does not change, for programs; the sentence may.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } => "unknown_model",
            Self::MissingModel { .. } => "missing_model",
            Self::MissingFeature { .. } => "missing_feature",
            Self::WrongBytes { .. } => "wrong_bytes",
            Self::Fetch { .. } | Self::Source(_) => "fetch_failed",
            Self::Malformed(_) => "malformed_model",
            Self::UnreadableModel(_) => "unreadable_model",
            Self::Engine(_) => "engine_failed",
            Self::Refused(refusal) => refusal.code(),
            Self::Provider(problem) if problem.is_transient() => "provider_unavailable",
            Self::Provider(_) => "provider_refused",
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Audio(_) => "audio",
            Self::Io { .. } => "io",
        }
    }

    /// True when the same request may succeed later: a source unreachable, a disk full, a machine too busy.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Audio(error) => error.is_transient(),
            Self::Provider(problem) => problem.is_transient(),
            Self::Fetch { .. } | Self::DeadlineExceeded | Self::Io { .. } => true,
            _ => false,
        }
    }

    /// Wraps a system error with what was being done.
    pub fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |cause| Self::Io { context, cause }
    }
}

impl Refusal {
    /// As [`SpeechError::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownVoice { .. } => "unknown_voice",
            Self::TextTooLong { .. } => "text_too_long",
            Self::UnspeakableWords { .. } => "unspeakable_words",
            Self::NothingToSpeak => "nothing_to_speak",
            Self::OnlyEnglish { .. } => "only_english",
            Self::NotForTranscription { .. } => "not_for_transcription",
            Self::ModelNameTaken { .. } => "model_name_taken",
            Self::ModelNotReadable { .. } => "model_not_readable",
            Self::TooManyPronunciations { .. } => "too_many_pronunciations",
            Self::PronunciationTooLong { .. } => "pronunciation_too_long",
            Self::NoWord { .. } => "no_word",
            Self::UnspeakableRespelling { .. } => "unspeakable_respelling",
            Self::UnknownPhoneme { .. } => "unknown_phoneme",
            Self::SilentPhonemes => "silent_phonemes",
            Self::BadAddress { .. } => "bad_address",
        }
    }
}

impl ProviderProblem {
    /// True when the provider may do it later.
    fn is_transient(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Failed { .. } | Self::TooSlow | Self::Unreachable { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_code_a_sentence_and_a_judgement_whether_to_try_again() {
        let busy = SpeechError::from(ProviderProblem::Busy { status: 429 });
        assert_eq!((busy.code(), busy.is_transient()), ("provider_unavailable", true));
        assert_eq!(busy.to_string(), "the speech provider is busy (429)");
        let key = SpeechError::from(ProviderProblem::KeyRefused { status: 401 });
        assert_eq!((key.code(), key.is_transient()), ("provider_refused", false));
        let long = SpeechError::from(Refusal::TextTooLong { characters: 5_001, most: 5_000 });
        assert_eq!((long.code(), long.is_transient()), ("text_too_long", false));
        assert!(!SpeechError::MissingModel { name: "m".to_owned() }.is_transient());
        assert!(SpeechError::DeadlineExceeded.is_transient());
    }
}
