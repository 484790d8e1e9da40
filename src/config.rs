//! Configuration: the sections that modules own, read from a file and from the environment.
//!
//! `VOICEMILL_HTTP__LISTEN=…` sets `listen` in `[http]`; the environment wins over the file, the file over the defaults.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    error::{Actual, Kind},
    providers::{Env, Format, Toml},
};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use voicemill_notify::{
    email::{DestinationLimits, DkimKeyConfig, SmtpConfig},
    sms::SmsConfig,
};
use voicemill_speech::{
    models::OwnModel,
    synthesize::CloudVoicesConfig,
    transcribe::{CloudTranscriptionConfig, Engine},
};
use voicemill_sql::DatabaseConfig;
use voicemill_storage::s3::S3Config;

use crate::{links::tokens::KeyConfig, webhooks::WebhooksConfig};

/// Everything an operator can set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where data lies.
    pub storage: StorageConfig,
    /// Where metadata and jobs are kept.
    pub database: DatabaseConfig,
    /// The HTTP server.
    pub http: HttpConfig,
    /// Workers and lanes.
    pub workers: WorkersConfig,
    /// Levels and limits of audio.
    pub media: MediaConfig,
    /// Models and voices.
    pub speech: SpeechConfig,
    /// What mails are like.
    pub mail: MailConfig,
    /// The server that mails leave through; without one they go to `outbox` in the storage folder as `.eml` files.
    #[serde(skip_serializing)]
    pub smtp: Option<SmtpConfig>,
    /// The provider that SMS leave through; without one they go to `outbox` in the storage folder as `.txt` files.
    #[serde(skip_serializing)]
    pub sms: Option<SmsConfig>,
    /// A provider's voices beside our own; none unless set.
    #[serde(skip_serializing)]
    pub cloud_voices: Option<CloudVoicesConfig>,
    /// A provider's transcription in place of our own; ours unless set.
    #[serde(skip_serializing)]
    pub cloud_transcription: Option<CloudTranscriptionConfig>,
    /// Keys of the links in mails.
    pub links: LinksConfig,
    /// Where events may be sent.
    pub webhooks: WebhooksConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// `[log]`: what is logged.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`, or directives of the form `target=level`; RUST_LOG wins over it.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into() }
    }
}

/// `[storage]`: where data lies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// The folder that holds store, outbox and scratch files, and the database unless that is elsewhere.
    pub folder: PathBuf,
    /// The folder that what cores drop lands in, and stays in while store or database is down; `spool` in the storage
    /// folder unless set.
    pub spool_folder: Option<PathBuf>,
    /// Bytes to keep free on the disks of spool and scratch files: a drop that would leave less is answered 507, and a render
    /// that would is tried again later.
    pub min_free_bytes: u64,
    /// The bucket that is the store, in place of the folder `store` in the storage folder.
    #[serde(skip_serializing)]
    pub s3: Option<S3Config>,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self { folder: "data".into(), spool_folder: None, min_free_bytes: 256_000_000, s3: None }
    }
}

/// `[http]`: the HTTP server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address that people's browsers reach it by; links in mails begin with it.
    pub public_url: String,
    /// Most bytes of one body; more is 413.
    pub max_body_bytes: u64,
    /// Most connections at once; who comes then waits for one to end.
    pub connections: usize,
    /// Reverse proxies whose `X-Forwarded-For` and `Forwarded` are believed, as networks in CIDR notation.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// How often a key or token may ask; cores may as often as they are called.
    pub rate: RateConfig,
    /// The operators' key; without one, a random key is made at the first start and kept in the data folder.
    pub operator_key: Option<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".into(),
            max_body_bytes: 200_000_000,
            connections: 2_000,
            trusted_proxies: Vec::new(),
            rate: RateConfig::default(),
            operator_key: None,
        }
    }
}

/// `[http.rate]`: how often a key or token may ask. Those of cores and of media have no such bound.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// Requests a second, on the whole.
    pub per_second: u32,
    /// Requests at once, now and then.
    pub burst: u32,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { per_second: 50, burst: 100 }
    }
}

/// Reads networks in CIDR notation; an address alone is the network of itself.
pub(crate) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: String| {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| D::Error::custom(format!("{text:?} is no network; write one as 10.0.0.0/8 or fd00::/8")))
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(network).collect()
}

/// `[workers]`: how many jobs run at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkersConfig {
    /// Jobs of the CPU lane at once; 0 means as many as the machine has cores.
    pub cpu: usize,
    /// Jobs of the I/O lane at once.
    pub io: usize,
    /// Transcriptions at once; 0 means half as many as the machine has cores, and all on a machine for transcription only.
    pub transcribe: usize,
    /// Events on their way to endpoints at once; of one endpoint four at most.
    pub webhooks: usize,
    /// Seconds after which a silent worker's jobs go to another.
    pub lease_seconds: u64,
    /// Seconds that running jobs get to finish at shutdown.
    pub grace_seconds: u64,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self { cpu: 0, io: 32, transcribe: 0, webhooks: 64, lease_seconds: 15, grace_seconds: 20 }
    }
}

/// Every loudness that a configuration or a domain may ask for, in LUFS.
pub const LUFS_RANGE: std::ops::RangeInclusive<f64> = -40.0..=-5.0;

/// `[media]`: levels and limits of audio.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaConfig {
    /// Integrated loudness of voicemail and prompts, in LUFS.
    pub speech_lufs: f64,
    /// Integrated loudness of hold music, in LUFS.
    pub music_lufs: f64,
    /// Highest true peak, in dBTP.
    pub ceiling_dbtp: f64,
    /// Longest audio taken, in seconds.
    pub max_duration_seconds: f64,
    /// Longest time one render may take, in seconds.
    pub render_timeout_seconds: u64,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            speech_lufs: -16.0,
            music_lufs: -24.0,
            ceiling_dbtp: -1.5,
            max_duration_seconds: 4.0 * 3600.0,
            render_timeout_seconds: 600,
        }
    }
}

/// `[speech]`: models and voices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechConfig {
    /// The folder that `voicemill models fetch` fills; where that puts them if left out.
    pub models_folder: Option<PathBuf>,
    /// The model that transcribes.
    pub transcribe_model: String,
    /// The model that transcribes for domains whose language is another than English.
    pub languages_model: String,
    /// Models that the operator has as files.
    #[serde(skip_serializing)]
    pub models: Vec<OwnModel>,
    /// The engine that runs it.
    pub engine: Engine,
    /// The voice that speaks where none is chosen.
    pub voice: String,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            models_folder: None,
            transcribe_model: "whisper-tiny.en".into(),
            languages_model: "whisper-base".into(),
            models: Vec::new(),
            engine: Engine::default(),
            voice: "heart".into(),
        }
    }
}

/// `[mail]`: what mails are like; see `[smtp]` for how they leave.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// Largest mail in bytes; above it the audio becomes a link.
    pub max_mail_bytes: u64,
    /// Limits of each destination, the domain of the recipient's address.
    pub destination: DestinationLimits,
    /// Destinations with limits of their own, by domain.
    #[serde(skip_serializing)]
    pub destinations: HashMap<String, DestinationLimits>,
    /// Keys that mails are signed with.
    #[serde(skip_serializing)]
    pub dkim: Vec<DkimKeyConfig>,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            max_mail_bytes: 25_000_000,
            destination: DestinationLimits::default(),
            destinations: HashMap::new(),
            dkim: Vec::new(),
        }
    }
}

/// `[links]`: keys of the links in mails.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinksConfig {
    /// The current key first; older ones stay valid until they are taken out. Without any, a random one is made and kept.
    #[serde(skip_serializing)]
    pub keys: Vec<KeyConfig>,
}

impl Config {
    /// Reads the file, if one is named or `voicemill.toml` is there, and then the environment.
    ///
    /// # Errors
    /// A sentence with the key at fault: unknown names, wrong types and a named file that is missing are refused.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::new();
        match file {
            Some(file) if !file.exists() => {
                anyhow::bail!("there is no configuration file {}; name an existing one with --config", file.display())
            }
            Some(file) => figment = figment.merge(Toml::file_exact(file)),
            None if Path::new("voicemill.toml").exists() => figment = figment.merge(Toml::file_exact("voicemill.toml")),
            None => {}
        }
        let mut config: Self = figment
            // Other variables of ours, such as VOICEMILL_MODELS_MIRROR, are no settings of a section.
            .merge(Env::prefixed("VOICEMILL_").filter(|name| name.as_str().contains("__")).split("__"))
            .extract()
            .map_err(|error| anyhow::anyhow!("the configuration cannot be used: {}", explained(error)))?;
        config.check()?;
        config.http.public_url.truncate(config.http.public_url.trim_end_matches('/').len());
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.http.public_url.starts_with("http://") || self.http.public_url.starts_with("https://"),
            "http.public_url is {:?}; it must begin with http:// or https://",
            self.http.public_url
        );
        for (name, lufs) in [("media.speech_lufs", self.media.speech_lufs), ("media.music_lufs", self.media.music_lufs)]
        {
            anyhow::ensure!(
                LUFS_RANGE.contains(&lufs),
                "{name} is {lufs}; it must lie between {} and {}",
                LUFS_RANGE.start(),
                LUFS_RANGE.end()
            );
        }
        anyhow::ensure!(self.workers.lease_seconds >= 3, "workers.lease_seconds must be at least 3");
        anyhow::ensure!(self.database.connections >= 2, "database.connections must be at least 2");
        anyhow::ensure!(self.http.connections >= 1, "http.connections must be at least 1");
        anyhow::ensure!(self.workers.io >= 1, "workers.io must be at least 1");
        anyhow::ensure!(self.workers.webhooks >= 1, "workers.webhooks must be at least 1");
        Ok(())
    }
}

/// What is wrong with settings, each by its name, and never by its value: that may be a password.
fn explained(errors: figment::Error) -> String {
    let explain = |error: figment::Error| {
        let wrong = match &error.kind {
            Kind::InvalidType(found, expected) => wrong_type(found, expected),
            Kind::InvalidValue(_, expected) => format!("it cannot have this value; it must be {expected}"),
            Kind::InvalidLength(length, expected) => format!("it has {length} parts; it must be {expected}"),
            Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "the number is too large".to_owned(),
            Kind::Unsupported(found) | Kind::UnsupportedKey(found, _) => format!("it cannot be {}", kind_of(found)),
            Kind::Message(text) => without_source(text),
            kind @ (Kind::UnknownVariant(..)
            | Kind::UnknownField(..)
            | Kind::MissingField(_)
            | Kind::DuplicateField(_)) => kind.to_string(),
        };
        let place = error.metadata.as_ref().and_then(|metadata| metadata.source.as_ref());
        let place = place.map_or_else(String::new, |place| format!(" ({place})"));
        match error.path.join(".").to_lowercase() {
            name if name.is_empty() => format!("{wrong}{place}"),
            name => format!("{name}: {wrong}{place}"),
        }
    };
    errors.into_iter().map(explain).collect::<Vec<_>>().join("; ")
}

fn wrong_type(found: &Actual, expected: &str) -> String {
    let kind = kind_of(found);
    match found {
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) | Actual::Bool(_) if expected.contains("string") => {
            format!(
                "{kind} was found where {expected} is expected; put it into quotes, in the environment, too: '\"…\"'"
            )
        }
        _ => format!("{kind} was found where {expected} is expected"),
    }
}

fn kind_of(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Bytes(_) => "bytes",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        Actual::Unit | Actual::Option => "nothing",
        _ => "something else",
    }
}

/// A sentence of the parser without the line of the file that it shows.
fn without_source(text: &str) -> String {
    text.lines().filter(|line| !line.contains('|')).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_17_an_error_names_the_setting_and_never_shows_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("voicemill.toml");
        for (text, name) in [
            ("[smtp]\nhost = \"h\"\nusername = \"u\"\npassword = 87654321", "smtp.password"),
            ("[smtp]\nhost = \"h\"\nusername = \"u\"\npassword = -8765.4321", "smtp.password"),
            ("[smtp]\nhost = \"h\"\nusername = \"u\"\npassword = [\"87654321\"]", "smtp.password"),
            ("[http]\noperator_key = 87654321", "http.operator_key"),
            ("[links]\nkeys = [{ id = 1, secret = 87654321 }]", "links.keys"),
            ("[links]\nkeys = [{ id = \"87654321\", secret = \"x\" }]", "links.keys"),
            ("[links]\nkeys = \"87654321\"", "links.keys"),
            ("[database]\nurl = 87654321", "database.url"),
            ("[database]\nurl = \"postgres//me:87654321@host\"", "database.url"),
            ("[smtp]\npassword = \"87654321", "line 2"),
            ("[smtp]\npassword = s87654321\n", "line 2"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = format!("{:#}", Config::load(Some(&file)).unwrap_err());
            assert!(error.contains(name), "{text}: {error}");
            assert!(!error.contains("8765"), "{text}: {error}");
        }
    }

    #[test]
    fn the_sample_says_every_setting_and_its_default() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("voicemill.sample.toml");
        let text = std::fs::read_to_string(&sample).unwrap();
        let uncommented: String =
            text.lines().map(|line| line.strip_prefix("#= ").unwrap_or(line)).map(|line| format!("{line}\n")).collect();
        let parsed: toml::Table = uncommented.parse().unwrap();
        let config: Config = parsed.clone().try_into().unwrap();
        let told = toml::Table::try_from(&config).unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        for (section, values) in &defaults {
            for (key, default) in values.as_table().unwrap() {
                assert!(parsed[section].get(key).is_some(), "the sample does not show {section}.{key}");
                assert_eq!(&told[section][key], default, "the sample's {section}.{key} is not the default");
            }
        }
    }

    #[test]
    fn a_proxy_is_a_network_or_an_address() {
        let read = |text: &str| toml::from_str::<HttpConfig>(&format!("trusted_proxies = [\"{text}\"]"));
        for text in ["10.0.0.0/8", "127.0.0.1", "::1", "fd00::/8"] {
            assert_eq!(read(text).unwrap().trusted_proxies.len(), 1, "{text}");
        }
        let error = read("proxy.example").unwrap_err().to_string();
        assert!(error.contains("proxy.example") && error.contains("10.0.0.0/8"), "{error}");
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("voicemill.toml");
        std::fs::write(&file, "[http]\nlissen = \"127.0.0.1:1\"\n").unwrap();
        let error = Config::load(Some(&file)).unwrap_err().to_string();
        assert!(error.contains("lissen"), "{error}");
    }
}
