//! Uploads by form: the fields first, then the file, which is streamed and never collected.

use std::collections::HashMap;

use axum::extract::{Multipart, multipart::Field};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use voicemill_storage::ByteStream;

use crate::{arrivals::Incoming, http::error::Problem};

/// Most fields, and most bytes of one.
const MAX_FIELDS: usize = 20;
const MAX_FIELD_BYTES: usize = 4_096;

/// The fields that came before the file.
pub(super) type Fields = HashMap<String, String>;

/// Reads fields up to the file, then hands the file's stream to `take` while it is being read.
pub(super) async fn receive<T, F>(mut form: Multipart, take: impl FnOnce(Fields, Incoming) -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    let mut fields = Fields::new();
    while let Some(field) = form.next_field().await.map_err(|error| Problem::bad_request(error.body_text()))? {
        if field.file_name().is_some() {
            let hint = field.file_name().and_then(extension);
            // One on its way is enough, and a hundred forms at once are common.
            let (sender, receiver) = mpsc::channel(1);
            let body = ByteStream::new(stream::unfold(receiver, |mut receiver| async move {
                receiver.recv().await.map(|chunk: Result<Bytes, std::io::Error>| (chunk, receiver))
            }));
            let (_, outcome) = tokio::join!(pump(field, sender), take(fields, Incoming { body, hint }));
            return outcome;
        }
        let (Some(name), room) = (field.name().map(str::to_owned), fields.len() < MAX_FIELDS) else {
            continue;
        };
        if !room {
            return Err(Problem::bad_request(format!("the form has more than {MAX_FIELDS} fields before its file")));
        }
        fields.insert(name, text(field).await?);
    }
    Err(Problem::bad_request("the form has no file; send one as a part with a file name, after the other fields"))
}

/// The extension of a file name, without its dot.
pub(super) fn extension(file_name: &str) -> Option<String> {
    std::path::Path::new(file_name).extension()?.to_str().map(str::to_owned)
}

async fn text(mut field: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| Problem::bad_request(error.body_text()))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(Problem::bad_request(format!("a field of the form is longer than {MAX_FIELD_BYTES} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::bad_request("a field of the form is not UTF-8 text"))
}

/// Moves the file's bytes into the channel; a reader that gave up ends it.
async fn pump(mut field: Field<'_>, sender: mpsc::Sender<Result<Bytes, std::io::Error>>) {
    loop {
        let item = match field.chunk().await {
            Ok(None) => return,
            Ok(Some(chunk)) => Ok(chunk),
            Err(error) => Err(std::io::Error::other(error.body_text())),
        };
        let last = item.is_err();
        if sender.send(item).await.is_err() || last {
            return;
        }
    }
}
