//! The harness of the journeys: the whole service in this process, on real files, with real models.

#![allow(dead_code, unreachable_pub, reason = "helpers wait for the journeys that need them")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use voicemill::{
    app::App,
    config::{Config, RateConfig},
    db::DatabaseUrl,
    http, jobs,
    lanes::Lane,
    upkeep,
};
use voicemill_audio::{decode, format::AudioBlock};
use voicemill_notify::{
    email::{DkimKeyConfig, SmtpConfig},
    sms::SmsConfig,
};
use voicemill_queue::{Worker, WorkerConfig};
use voicemill_sql::{Database, SqlitePools};
use voicemill_types::{DomainId, clock::Clock};

/// How long anything may take before a journey fails; far more than it does.
const TIMEOUT: Duration = Duration::from_secs(60);
pub const OPERATOR_KEY: &str = "the operators' key of the journeys, long enough";

/// The running service, with one domain and its keys.
pub struct TestApp {
    pub app: Arc<App>,
    pub clock: Clock,
    pub base: String,
    pub core_key: String,
    pub portal_key: String,
    pub http: reqwest::Client,
    folder: Option<tempfile::TempDir>,
    shutdown: CancellationToken,
    service: Option<JoinHandle<()>>,
}

/// What a journey wants otherwise than usual.
pub struct Wish {
    pub clock: Clock,
    pub configure: Box<dyn Fn(&mut Config)>,
    /// Another database than a SQLite file.
    pub database: Option<DatabaseUrl>,
    pub smtp: Option<SmtpConfig>,
    pub dkim: Vec<DkimKeyConfig>,
    pub sms: Option<SmsConfig>,
    /// Whether jobs are done.
    pub work: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            configure: Box::new(|_| ()),
            database: None,
            smtp: None,
            dkim: Vec::new(),
            sms: None,
            work: true,
        }
    }
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(Wish::default()).await
    }

    pub async fn start_with(wish: Wish) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { smtp: wish.smtp, sms: wish.sms, ..Config::default() };
        config.storage.folder = folder.path().join("data");
        config.http.operator_key = Some(OPERATOR_KEY.to_owned());
        config.speech.models_folder = Some(models_folder());
        config.workers.grace_seconds = 5;
        // Journeys look again and again.
        config.http.rate = RateConfig { per_second: 100_000, burst: 100_000 };
        config.database.url = wish.database;
        config.mail.dkim = wish.dkim;
        (wish.configure)(&mut config);
        let mut started = Box::pin(Self::open(folder, config, wish.clock, wish.work)).await;
        (started.core_key, started.portal_key) = started.domain("acme.example").await;
        started
    }

    /// Another process of the service, beside one that has this database: it answers, and does no jobs.
    pub async fn beside(database: DatabaseUrl) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.storage.folder = folder.path().join("data");
        config.http.operator_key = Some(OPERATOR_KEY.to_owned());
        config.speech.models_folder = Some(models_folder());
        config.database.url = Some(database);
        Box::pin(Self::open(folder, config, Clock::system(), false)).await
    }

    /// The service on a folder that may hold data already.
    async fn open(folder: tempfile::TempDir, mut config: Config, clock: Clock, work: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        config.http.public_url = base.clone();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_voicemill"));
        let app = App::new(config, clock.clone(), program).await.unwrap();
        let shutdown = CancellationToken::new();
        let service = tokio::spawn(serve(app.clone(), listener, shutdown.clone(), work));
        Self {
            app,
            clock,
            base,
            core_key: String::new(),
            portal_key: String::new(),
            http: reqwest::Client::builder().timeout(TIMEOUT).build().unwrap(),
            folder: Some(folder),
            shutdown,
            service: Some(service),
        }
    }

    /// Ends the service and starts it again on the same data.
    pub async fn restart(mut self) -> Self {
        self.shutdown.cancel();
        self.service.take().unwrap().await.unwrap();
        let folder = self.folder.take().unwrap();
        let config = self.app.config.clone();
        let mut again = Box::pin(Self::open(folder, config, self.clock.clone(), true)).await;
        again.core_key = std::mem::take(&mut self.core_key);
        again.portal_key = std::mem::take(&mut self.portal_key);
        again
    }

    /// Moves a fixed clock, and lets the workers see it.
    pub fn advance(&self, by: jiff::SignedDuration) {
        self.clock.advance(by);
        self.app.queue.wake();
    }

    /// Waits until nothing is left to do before a later moment.
    pub async fn idle(&self) {
        let began = Instant::now();
        loop {
            let stats = self.app.queue.stats().await.unwrap();
            use voicemill_queue::State::{Available, Running};
            if !stats.iter().any(|stat| matches!(stat.state, Available | Running)) {
                return;
            }
            assert!(began.elapsed() < TIMEOUT, "never idle: {stats:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The SMS in the outbox, oldest first: numbers and texts.
    pub fn texts(&self) -> Vec<(String, String)> {
        texts_in(&self.app.config.storage.folder)
    }

    /// Makes a domain; returns a core's and a portal's key.
    pub async fn domain(&self, name: &str) -> (String, String) {
        let operator = |path: &str, body: Value| {
            self.http.post(format!("{}{path}", self.base)).bearer_auth(OPERATOR_KEY).json(&body)
        };
        ok(operator("/v1/domains", json!({"name": name, "time_zone": "America/New_York", "brand": "Acme"}))).await;
        let mut keys = Vec::new();
        for scope in ["core", "portal"] {
            let path = format!("/v1/domains/{name}/keys");
            let made = ok(operator(&path, json!({"scope": scope, "name": "test"}))).await;
            keys.push(made["key"].as_str().unwrap().to_owned());
        }
        let portal = keys.pop().unwrap();
        (keys.pop().unwrap(), portal)
    }

    /// What a domain is called inside.
    pub async fn domain_id(&self, name: &str) -> DomainId {
        let domain = ok(self.operator(Method::GET, &format!("/v1/domains/{name}"))).await;
        domain["id"].as_str().unwrap().parse().unwrap()
    }

    /// Gives a domain other settings, as an operator does.
    pub async fn change_domain(&self, name: &str, changes: Value) -> Response {
        let request = self.http.patch(format!("{}/v1/domains/{name}", self.base)).bearer_auth(OPERATOR_KEY);
        request.json(&changes).send().await.unwrap()
    }

    pub async fn mailbox(&self, extension: &str, settings: Value) -> Value {
        let save = || self.portal(Method::PUT, &format!("/v1/mailboxes/{extension}")).json(&settings);
        match save().send().await.unwrap() {
            // It is there, and to have other settings in place of all it has.
            answer if answer.status() == StatusCode::PRECONDITION_REQUIRED => ok(save().header("If-Match", "*")).await,
            answer => {
                let status = answer.status();
                let text = answer.text().await.unwrap();
                assert!(status.is_success(), "{status}: {text}");
                serde_json::from_str(&text).unwrap()
            }
        }
    }

    pub fn operator(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(OPERATOR_KEY)
    }

    pub fn core(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.core_key)
    }

    pub fn portal(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.portal_key)
    }

    /// A request without a key; `url` may be a path.
    pub fn browser(&self, method: Method, url: &str) -> RequestBuilder {
        let url = if url.starts_with('/') { format!("{}{url}", self.base) } else { url.to_owned() };
        self.http.request(method, url)
    }

    /// Drops a voicemail as a core does and returns the answer.
    pub async fn drop_message(&self, extension: &str, core_id: &str, body: Vec<u8>) -> Response {
        let path = format!("/core/v1/mailboxes/{extension}/messages/{core_id}");
        let query = [("caller_number", "4155550132"), ("caller_name", "Robin Stone")];
        let send = || self.core(Method::PUT, &path).query(&query).body(body.clone()).send();
        match send().await {
            Ok(answer) => answer,
            // A drop that was refused before its body was read ends its connection, maybe under the next; a core tries again.
            Err(_) => send().await.unwrap(),
        }
    }

    /// Drops a sample and returns the message.
    pub async fn leave(&self, extension: &str, core_id: &str, sample: &str) -> Value {
        let answer = self.drop_message(extension, core_id, sample_bytes(sample)).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json().await.unwrap()
    }

    /// The message once `done` holds.
    pub async fn message(&self, id: &Value, done: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("/v1/messages/{}", id.as_str().unwrap()), done).await
    }

    /// What a portal sees at `path` once `done` holds.
    pub async fn until(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let value = ok(self.portal(Method::GET, path)).await;
            if done(&value) {
                return value;
            }
            assert!(began.elapsed() < TIMEOUT, "never came to be: {value:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Uploads a sample as a person does.
    pub async fn upload(&self, kind: &str, sample: &str) -> Response {
        let part = reqwest::multipart::Part::bytes(sample_bytes(sample)).file_name(sample.to_owned());
        let form =
            reqwest::multipart::Form::new().text("kind", kind.to_owned()).text("name", "A prompt").part("file", part);
        self.portal(Method::POST, "/v1/prompts").multipart(form).send().await.unwrap()
    }

    /// The bytes of a rendition, fetched as a core does.
    pub async fn media(&self, rendition: &Value) -> Vec<u8> {
        let path = format!("/media/{}/x", rendition["id"].as_str().unwrap());
        let response = self.core(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.bytes().await.unwrap().to_vec()
    }

    /// The mails in the outbox, oldest first.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        mails_in(&self.app.config.storage.folder)
    }

    /// The link in the only mail.
    pub fn link(&self) -> String {
        let mails = self.mails();
        assert_eq!(mails.len(), 1);
        link_in(&mails[0]).expect("the mail has a link")
    }

    /// Stops the service and checks that nothing was left behind.
    pub async fn stop(mut self) {
        let began = Instant::now();
        while !self.app.queue.stats().await.unwrap().iter().all(|stat| stat.state == voicemill_queue::State::Discarded)
        {
            assert!(began.elapsed() < TIMEOUT, "jobs are left: {:?}", self.app.queue.stats().await.unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.shutdown.cancel();
        self.service.take().unwrap().await.unwrap();
        self.nothing_is_left();
    }

    /// Checks that no file of a drop or of an attempt is there.
    pub fn nothing_is_left(&self) {
        let storage = &self.app.config.storage.folder;
        // A folder for each process, with its lock beside it.
        let of_processes = ["scratch", "spool/landing"].map(|parent| std::fs::read_dir(storage.join(parent)).unwrap());
        let own = of_processes.into_iter().flatten().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        for folder in own.chain([storage.join("spool/entries")]) {
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "files are left in {}", folder.display());
        }
    }
}

impl TestApp {
    /// Runs a statement of the journey's own on its SQLite file.
    pub async fn execute(&self, statement: &'static str) {
        sqlx::query(statement).execute(&sqlite(&self.app).write).await.unwrap();
    }

    /// Takes the database away from the running service, for good.
    pub async fn close_database(&self) {
        match &self.app.database {
            Database::Sqlite(pools) => {
                pools.read.close().await;
                pools.write.close().await;
            }
            Database::Postgres(database) => database.pool.close().await,
        }
    }
}

/// The connections of a service whose database is SQLite.
pub fn sqlite(app: &App) -> &SqlitePools {
    match &app.database {
        Database::Sqlite(pools) => pools,
        Database::Postgres(_) => panic!("this journey is one on SQLite"),
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn serve(app: Arc<App>, listener: TcpListener, shutdown: CancellationToken, work: bool) {
    let slots = |lane| match lane {
        _ if !work => 0,
        Lane::Cpu => 2,
        Lane::Io => 4,
        Lane::Webhooks => 16,
        // One job after another, so that journeys see the order.
        _ => 1,
    };
    let config = WorkerConfig {
        lanes: Lane::ALL.map(|lane| lane.with_slots(slots(lane))).to_vec(),
        grace: Duration::from_secs(app.config.workers.grace_seconds),
        ..WorkerConfig::default()
    };
    let worker = Worker::new(app.queue.clone(), jobs::registry(), app.clone(), config);
    let upkeep = upkeep::run(app.clone(), shutdown.clone());
    let hearing = voicemill::notices::replies::listen(&app, shutdown.clone());
    let answering = http::serve(listener, http::router(app.clone()), app.config.http.connections, shutdown.clone());
    let (worked, (), (), ()) = tokio::join!(worker.run(shutdown), answering, upkeep, hearing);
    worked.unwrap();
}

/// Sends, and reads the JSON of a 2xx answer.
pub async fn ok(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The words of an answer that is a problem.
pub async fn detail(response: Response) -> String {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    response.json::<Value>().await.unwrap()["detail"].as_str().unwrap().to_owned()
}

pub fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

pub fn sample_bytes(name: &str) -> Vec<u8> {
    std::fs::read(samples().join(name)).unwrap()
}

/// What was said in a sample.
pub fn said(sample: &str) -> String {
    let expected = std::fs::read_to_string(samples().join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    expected[sample]["text"].as_str().unwrap().to_owned()
}

/// Where the models are; `make models` puts them there.
pub fn models_folder() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "where the models are is no matter of the configuration under test")]
    let named = std::env::var("VOICEMILL_MODELS_DIR");
    let folder = named.map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fetched"), PathBuf::from);
    assert!(folder.is_dir(), "there are no models in {}: run `make models`", folder.display());
    folder
}

pub fn mails_in(storage: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = std::fs::read_dir(storage.join("outbox"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

pub fn texts_in(storage: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(storage.join("outbox"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let read = |file: PathBuf| {
        let whole = std::fs::read_to_string(file).unwrap();
        let (head, text) = whole.split_once("\n\n").unwrap();
        let to = head.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
        (to.to_owned(), text.trim_end().to_owned())
    };
    files.into_iter().map(read).collect()
}

pub fn link_in(mail: &[u8]) -> Option<String> {
    let parsed = mail_parser::MessageParser::new().parse(mail)?;
    let body = parsed.body_text(0)?.into_owned();
    let middle = body.find("/l/")?;
    let start = body[..middle].rfind("http")?;
    Some(body[start..].chars().take_while(|letter| !letter.is_whitespace() && *letter != '>').collect())
}

/// The attached audio of a mail.
pub fn attachment(mail: &[u8]) -> Option<Vec<u8>> {
    named_attachment(mail).map(|(_, _, bytes)| bytes)
}

/// The attached audio of a mail: its file name, its subtype and its bytes.
pub fn named_attachment(mail: &[u8]) -> Option<(String, String, Vec<u8>)> {
    use mail_parser::MimeHeaders;

    let parsed = mail_parser::MessageParser::new().parse(mail)?;
    let part = parsed.attachments().find(|part| part.content_type().is_some_and(|kind| kind.ctype() == "audio"))?;
    let name = part.attachment_name()?.to_owned();
    Some((name, part.content_type()?.subtype()?.to_owned(), part.contents().to_vec()))
}

/// Decoded audio, small enough to hold.
pub struct Sound {
    pub samples: Vec<f32>,
    pub rate_hz: u32,
    pub channels: usize,
}

impl Sound {
    pub fn decode(bytes: &[u8], hint: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut source = decode::open(file.path(), Some(hint)).unwrap().source;
        let spec = source.spec();
        let (mut samples, mut block) = (Vec::new(), AudioBlock::default());
        while source.next_block(&mut block).unwrap() {
            samples.extend_from_slice(&block.samples);
        }
        Self { samples, rate_hz: spec.rate_hz, channels: usize::from(spec.channels) }
    }

    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / self.channels as f64 / f64::from(self.rate_hz)
    }

    pub fn channel(&self, channel: usize) -> Vec<f64> {
        self.samples.iter().skip(channel).step_by(self.channels).map(|sample| f64::from(*sample)).collect()
    }
}

/// Integrated loudness in LUFS, as a listener at the far end would measure it.
pub fn lufs(bytes: &[u8], hint: &str) -> f64 {
    let sound = Sound::decode(bytes, hint);
    let channels = u32::try_from(sound.channels).unwrap();
    let mut meter = ebur128::EbuR128::new(channels, sound.rate_hz, ebur128::Mode::I).unwrap();
    meter.add_frames_f32(&sound.samples).unwrap();
    meter.loudness_global().unwrap()
}

/// The normalised correlation of two signals, 0 to 1.
pub fn likeness(a: &[f64], b: &[f64]) -> f64 {
    let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let energy = |signal: &[f64]| signal.iter().map(|sample| sample * sample).sum::<f64>();
    product.abs() / (energy(a) * energy(b)).sqrt().max(1e-12)
}
