//! Why there is no sound, as it is answered.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::refusal::{self, parameters};

/// Why nothing could be made of a sound, or why there is none.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Failure {
    /// A name that stays when its sentence changes.
    code: &'static str,
    /// The reason and what to do, in English.
    detail: String,
    /// What the sentence is made of, for other languages.
    parameters: Map<String, Value>,
}

impl From<&refusal::Failure> for Failure {
    fn from(failure: &refusal::Failure) -> Self {
        Self { code: failure.code(), detail: failure.to_string(), parameters: parameters(failure) }
    }
}
