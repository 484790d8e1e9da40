//! A store in a bucket of S3 or of a service that speaks its protocol.
//!
//! Bodies go up in parts of 5 MiB, a few at a time, and in one request if they are smaller; what is in memory at once is
//! bounded for all uploads together. Keys are `{prefix}/{owner}/{id}.{extension}`, and a put never replaces: by a condition
//! where the service honours it, else by looking first, which is enough as no two writers ever choose the same key.

mod config;
mod error;
mod parts;
mod probe;
mod upload;

use std::{ops::Range, path::Path, time::Duration};

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_sdk_s3::{
    Client,
    config::{
        Credentials, HttpClient, Region, RequestChecksumCalculation, ResponseChecksumValidation,
        StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
    operation::head_object::HeadObjectOutput,
    primitives::DateTime,
    types::{ChecksumMode, ServerSideEncryption},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::stream;
use secrecy::ExposeSecret;
use tokio::{sync::OnceCell, time::timeout};

pub use config::{Checksums, Encryption, InvalidConfig, S3Config};
pub use probe::Capabilities;

use super::{Blob, BlobInfo, BlobKey, BlobStore, ByteStream, Listed, Page, StorageError, Stored};
use error::Failed;
use parts::{Body, Parts};
use upload::Put;
use voicemill_types::Time;

/// Bytes of a part. The protocol wants at least as much of all but the last, and at most 10,000 parts: 52 GB.
const PART: u32 = 5 * 1024 * 1024;

/// The region where none is said; compatible services rarely care.
const DEFAULT_REGION: &str = "us-east-1";

/// How long a download may stand still.
const STALL: Duration = Duration::from_secs(30);

/// Names of the metadata of objects: a label, and a number of ours by which a put knows its own work again.
const LABEL: &str = "label";
const PUT: &str = "put";

/// Longest label, in bytes: 2 KB is all the metadata that an object may have.
const LONGEST_LABEL: usize = 1_300;

/// Blobs in a bucket.
pub struct S3Store {
    client: Client,
    config: S3Config,
    prefix: String,
    capabilities: OnceCell<Capabilities>,
    parts: Parts,
}

impl S3Store {
    /// Prepares everything but the first request, so that a service that is down keeps nobody from starting.
    ///
    /// # Errors
    /// [`InvalidConfig`] names the setting at fault.
    pub async fn open(config: S3Config) -> Result<Self, InvalidConfig> {
        let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        Self::over(http.build_https(), config).await
    }

    /// The store over a way to make requests.
    async fn over(http: impl HttpClient + 'static, config: S3Config) -> Result<Self, InvalidConfig> {
        config.check()?;
        let whole = Duration::from_secs(config.timeout_seconds);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3).min(whole))
            .read_timeout(Duration::from_secs(20).min(whole))
            .operation_attempt_timeout(whole)
            .operation_timeout(whole)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::adaptive().with_max_attempts(3).with_max_backoff(Duration::from_secs(2)))
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL).build());
        let elsewhere = config.endpoint.as_ref().map(|_| DEFAULT_REGION.to_owned());
        if let Some(region) = config.region.clone().or(elsewhere) {
            loader = loader.region(Region::new(region));
        }
        if let Some(profile) = &config.profile {
            loader = loader.profile_name(profile);
        }
        if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
            loader =
                loader.credentials_provider(Credentials::new(id, secret.expose_secret(), None, None, "configuration"));
        }
        let shared = loader.load().await;
        let mut settings = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(config.path_style)
            // What is wanted is said request by request; nothing is added to that.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if shared.region().is_none() {
            settings = settings.region(Region::from_static(DEFAULT_REGION));
        }
        if let Some(endpoint) = &config.endpoint {
            settings = settings.endpoint_url(endpoint);
        }
        let prefix = match config.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let parts = Parts::new(config.upload_memory_bytes);
        Ok(Self { client: Client::from_conf(settings.build()), config, prefix, capabilities: OnceCell::new(), parts })
    }

    /// What the service can do; asked at the first use that reaches it.
    pub async fn capabilities(&self) -> Result<&Capabilities, StorageError> {
        let ask = || async {
            let asked = tokio::spawn(probe::Probe::of(self).run()).await;
            asked.map_err(|stopped| error::unexpected("try what the bucket can do", stopped))?
        };
        self.capabilities.get_or_try_init(ask).await
    }

    fn object(&self, key: &BlobKey) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn begin(&self, key: &BlobKey, label: Option<&str>) -> Result<Put<'_>, StorageError> {
        let able = *self.capabilities().await?;
        let label =
            label.filter(|label| label.len() <= LONGEST_LABEL).map(|label| BASE64_URL_SAFE_NO_PAD.encode(label));
        Ok(Put::new(self, self.object(key), label, able))
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        match self.config.encryption {
            Encryption::Bucket => None,
            Encryption::Aes256 => Some(ServerSideEncryption::Aes256),
            Encryption::Kms => Some(ServerSideEncryption::AwsKms),
        }
    }

    async fn head_object(&self, object: &str) -> Result<HeadObjectOutput, Failed> {
        Ok(self.client.head_object().bucket(&self.config.bucket).key(object).send().await?)
    }
}

#[async_trait]
impl BlobStore for S3Store {
    async fn put_labelled(&self, key: &BlobKey, body: ByteStream, label: Option<&str>) -> Result<Stored, StorageError> {
        self.begin(key, label).await?.store(Body::new(body)).await
    }

    async fn put_file_labelled(&self, key: &BlobKey, path: &Path, label: Option<&str>) -> Result<Stored, StorageError> {
        let put = self.begin(key, label).await?;
        put.store(self.parts.file(path).await?).await
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<Blob, StorageError> {
        if range.as_ref().is_some_and(Range::is_empty) {
            return Err(StorageError::OutOfRange { bytes: self.head(key).await?.bytes });
        }
        let wanted = range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        // The checksum is of the whole, and only a service that is known to have them is asked for it.
        let checked = wanted.is_none() && self.capabilities.get().is_some_and(|able| able.checksums);
        let request = self.client.get_object().bucket(&self.config.bucket).key(self.object(key)).set_range(wanted);
        let request = request.set_checksum_mode(checked.then_some(ChecksumMode::Enabled));
        let answer = match request.send().await.map_err(Failed::from) {
            Ok(answer) => answer,
            Err(error) if error.status() == Some(416) => {
                return Err(StorageError::OutOfRange { bytes: self.head(key).await?.bytes });
            }
            Err(error) => return Err(error.into_error("read an object")),
        };
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
        let (range, bytes) = match range {
            None => (0..length, length),
            Some(range) => {
                let total = answer.content_range().and_then(|text| text.rsplit_once('/')?.1.parse::<u64>().ok());
                let total =
                    total.ok_or_else(|| error::unexpected("read an object", "the service ignored the range"))?;
                (range.start..range.end.min(total), total)
            }
        };
        let body = stream::try_unfold(answer.body, async |mut body| match timeout(STALL, body.next()).await {
            Ok(Some(Ok(chunk))) => Ok(Some((chunk, body))),
            Ok(Some(Err(error))) => Err(error::unexpected("read an object", error)),
            Ok(None) => Ok(None),
            Err(_) => Err(error::unexpected("read an object", "the service stopped sending")),
        });
        Ok(Blob { bytes, range, body: ByteStream::from_chunks(body) })
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobInfo, StorageError> {
        let answer =
            self.head_object(&self.object(key)).await.map_err(|error| error.into_error("look at an object"))?;
        let label = answer.metadata().and_then(|metadata| metadata.get(LABEL));
        let label = label.and_then(|label| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(label).ok()?).ok());
        let bytes = answer.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
        Ok(BlobInfo { bytes, modified: time(answer.last_modified()), label })
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), StorageError> {
        let request = self.client.delete_object().bucket(&self.config.bucket).key(self.object(key));
        match request.send().await.map_err(Failed::from) {
            Ok(_) => Ok(()),
            Err(error) => match error.into_error("remove an object") {
                StorageError::NotFound => Ok(()),
                other => Err(other),
            },
        }
    }

    async fn list(&self, after: &str, limit: u16) -> Result<Page, StorageError> {
        let request = self.client.list_objects_v2().bucket(&self.config.bucket).max_keys(i32::from(limit));
        let request = request.prefix(&self.prefix).start_after(format!("{}{after}", self.prefix));
        let answer = request.send().await.map_err(|error| Failed::from(error).into_error("list the bucket"))?;
        let mut page = Page::default();
        for object in answer.contents() {
            let Some(text) = object.key().and_then(|key| key.strip_prefix(&self.prefix)) else { continue };
            page.next = Some(text.to_owned());
            if let Ok(key) = text.parse() {
                let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                page.blobs.push(Listed { key, bytes, modified: time(object.last_modified()) });
            }
        }
        if !answer.is_truncated().unwrap_or(false) {
            page.next = None;
        }
        Ok(page)
    }

    async fn tidy(&self, age: Duration) -> Result<u64, StorageError> {
        upload::abort_older(self, age).await
    }
}

fn time(moment: Option<&DateTime>) -> Time {
    let microseconds = moment.map_or(0, |moment| moment.as_nanos() / 1_000);
    Time::from_microseconds(i64::try_from(microseconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
