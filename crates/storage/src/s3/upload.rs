//! One blob on its way into a bucket.

use std::time::Duration;

use aws_sdk_s3::{
    Client,
    config::http::HttpResponse,
    error::SdkError,
    operation::upload_part::UploadPartError,
    primitives::ByteStream as SdkStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    LABEL, PUT, S3Store,
    error::{Failed, unexpected},
    parts::{Body, Part},
    probe::Capabilities,
};
use crate::{StorageError, Stored};

/// Most parts of one upload under way at once.
const PARTS_AT_ONCE: usize = 4;

/// Most parts that the protocol has numbers for.
const MOST_PARTS: i32 = 10_000;

/// One put: what is asked of the service with every request of it.
pub(super) struct Put<'a> {
    store: &'a S3Store,
    object: String,
    label: Option<String>,
    able: Capabilities,
    /// Tells this put's object from another's under the same key.
    id: String,
}

impl<'a> Put<'a> {
    pub(super) fn new(store: &'a S3Store, object: String, label: Option<String>, able: Capabilities) -> Self {
        Self { store, object, label, able, id: Uuid::now_v7().to_string() }
    }

    /// Stores the whole body.
    pub(super) async fn store(self, mut body: Body) -> Result<Stored, StorageError> {
        if !self.able.conditions && self.current_writer().await?.is_some() {
            return Err(StorageError::AlreadyExists);
        }
        let first = self.store.parts.next(&mut body).await?;
        if first.last { self.at_once(first, body.stored()).await } else { self.in_parts(first, body).await }
    }

    async fn at_once(self, part: Part, stored: Stored) -> Result<Stored, StorageError> {
        let config = &self.store.config;
        let request = self.store.client.put_object().bucket(&config.bucket).key(&self.object);
        let sent = request
            .body(SdkStream::from(part.bytes()))
            .set_metadata(self.metadata())
            .set_if_none_match(self.if_none_match())
            .set_checksum_algorithm(self.checksum())
            .set_server_side_encryption(self.store.encryption())
            .set_ssekms_key_id(config.kms_key_id.clone())
            .set_tagging(config.tagging())
            .send()
            .await;
        match sent.map_err(Failed::from) {
            Ok(_) => Ok(stored),
            // A service that refuses early may close the connection while the body is still on its way.
            Err(error) if error.is_taken() || error.status().is_none() => self.settle(error, stored).await,
            Err(error) => Err(error.into_error("store an object")),
        }
    }

    async fn in_parts(self, first: Part, mut body: Body) -> Result<Stored, StorageError> {
        let config = &self.store.config;
        let request = self.store.client.create_multipart_upload().bucket(&config.bucket).key(&self.object);
        let begin = request
            .set_metadata(self.metadata())
            .set_checksum_algorithm(self.checksum())
            .set_server_side_encryption(self.store.encryption())
            .set_ssekms_key_id(config.kms_key_id.clone())
            .set_tagging(config.tagging());
        let (client, bucket, object) = (self.store.client.clone(), config.bucket.clone(), self.object.clone());
        let checksum = self.checksum();
        // A task of its own: who gives up while the service begins the upload would never learn its id to abort it.
        let beginning = tokio::spawn(async move {
            let begun = begin.send().await.map_err(|error| Failed::from(error).into_error("begin an upload"))?;
            let id = begun.upload_id.ok_or_else(|| unexpected("begin an upload", "the service gave it no id"))?;
            Ok::<_, StorageError>(Multipart {
                client,
                bucket,
                object,
                id,
                checksum,
                sending: JoinSet::new(),
                finished: false,
            })
        });
        let mut upload = beginning.await.map_err(|stopped| unexpected("begin an upload", stopped))??;
        let mut sent: Vec<CompletedPart> = Vec::new();
        let mut next = Some(first);
        for number in 1.. {
            let Some(part) = next.take() else { break };
            if number > MOST_PARTS {
                return Err(StorageError::TooLarge { limit: u64::from(super::PART) * MOST_PARTS as u64 });
            }
            let last = part.last;
            if upload.sending.len() >= PARTS_AT_ONCE {
                sent.push(upload.sent().await?);
            }
            upload.send(number, part);
            if !last {
                // While it waits for the body or for memory, parts that are under way go on by themselves.
                next = Some(self.store.parts.next(&mut body).await?);
            }
        }
        while !upload.sending.is_empty() {
            sent.push(upload.sent().await?);
        }
        sent.sort_by_key(CompletedPart::part_number);
        let stored = body.stored();
        match upload.complete(sent, self.if_none_match()).await {
            Ok(()) => Ok(stored),
            // What was completed by a request whose answer was lost is not there to be completed again.
            Err(error) if error.is_taken() || matches!(error.status(), None | Some(404)) => {
                self.settle(error, stored).await
            }
            Err(error) => Err(error.into_error("complete an upload")),
        }
    }

    /// A request that was sent twice, as its first answer was lost, meets its own work: that is no failure.
    async fn settle(&self, error: Failed, stored: Stored) -> Result<Stored, StorageError> {
        match self.current_writer().await {
            Ok(Some(by)) if by == self.id => Ok(stored),
            Ok(Some(_)) => Err(StorageError::AlreadyExists),
            Ok(None) | Err(_) => Err(error.into_error("store an object")),
        }
    }

    /// The id of the put that wrote the object under the key, if there is one; empty when no put of ours did.
    async fn current_writer(&self) -> Result<Option<String>, StorageError> {
        match self.store.head_object(&self.object).await.map_err(|error| error.into_error("look at an object")) {
            Ok(object) => {
                Ok(Some(object.metadata().and_then(|metadata| metadata.get(PUT)).cloned().unwrap_or_default()))
            }
            Err(StorageError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn metadata(&self) -> Option<std::collections::HashMap<String, String>> {
        let label = self.label.clone().map(|label| (LABEL.to_owned(), label));
        Some(label.into_iter().chain([(PUT.to_owned(), self.id.clone())]).collect())
    }

    fn if_none_match(&self) -> Option<String> {
        self.able.conditions.then(|| "*".to_owned())
    }

    fn checksum(&self) -> Option<ChecksumAlgorithm> {
        self.able.checksums.then_some(ChecksumAlgorithm::Crc32)
    }
}

type SentPart = Result<CompletedPart, SdkError<UploadPartError, HttpResponse>>;

/// An upload in parts; dropped before it is finished, it is aborted, so that nobody pays for its parts.
struct Multipart {
    client: Client,
    bucket: String,
    object: String,
    id: String,
    checksum: Option<ChecksumAlgorithm>,
    sending: JoinSet<SentPart>,
    finished: bool,
}

impl Multipart {
    /// Begins to send one part; its memory is free again when that is done.
    fn send(&mut self, number: i32, part: Part) {
        let request = self.client.upload_part().bucket(&self.bucket).key(&self.object).upload_id(&self.id);
        let request = request.part_number(number).set_checksum_algorithm(self.checksum.clone());
        self.sending.spawn(async move {
            let bytes: Bytes = part.bytes();
            let answer = request.body(SdkStream::from(bytes)).send().await?;
            drop(part);
            let completed = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag);
            Ok(completed.set_checksum_crc32(answer.checksum_crc32).build())
        });
    }

    /// Waits for one of the parts under way.
    async fn sent(&mut self) -> Result<CompletedPart, StorageError> {
        const DOING: &str = "store a part";
        match self.sending.join_next().await {
            Some(Ok(sent)) => sent.map_err(|error| Failed::from(error).into_error(DOING)),
            Some(Err(stopped)) => Err(unexpected(DOING, stopped)),
            None => Err(unexpected(DOING, "no part is under way")),
        }
    }

    async fn complete(mut self, parts: Vec<CompletedPart>, if_none_match: Option<String>) -> Result<(), Failed> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(&self.object);
        request.upload_id(&self.id).set_if_none_match(if_none_match).multipart_upload(parts).send().await?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.finished {
            let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(&self.object).upload_id(&self.id);
            let mut sending = std::mem::take(&mut self.sending);
            runtime.spawn(async move {
                // A part that arrives after the abort would stay, so those under way end first.
                while sending.join_next().await.is_some() {}
                // What cannot be aborted now is found by the sweep.
                drop(abort.send().await);
            });
        }
    }
}

/// Aborts the uploads below our prefix that were begun longer ago than `age`.
pub(super) async fn abort_older(store: &S3Store, age: Duration) -> Result<u64, StorageError> {
    let (client, bucket) = (&store.client, &store.config.bucket);
    let listed = client.list_multipart_uploads().bucket(bucket).prefix(&store.prefix).send().await;
    let listed = match listed.map_err(Failed::from) {
        Ok(listed) => listed,
        // A service that cannot list them has none for us to find.
        Err(error) if error.is_refusal() => return Ok(0),
        Err(error) => return Err(error.into_error("list uploads")),
    };
    let mut aborted = 0;
    for upload in listed.uploads() {
        let begun = upload.initiated().and_then(|begun| std::time::SystemTime::try_from(*begun).ok());
        let old = begun.and_then(|begun| begun.elapsed().ok()).is_some_and(|elapsed| elapsed > age);
        if let (true, Some(object), Some(id)) = (old, upload.key(), upload.upload_id()) {
            let abort = client.abort_multipart_upload().bucket(bucket).key(object).upload_id(id);
            abort.send().await.map_err(|error| Failed::from(error).into_error("abort an upload"))?;
            aborted += 1;
        }
    }
    Ok(aborted)
}
