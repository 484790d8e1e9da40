//! Builds every handle from the configuration; nothing else does.

use std::{
    collections::HashMap,
    io::Write,
    num::NonZeroUsize,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;
use voicemill_audio::sandbox::Sandbox;
use voicemill_notify::{
    Channel,
    email::{Destinations, Dkim, Outbox, Smtp},
    sms::{SmsGateway, SmsOutbox},
};
use voicemill_queue::{Queue, WorkerConfig};
use voicemill_speech::{
    models::{Manifest, ModelStore, default_folder},
    synthesize::{AllVoices, CloudVoices, LocalVoices, Synthesizer, VoiceId},
    transcribe::{CloudTranscriber, Transcribers},
};
use voicemill_storage::{BlobStore, Landing, LocalStore, S3Store, Scratch, Spool};
use voicemill_types::clock::Clock;

use crate::{
    circuit_breaker::CircuitBreaker,
    config::Config,
    database_files::DatabaseFiles,
    db::{self, Database, DatabaseUrl},
    domains::Domain,
    events::Committed,
    keys::Remembered,
    lanes::Lane,
    links::{
        Recent,
        tokens::{KeyConfig, LinkKeys},
    },
    telemetry, webhooks,
};

/// Every handle that services and jobs work with; shared by all of them.
pub struct App {
    /// What the operator set.
    pub config: Config,
    /// Wall-clock time.
    pub clock: Clock,
    /// The metadata.
    pub database: Database,
    /// Originals, renditions and mails.
    pub store: Arc<dyn BlobStore>,
    /// Where bytes from outside arrive.
    pub landing: Landing,
    /// What cores dropped while store or database were down.
    pub spool: Spool,
    /// What was down just now.
    pub breakers: Breakers,
    /// What this process remembers of keys.
    pub keys: Remembered,
    /// The job queue.
    pub queue: Queue,
    /// What this process commits, for those who wait for it.
    pub events: Committed,
    /// Where mails go.
    pub mail: Arc<dyn Channel>,
    /// Where SMS go, and what comes back.
    pub sms: SmsGateway,
    /// Posts events to endpoints.
    pub webhooks: webhooks::Sender,
    /// Renders audio in a process of its own.
    pub sandbox: Sandbox,
    /// The voices; each model is loaded when it first speaks.
    pub synthesizer: Arc<dyn Synthesizer>,
    /// WAV files of the voices that have been listened to; whoever holds it speaks.
    pub voice_samples: tokio::sync::Mutex<HashMap<VoiceId, Bytes>>,
    /// Held by who has a script spoken before it is saved: one at a time.
    pub trials: Arc<tokio::sync::Mutex<()>>,
    /// What transcribes; each model is loaded when it is first needed.
    pub transcribers: Transcribers,
    /// What audio links led to a moment ago.
    pub(crate) recent_links: Recent,
    secrets: RwLock<Arc<Secrets>>,
    /// Where working copies lie.
    pub(crate) scratch: Scratch,
    /// The database's files, where it has any here.
    files: Option<DatabaseFiles>,
    /// Why the service cannot go on, once it cannot.
    failure: OnceLock<String>,
    broken: CancellationToken,
}

/// The keys of the service, which can be changed while it runs.
pub struct Secrets {
    /// The keys that mails are signed with.
    pub dkim: Dkim,
    /// Keys of the links in mails.
    pub link_keys: LinkKeys,
    /// SHA-256 of the operators' key.
    pub operator_key_hash: [u8; 32],
}

impl Secrets {
    /// Reads those that are configured, and reads or makes the others in the storage folder.
    fn open(config: &Config) -> anyhow::Result<Self> {
        let folder = &config.storage.folder;
        let link_keys = match config.links.keys.as_slice() {
            [] => LinkKeys::new(&[KeyConfig { id: 1, secret: secret(&folder.join("link-key"))? }])?,
            keys => LinkKeys::new(keys)?,
        };
        let operator_key = match &config.http.operator_key {
            Some(key) => key.clone(),
            None => secret(&folder.join("operator-key"))?,
        };
        anyhow::ensure!(operator_key.len() >= 32, "http.operator_key must have at least 32 characters");
        let operator_key_hash = Sha256::digest(operator_key.as_bytes()).into();
        Ok(Self { dkim: Dkim::new(&config.mail.dkim)?, link_keys, operator_key_hash })
    }
}

/// What was down just now, so that not everybody waits to find out.
#[derive(Debug, Default)]
pub struct Breakers {
    /// Putting into the store.
    pub store: CircuitBreaker,
    /// Reading from the database.
    pub reads: CircuitBreaker,
    /// Writing to the database.
    pub writes: CircuitBreaker,
}

impl App {
    /// Opens or makes everything under the storage folder.
    ///
    /// `program` is the voicemill binary, which the sandbox runs; it is the running one but in tests.
    pub async fn new(config: Config, clock: Clock, program: PathBuf) -> anyhow::Result<Arc<Self>> {
        choose_tls();
        let folder = config.storage.folder.clone();
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the storage folder {}", folder.display()))?;
        close_to_others(&folder).with_context(|| format!("cannot keep others out of {}", folder.display()))?;
        let room = config.storage.min_free_bytes;
        let scratch = Scratch::open(&folder.join("scratch"), room).context("cannot make the scratch folder")?;
        let database = open_database(&config).await?;
        let files = match config.database.address(&folder) {
            DatabaseUrl::Sqlite(file) => {
                Some(DatabaseFiles::of(&file).context("cannot look after the database's file")?)
            }
            DatabaseUrl::Postgres(_) => None,
        };
        let queue = Queue::new(&database, clock.clone());
        let store: Arc<dyn BlobStore> = match &config.storage.s3 {
            Some(s3) => Arc::new(Box::pin(S3Store::open(s3.clone())).await.context("storage.s3")?),
            None => Arc::new(LocalStore::open(&folder.join("store")).await.context("cannot open the store")?),
        };
        let spool_folder = config.storage.spool_folder.clone().unwrap_or_else(|| folder.join("spool"));
        // On one disk, so that what landed becomes an entry of the spool by its name alone.
        let landing = Landing::open(spool_folder.join("landing"), room)
            .await
            .context("cannot make the folder that drops land in")?;
        let spool = Spool::open(&spool_folder).await.context("cannot open the spool")?;
        let mail: Arc<dyn Channel> = match &config.smtp {
            Some(smtp) => {
                let smtp = Arc::new(Smtp::new(smtp)?);
                Arc::new(Destinations::new(smtp, config.mail.destination, config.mail.destinations.clone()))
            }
            None => Arc::new(Outbox::open(folder.join("outbox")).context("cannot make the outbox")?),
        };
        let secrets = RwLock::new(Arc::new(Secrets::open(&config)?));
        let sms = match &config.sms {
            Some(sms) => SmsGateway::new(sms, &config.http.public_url)?,
            None => {
                let outbox = folder.join("outbox");
                std::fs::create_dir_all(&outbox).context("cannot make the outbox")?;
                SmsGateway::outbox(SmsOutbox::new(outbox))
            }
        };
        let models = config
            .speech
            .models_folder
            .clone()
            .or_else(default_folder)
            .context("there is no home folder to look for models in; set speech.models_folder")?;
        let models = ModelStore::new(models, Manifest::built_in()?).with_own(config.speech.models.clone())?;
        let models = Arc::new(models);
        let own = LocalVoices::new(models.clone());
        let synthesizer: Arc<dyn Synthesizer> = match &config.cloud_voices {
            Some(cloud) => Arc::new(AllVoices { own, cloud: CloudVoices::new(cloud.clone()).context("cloud_voices")? }),
            None => Arc::new(own),
        };
        let transcribers = match &config.cloud_transcription {
            Some(cloud) => Transcribers::of(Arc::new(CloudTranscriber::new(cloud).context("cloud_transcription")?)),
            None => {
                let speech = &config.speech;
                let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
                let (english, multilingual) = (&speech.transcribe_model, &speech.languages_model);
                Transcribers::new(&models, english, multilingual, speech.engine, threads)
            }
        };
        Ok(Arc::new(Self {
            clock,
            database,
            store,
            landing,
            spool,
            breakers: Breakers::default(),
            keys: Remembered::default(),
            queue,
            events: Committed::default(),
            mail,
            sms,
            webhooks: webhooks::Sender::new(&config.webhooks).context("webhooks")?,
            sandbox: Sandbox::new(program),
            synthesizer,
            voice_samples: tokio::sync::Mutex::default(),
            trials: Arc::default(),
            transcribers,
            recent_links: Recent::default(),
            secrets,
            scratch,
            files,
            failure: OnceLock::new(),
            broken: CancellationToken::new(),
            config,
        }))
    }

    /// The keys as they are now.
    pub fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.secrets.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what can be changed while the service runs from settings that were read anew: its keys, and the level of its log.
    /// Everything else stays as it was at the start.
    ///
    /// # Errors
    /// What is wrong with them; then nothing is changed.
    pub fn reload(&self, config: &Config) -> anyhow::Result<()> {
        let storage = self.config.storage.clone();
        let secrets = Arc::new(Secrets::open(&Config { storage, ..config.clone() })?);
        telemetry::set_level(&config.log.level)?;
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
        Ok(())
    }

    /// The number or name that a domain's SMS come from.
    pub fn sms_sender<'a>(&'a self, domain: &'a Domain) -> &'a str {
        let configured = self.config.sms.as_ref().map_or("voicemill", |sms| &sms.sender);
        domain.sms_sender.as_deref().unwrap_or(configured)
    }

    /// Most parts of SMS that a domain without a limit of its own may send on a day.
    pub fn sms_daily_limit(&self) -> i64 {
        self.config.sms.as_ref().map_or(i64::MAX, |sms| i64::from(sms.daily_limit))
    }

    /// A folder for one attempt's files, gone when the value is dropped.
    pub fn scratch(&self) -> std::io::Result<tempfile::TempDir> {
        tempfile::tempdir_in(self.scratch.path())
    }

    /// Checks that the database is still the one that was opened; the service ends when it is not.
    ///
    /// # Errors
    /// What happened to its files.
    pub fn check_database(&self) -> std::io::Result<()> {
        let checked = self.files.as_ref().map_or(Ok(()), DatabaseFiles::check);
        if let Err(error) = &checked
            && self.failure.set(error.to_string()).is_ok()
        {
            tracing::error!(%error, "the service ends");
            self.broken.cancel();
        }
        checked
    }

    /// Waits until the service cannot go on, and tells why.
    pub async fn broken(&self) -> String {
        self.broken.cancelled().await;
        self.failure().unwrap_or_default()
    }

    /// Why the service cannot go on, if it cannot.
    pub fn failure(&self) -> Option<String> {
        self.failure.get().cloned()
    }

    /// How many jobs a worker runs at once in each of these lanes, and none in the others. Cores are those that the process
    /// may use: a cgroup's quota counts.
    pub fn worker_config(&self, lanes: &[Lane]) -> WorkerConfig {
        let settings = &self.config.workers;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let or = |set: usize, usual: usize| if set == 0 { usual } else { set };
        let width = |lane| match lane {
            _ if !lanes.contains(&lane) => 0,
            Lane::Cpu => or(settings.cpu, cores),
            Lane::Io => settings.io,
            Lane::Webhooks => settings.webhooks,
            Lane::Transcribe if lanes.contains(&Lane::Cpu) => or(settings.transcribe, cores.div_ceil(2)),
            Lane::Transcribe => or(settings.transcribe, cores),
        };
        WorkerConfig {
            host: hostname::get().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned()),
            lanes: Lane::ALL.map(|lane| lane.with_slots(width(lane))).to_vec(),
            lease: Duration::from_secs(settings.lease_seconds),
            grace: Duration::from_secs(settings.grace_seconds),
            ..WorkerConfig::default()
        }
    }
}

/// Opens the database and brings its schema up to date.
async fn open_database(config: &Config) -> anyhow::Result<Database> {
    choose_tls();
    let address = config.database.address(&config.storage.folder);
    let opened = db::open(&address, config.database.connections).await;
    opened.with_context(|| format!("cannot open the database {address}"))
}

/// Makes ring the cryptography of every HTTP client of this process, as it is that of its mail; a client made before
/// panics. Doing it again changes nothing.
pub fn choose_tls() {
    // An error says that one is chosen already.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Lets nobody but this user into a folder: it holds numbers, names, words and sound.
fn close_to_others(folder: &Path) -> std::io::Result<()> {
    let mode = std::fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// Reads a secret that an earlier start made, or makes one that only this user can read. Of several processes that start at
/// once, all have the same.
fn secret(file: &Path) -> anyhow::Result<String> {
    if let Some(secret) = kept(file)? {
        return Ok(secret);
    }
    let secret =
        LinkKeys::generate_secret().map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let made = || format!("cannot make the secret {}", file.display());
    // Whole or not there, so that nobody reads half of it.
    let mut new = NamedTempFile::new_in(file.parent().unwrap_or(Path::new("."))).with_context(made)?;
    new.write_all(secret.as_bytes()).and_then(|()| new.as_file().sync_all()).with_context(made)?;
    match new.persist_noclobber(file) {
        Ok(_) => Ok(secret),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => kept(file)?.with_context(made),
        Err(error) => Err(error.error).with_context(made),
    }
}

/// The secret in a file; none where there is no file.
fn kept(file: &Path) -> anyhow::Result<Option<String>> {
    let name = file.display();
    match std::fs::read_to_string(file) {
        Ok(secret) if secret.trim().is_empty() => {
            anyhow::bail!("there is no secret in {name}: put back what it held, or remove it to have another one made")
        }
        Ok(secret) => Ok(Some(secret.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the secret in {name}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn all_that_start_at_once_have_the_same_secret() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let file = folder.path().join(format!("{round}"));
            let starting: Vec<_> = (0..8)
                .map(|_| {
                    let file = file.clone();
                    std::thread::spawn(move || secret(&file).unwrap())
                })
                .collect();
            let secrets: HashSet<_> = starting.into_iter().map(|start| start.join().unwrap()).collect();
            assert_eq!(secrets.len(), 1);
            assert!(secrets.iter().all(|secret| secret.len() > 20));
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "only we may read it");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 50, "nothing else is left");
    }

    #[test]
    fn an_empty_file_is_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "\n").unwrap();
        assert!(secret(&file).unwrap_err().to_string().contains("there is no secret in"));
    }
}
