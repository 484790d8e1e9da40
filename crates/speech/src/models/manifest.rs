//! The list of models that can be fetched, as `models/manifest.toml` states it.

use std::path::{Component, Path};

use serde::Deserialize;

use super::{convert::Encoding, digest::Sha256Digest};
use crate::SpeechError;

/// Every model there is, with its sources and digests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "model")]
    models: Vec<Model>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Speech to text.
    Transcription,
    /// Text to speech.
    Voice,
}

/// One model: its files and the sources to get them from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name people type, also the model's folder.
    pub name: String,
    /// What the model is for.
    pub purpose: Purpose,
    /// One line for people who choose.
    pub about: String,
    /// The licence of the weights, as an SPDX expression.
    pub licence: String,
    /// The files that make the model, at least one.
    pub files: Vec<ModelFile>,
    #[serde(rename = "source")]
    pub(super) sources: Vec<Source>,
}

/// One file of a fetched model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// File name inside the model's folder.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the whole file.
    pub sha256: Sha256Digest,
}

/// A place a model can come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Source {
    /// The operator's mirror holds the finished files.
    File,
    /// Packages from whatever registries the machine's package clients are set up for.
    Packages { packages: Vec<Package>, make: Recipe },
}

/// Whose package it is, and so the client that downloads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Registry {
    /// A Python wheel, by pip.
    Pypi,
    /// A Node package, by npm.
    Npm,
}

/// A package, pinned to one archive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Package {
    pub(super) from: Registry,
    pub(super) name: String,
    pub(super) version: String,
    /// Name of the archive that the client leaves in the download folder.
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) sha256: Sha256Digest,
}

/// How the model's files are made from a source's archives.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Recipe {
    /// What in the archives each of the model's files is, in the order of [`Model::files`].
    Unpack(Vec<Member>),
    /// Whisper weights of CTranslate2, rewritten for whisper.cpp as the model's one file.
    Ctranslate2 {
        /// Members that hold the weights, joined in this order.
        weights: Vec<String>,
        weights_sha256: Sha256Digest,
        /// Member that lists the tokens, as lines or as a JSON array.
        vocabulary: String,
        encoding: Encoding,
    },
}

/// What a file is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Member {
    /// One archive member as it stands.
    AsItStands(String),
    /// An ONNX network in parts, joined in this order, with what our engine has no operator for rewritten.
    Network {
        network: Vec<String>,
        /// Digest of the joined parts.
        sha256: Sha256Digest,
    },
}

impl Manifest {
    /// The manifest compiled into this binary.
    pub fn built_in() -> Result<Self, SpeechError> {
        Self::parse(include_str!("../../../../models/manifest.toml"))
    }

    /// Reads a manifest and checks that its names are plain and its recipes fit its files.
    pub fn parse(text: &str) -> Result<Self, SpeechError> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| SpeechError::Malformed(format!("models/manifest.toml: {error}")))?;
        manifest.models.iter().try_for_each(Model::check)?;
        Ok(manifest)
    }

    /// Every model, in the manifest's order.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Result<&Model, SpeechError> {
        self.models.iter().find(|model| model.name == name).ok_or_else(|| SpeechError::UnknownModel {
            name: name.to_owned(),
            known: self.models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl Model {
    /// Length of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn check(&self) -> Result<(), SpeechError> {
        let refuse = |problem: String| {
            let name = &self.name;
            Err(SpeechError::Malformed(format!("models/manifest.toml: {name}: {problem}")))
        };
        if self.files.is_empty() {
            return refuse("a model has at least one file".to_owned());
        }
        let archives = self.sources.iter().flat_map(|source| match source {
            Source::File => &[][..],
            Source::Packages { packages, .. } => packages,
        });
        let names = std::iter::once(&self.name)
            .chain(self.files.iter().map(|file| &file.name))
            .chain(archives.map(|package| &package.file));
        for name in names {
            if !is_plain_name(name) {
                return refuse(format!("{name:?} is not a plain file name"));
            }
        }
        for source in &self.sources {
            let made = match source {
                Source::File => continue,
                Source::Packages { make: Recipe::Unpack(members), .. } => members.len(),
                Source::Packages { make: Recipe::Ctranslate2 { .. }, .. } => 1,
            };
            if made != self.files.len() {
                return refuse(format!("a source makes {made} files, the model has {}", self.files.len()));
            }
        }
        Ok(())
    }
}

/// True for a name that cannot lead out of the folder it is joined to.
fn is_plain_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name)
        && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_manifest_is_sound() {
        let manifest = Manifest::built_in().unwrap();
        assert_eq!(manifest.model("whisper-tiny.en").unwrap().purpose, Purpose::Transcription);
        assert_eq!(manifest.model("voice-heart").unwrap().files.len(), 4);
        for model in manifest.models() {
            assert!(model.sources.len() >= 2, "{} has one source only", model.name);
        }
    }

    #[test]
    fn an_unknown_model_is_answered_with_those_there_are() {
        let error = Manifest::built_in().unwrap().model("tiny").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"there is no model called "tiny"; there are whisper-tiny.en, whisper-base, voice-heart, voice-kokoro"#
        );
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        for name in ["../x", "a/b", "/etc", "..", ".", "", ".hidden", "a/"] {
            assert!(!is_plain_name(name), "{name:?}");
        }
        assert!(is_plain_name("ggml-tiny.en-q8_0.bin"));
    }

    #[test]
    fn a_manifest_error_names_the_model_and_the_problem() {
        let digest = "0".repeat(64);
        let text = format!(
            r#"
            [[model]]
            name = "m"
            purpose = "voice"
            about = ""
            licence = "MIT"
            files = [{{ name = "../m", bytes = 1, sha256 = "{digest}" }}]
            source = [{{ kind = "file" }}]
            "#
        );
        let error = Manifest::parse(&text).unwrap_err().to_string();
        assert_eq!(error, r#"models/manifest.toml: m: "../m" is not a plain file name"#);
    }
}
