//! The folder of fetched models, one folder a model, and the promise that what is used is what the manifest names.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::Deserialize;

use super::{
    digest::Sha256Digest,
    fetch::{self, FetchProgress},
    manifest::{Manifest, Model},
};
use crate::{SpeechError, error::Refusal};

/// Where models lie unless somebody says otherwise: in `models/fetched` of the working folder when it is there, else in
/// the home folder; none where there is no home.
pub fn default_folder() -> Option<PathBuf> {
    let local = Path::new("models/fetched");
    if local.is_dir() {
        return Some(local.to_owned());
    }
    std::env::home_dir().map(|home| home.join(".local/share/voicemill/models"))
}

/// A whisper model in ggml's form that an operator has as a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnModel {
    /// What it is called where a model is chosen.
    pub name: String,
    /// Where it lies.
    pub file: PathBuf,
    /// Digest of the whole file, which is checked before it is used.
    pub sha256: Sha256Digest,
}

/// Fetched models on disk.
#[derive(Debug)]
pub struct ModelStore {
    folder: PathBuf,
    manifest: Manifest,
    own: Vec<OwnModel>,
    /// Names of the models whose bytes were found right since the process began.
    verified: Mutex<HashSet<String>>,
}

/// Whether a model is ready to use, told from its files' lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelState {
    /// Every file is there at its full length.
    Present,
    /// A file is missing, or of the wrong length.
    Missing,
}

impl ModelStore {
    /// A store in `folder`, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>, manifest: Manifest) -> Self {
        Self { folder: folder.into(), manifest, own: Vec::new(), verified: Mutex::default() }
    }

    /// The same with an operator's own models beside the manifest's.
    ///
    /// # Errors
    /// When two have the same name.
    pub fn with_own(mut self, own: Vec<OwnModel>) -> Result<Self, SpeechError> {
        for (index, model) in own.iter().enumerate() {
            let taken = own[..index].iter().any(|other| other.name == model.name);
            if taken || self.manifest.model(&model.name).is_ok() {
                return Err(Refusal::ModelNameTaken { name: model.name.clone() }.into());
            }
        }
        self.own = own;
        Ok(self)
    }

    /// The file of an operator's own model, hashed the first time it is asked for; none if it is not one of those.
    ///
    /// # Errors
    /// When it is not there, or is another file than was named.
    pub(crate) fn own_file(&self, name: &str) -> Result<Option<PathBuf>, SpeechError> {
        let Some(model) = self.own.iter().find(|model| model.name == name) else { return Ok(None) };
        if !self.verified().contains(name) {
            let file = model.file.display();
            let got = Sha256Digest::of_file(&model.file).map_err(|error| Refusal::ModelNotReadable {
                name: name.to_owned(),
                file: file.to_string(),
                cause: error.to_string(),
            })?;
            model.sha256.expect(got, file.to_string())?;
            self.verified().insert(name.to_owned());
        }
        Ok(Some(model.file.clone()))
    }

    /// The folder that models lie in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What can be fetched into the store.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder of a model, whose bytes are hashed the first time it is asked for.
    ///
    /// # Errors
    /// [`SpeechError::MissingModel`] says how to fetch it, [`SpeechError::WrongBytes`] which file is damaged.
    pub fn path(&self, name: &str) -> Result<PathBuf, SpeechError> {
        let model = self.manifest.model(name)?;
        if !self.verified().contains(name) {
            self.verify(name)?;
        }
        Ok(self.folder_of(model))
    }

    /// The path of one of a model's files, checked as by [`ModelStore::path`].
    pub fn file(&self, name: &str, file: &str) -> Result<PathBuf, SpeechError> {
        let model = self.manifest.model(name)?;
        if !model.files.iter().any(|listed| listed.name == file) {
            return Err(SpeechError::Malformed(format!("the model {name} has no file called {file}")));
        }
        Ok(self.path(name)?.join(file))
    }

    /// Every model of the manifest with its state, without reading a byte of it.
    pub fn status(&self) -> Vec<(&Model, ModelState)> {
        let state = |model: &Model| {
            let complete = model.files.iter().all(|file| {
                let metadata = self.folder_of(model).join(&file.name).metadata();
                metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.bytes)
            });
            if complete { ModelState::Present } else { ModelState::Missing }
        };
        self.manifest.models().iter().map(|model| (model, state(model))).collect()
    }

    /// Hashes every file of a model anew.
    ///
    /// # Errors
    /// As [`ModelStore::path`].
    pub fn verify(&self, name: &str) -> Result<(), SpeechError> {
        let model = self.manifest.model(name)?;
        self.verified().remove(name);
        for file in &model.files {
            let path = self.folder_of(model).join(&file.name);
            if !path.is_file() {
                return Err(SpeechError::MissingModel { name: name.to_owned() });
            }
            let label = format!("{name}/{}", file.name);
            let got = Sha256Digest::of_file(&path).map_err(SpeechError::io(format!("reading {label}")))?;
            file.sha256.expect(got, label)?;
        }
        self.verified().insert(name.to_owned());
        Ok(())
    }

    /// Gets a model from the first of its sources that works, unless it is there already, and returns its folder.
    /// `mirror` is a folder laid out like a store. The model appears whole or not at all.
    ///
    /// # Errors
    /// [`SpeechError::Fetch`] tells each source's reason.
    pub fn fetch(
        &self,
        name: &str,
        mirror: Option<&Path>,
        progress: &mut dyn FnMut(FetchProgress<'_>),
    ) -> Result<PathBuf, SpeechError> {
        let model = self.manifest.model(name)?;
        let _lock = fetch::lock(&self.folder)?;
        if self.path(name).is_err() {
            fetch::fetch(model, &self.folder, mirror, progress)?;
            self.verify(name)?;
        }
        Ok(self.folder_of(model))
    }

    fn folder_of(&self, model: &Model) -> PathBuf {
        self.folder.join(&model.name)
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A manifest of one model with one file that holds `abc`, from a mirror only.
    fn manifest() -> Manifest {
        Manifest::parse(
            r#"
            [[model]]
            name = "m"
            purpose = "voice"
            about = "a test"
            licence = "MIT"
            files = [{ name = "abc", bytes = 3, sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" }]
            source = [{ kind = "file" }, { kind = "file" }]
            "#,
        )
        .unwrap()
    }

    fn mirror_with(bytes: &str) -> tempfile::TempDir {
        let mirror = tempfile::tempdir().unwrap();
        fs::create_dir(mirror.path().join("m")).unwrap();
        fs::write(mirror.path().join("m/abc"), bytes).unwrap();
        mirror
    }

    #[test]
    fn a_model_that_was_never_fetched_says_how_to_fetch_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(folder.path(), manifest());
        let error = store.path("m").unwrap_err();
        assert_eq!(error.to_string(), "the model m is not here: run `voicemill models fetch m`");
        assert!(!error.is_transient());
        assert_eq!(store.status()[0].1, ModelState::Missing);
    }

    #[test]
    fn an_operators_own_file_is_used_only_if_it_is_the_one_that_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.bin");
        fs::write(&file, "abc").unwrap();
        let own = |name: &str| {
            let sha256 = manifest().model("m").unwrap().files[0].sha256;
            vec![OwnModel { name: name.to_owned(), file: file.clone(), sha256 }]
        };
        let store = || ModelStore::new(folder.path(), manifest());
        assert_eq!(store().with_own(own("mine")).unwrap().own_file("mine").unwrap(), Some(file.clone()));
        assert_eq!(store().with_own(own("mine")).unwrap().own_file("m").unwrap(), None);
        assert!(store().with_own(own("m")).unwrap_err().to_string().contains("two models called"));
        fs::write(&file, "abd").unwrap();
        let store = store().with_own(own("mine")).unwrap();
        assert!(matches!(store.own_file("mine"), Err(SpeechError::WrongBytes { .. })));
        fs::remove_file(&file).unwrap();
        assert!(store.own_file("mine").unwrap_err().to_string().contains("cannot be read from"));
    }

    #[test]
    fn a_mirror_fills_the_store_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(folder.path().join("not/yet"), manifest());
        let mirror = mirror_with("abc");
        let mut seen = Vec::new();
        let path = store.fetch("m", Some(mirror.path()), &mut |progress| seen.push(progress.done_bytes)).unwrap();
        assert_eq!(fs::read(path.join("abc")).unwrap(), b"abc");
        assert_eq!(store.status()[0].1, ModelState::Present);
        assert_eq!(seen.last(), Some(&3));
        let mut left: Vec<_> = fs::read_dir(store.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".lock", "m"]);
    }

    #[test]
    fn a_wrong_byte_is_refused_naming_expected_and_got() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(folder.path(), manifest());
        let mirror = mirror_with("abd");
        let error = store.fetch("m", Some(mirror.path()), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("expected sha256 ba7816bf"), "{error}");
        assert!(error.contains("got a52d159f"), "{error}");
        assert!(!folder.path().join("m").exists());
    }

    #[test]
    fn a_damaged_model_is_found_and_fetched_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = mirror_with("abc");
        ModelStore::new(folder.path(), manifest()).fetch("m", Some(mirror.path()), &mut |_| {}).unwrap();
        fs::write(folder.path().join("m/abc"), "abd").unwrap();

        let store = ModelStore::new(folder.path(), manifest());
        assert!(matches!(store.path("m"), Err(SpeechError::WrongBytes { .. })));
        store.fetch("m", Some(mirror.path()), &mut |_| {}).unwrap();
        assert_eq!(fs::read(store.file("m", "abc").unwrap()).unwrap(), b"abc");
    }

    #[test]
    fn without_a_mirror_the_reason_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(folder.path(), manifest());
        let error = store.fetch("m", None, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("no mirror is set"), "{error}");
        assert!(error.is_transient());
    }
}
