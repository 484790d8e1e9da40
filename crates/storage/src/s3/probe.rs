//! What a service can do, found out by trying: compatible ones differ.

use aws_sdk_s3::{
    Client,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use uuid::Uuid;

use super::{Checksums, S3Store, error::Failed};
use crate::StorageError;

/// What the service behind a store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It takes a checksum with every part and with the whole.
    pub checksums: bool,
    /// It honours `If-None-Match: *`, so that it refuses to replace an object.
    pub conditions: bool,
}

/// A tiny object that is written and removed again. It borrows nothing, so that it can go on to its end when whoever asked gives
/// up meanwhile: half of a probe would stay.
pub(super) struct Probe {
    client: Client,
    bucket: String,
    checksums: Checksums,
    object: String,
}

impl Probe {
    pub(super) fn of(store: &S3Store) -> Self {
        Self {
            client: store.client.clone(),
            bucket: store.config.bucket.clone(),
            checksums: store.config.checksums,
            object: format!("{}probe-{}", store.prefix, Uuid::now_v7()),
        }
    }

    /// Finds out what the service can do.
    pub(super) async fn run(self) -> Result<Capabilities, StorageError> {
        let result = self.try_out().await;
        // A probe that stays is no blob of ours, and no sweep looks at it.
        drop(self.client.delete_object().bucket(&self.bucket).key(&self.object).send().await);
        let capabilities = result.map_err(|error| error.into_error("try what the bucket can do"))?;
        tracing::info!(bucket = self.bucket, ?capabilities, "the bucket answers");
        Ok(capabilities)
    }

    async fn try_out(&self) -> Result<Capabilities, Failed> {
        let checksums = match self.checksums {
            Checksums::Required => false,
            Checksums::Supported => true,
            Checksums::Auto => match self.multipart_with_checksums().await {
                Ok(()) => true,
                Err(error) if error.is_refusal() => {
                    tracing::info!(?error, "the bucket takes no checksums but its own");
                    false
                }
                Err(error) => return Err(error),
            },
        };
        self.put(false).await?;
        let conditions = match self.put(true).await {
            Ok(()) => false,
            Err(error) if error.status() == Some(412) => true,
            Err(error) if error.is_refusal() => false,
            Err(error) => return Err(error),
        };
        Ok(Capabilities { checksums, conditions })
    }

    async fn put(&self, only_new: bool) -> Result<(), Failed> {
        let request = self.client.put_object().bucket(&self.bucket).key(&self.object);
        let request = request.body(aws_sdk_s3::primitives::ByteStream::from_static(b"voicemill"));
        request.set_if_none_match(only_new.then(|| "*".to_owned())).send().await?;
        Ok(())
    }

    /// The smallest upload in parts, with checksums wherever a real one has them.
    async fn multipart_with_checksums(&self) -> Result<(), Failed> {
        let Self { client, bucket, object, .. } = self;
        let crc32 = ChecksumAlgorithm::Crc32;
        let begun = client.create_multipart_upload().bucket(bucket).key(object).checksum_algorithm(crc32.clone());
        let id = begun.send().await?.upload_id.unwrap_or_default();
        let finish = async {
            let part = client.upload_part().bucket(bucket).key(object).upload_id(&id).part_number(1);
            let body = aws_sdk_s3::primitives::ByteStream::from_static(b"voicemill");
            let part = part.checksum_algorithm(crc32).body(body).send().await?;
            let completed = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag);
            let completed = completed.set_checksum_crc32(part.checksum_crc32).build();
            let parts = CompletedMultipartUpload::builder().parts(completed).build();
            let complete = client.complete_multipart_upload().bucket(bucket).key(object).upload_id(&id);
            complete.multipart_upload(parts).send().await?;
            Ok(())
        };
        let result = finish.await;
        if result.is_err() {
            drop(client.abort_multipart_upload().bucket(bucket).key(object).upload_id(&id).send().await);
        }
        result
    }
}
