//! The engines of a service, shared by all that have something transcribed.

use std::{num::NonZeroUsize, sync::Arc};

use super::{Engine, Transcriber, open};
use crate::{SpeechError, load_once::LoadOnce, models::ModelStore};

/// Loads an engine.
type Load = Box<dyn Fn() -> Result<Arc<dyn Transcriber>, SpeechError> + Send + Sync>;

/// The engine for English and the one for other languages, each loaded at its first use, so that a process that never
/// transcribes needs no model. Clones share what is loaded.
#[derive(Clone)]
pub struct Transcribers {
    english: Arc<Lazy>,
    multilingual: Arc<Lazy>,
}

/// An engine, or how it is loaded.
struct Lazy {
    engine: LoadOnce<Arc<dyn Transcriber>>,
    load: Load,
}

impl Lazy {
    fn new(load: Load) -> Arc<Self> {
        Arc::new(Self { engine: LoadOnce::new(), load })
    }

    fn get(&self) -> Result<Arc<dyn Transcriber>, SpeechError> {
        self.engine.get_or_load(|| (self.load)()).cloned()
    }
}

impl Transcribers {
    /// Engines on models of `store`: `english` where English or an unknown language is spoken, `multilingual` elsewhere.
    /// Each hears at most `threads` spans at a time.
    pub fn new(
        store: &Arc<ModelStore>,
        english: &str,
        multilingual: &str,
        engine: Engine,
        threads: NonZeroUsize,
    ) -> Self {
        let lazy = |model: &str| {
            let (store, model) = (store.clone(), model.to_owned());
            Lazy::new(Box::new(move || open(&store, &model, engine, threads)))
        };
        let english_engine = lazy(english);
        let multilingual = if multilingual == english { english_engine.clone() } else { lazy(multilingual) };
        Self { english: english_engine, multilingual }
    }

    /// One engine for every language.
    pub fn of(engine: Arc<dyn Transcriber>) -> Self {
        let lazy = Lazy::new(Box::new(move || Ok(engine.clone())));
        Self { english: lazy.clone(), multilingual: lazy }
    }

    /// The engine for what is spoken in `language`, an ISO 639-1 code, if that is known. Its first use hashes and loads the
    /// model on a thread that may block; who else asks meanwhile waits for the same load.
    ///
    /// # Errors
    /// As [`open`]; the next call tries again.
    pub async fn for_language(&self, language: Option<&str>) -> Result<Arc<dyn Transcriber>, SpeechError> {
        let lazy = if language.is_some_and(|language| language != "en") { &self.multilingual } else { &self.english };
        if let Some(loaded) = lazy.engine.get() {
            return Ok(loaded.clone());
        }
        let lazy = lazy.clone();
        let loading = tokio::task::spawn_blocking(move || lazy.get()).await;
        loading.unwrap_or_else(|error| Err(SpeechError::Engine(format!("loading the model broke off: {error}"))))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use voicemill_audio::format::AudioSource;

    use super::*;
    use crate::transcribe::{EngineInfo, TranscribeControl, Transcript};

    struct Silent;

    impl Transcriber for Silent {
        fn transcribe(&self, _: &mut dyn AudioSource, _: &TranscribeControl<'_>) -> Result<Transcript, SpeechError> {
            Ok(Transcript::default())
        }

        fn engine(&self) -> EngineInfo {
            EngineInfo { engine: "silent".to_owned(), model: "none".to_owned(), cpu: String::new() }
        }
    }

    fn loaded_by(load: impl Fn() -> Result<Arc<dyn Transcriber>, SpeechError> + Send + Sync + 'static) -> Transcribers {
        let lazy = Lazy::new(Box::new(load));
        Transcribers { english: lazy.clone(), multilingual: lazy }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn many_first_users_load_once_and_the_runtime_goes_on_meanwhile() {
        let (release, held) = mpsc::channel::<()>();
        let (loads, held) = (Arc::new(AtomicUsize::new(0)), std::sync::Mutex::new(held));
        let counted = loads.clone();
        let transcribers = loaded_by(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            held.lock().unwrap().recv_timeout(Duration::from_secs(30)).expect("the runtime is blocked");
            Ok(Arc::new(Silent))
        });
        let users: Vec<_> = (0..8)
            .map(|_| {
                let transcribers = transcribers.clone();
                tokio::spawn(async move { transcribers.for_language(None).await.map(|engine| engine.engine()) })
            })
            .collect();
        // The load ends only when this task lets it, which it could not on a thread that the load blocks.
        tokio::task::yield_now().await;
        release.send(()).unwrap();
        for user in users {
            assert_eq!(user.await.unwrap().unwrap().engine, "silent");
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_model_that_could_not_be_loaded_is_tried_again() {
        let tries = AtomicUsize::new(0);
        let transcribers = loaded_by(move || match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err(SpeechError::MissingModel { name: "m".to_owned() }),
            _ => Ok(Arc::new(Silent)),
        });
        assert!(transcribers.for_language(None).await.is_err());
        assert!(transcribers.for_language(None).await.is_ok());
    }

    #[tokio::test]
    async fn english_and_other_languages_have_an_engine_each_unless_one_model_is_for_both() {
        let store = Arc::new(ModelStore::new("/nowhere", crate::models::Manifest::built_in().unwrap()));
        let make = |multilingual| {
            Transcribers::new(&store, "whisper-tiny.en", multilingual, Engine::Voicemill, NonZeroUsize::MIN)
        };
        let model = async |transcribers: &Transcribers, language| {
            transcribers.for_language(language).await.err().unwrap().to_string()
        };
        let two = make("whisper-base");
        assert!(model(&two, None).await.contains("tiny.en") && model(&two, Some("en")).await.contains("tiny.en"));
        assert!(model(&two, Some("de")).await.contains("base"));
        let one = make("whisper-tiny.en");
        assert!(Arc::ptr_eq(&one.english, &one.multilingual));
    }
}
