//! Uploads by form: one file and some fields, in any order. The file is streamed to the disk, never collected, and nothing
//! beside it takes more than [`MAX_BESIDE`] bytes of memory.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{HeaderMap, header},
};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use voicemill_storage::{ByteStream, Landed};

use crate::{
    app::App,
    arrivals::{Incoming, IncomingBytes},
    error::ServiceError,
    http::{
        error::Problem,
        fields::{self, Fields},
        raw,
    },
    refusal::{RequestRefusal, Rule},
};

/// Most parts of a form.
const MAX_PARTS: usize = 20;
/// Most bytes of one field.
const MAX_FIELD_BYTES: usize = 4_096;
/// Most bytes from the end of one field to the beginning of the next or of the file's content, and of one field.
const MAX_BESIDE: u64 = 64 * 1024;
/// Longest boundary; RFC 2046 allows 70 characters.
const MAX_CONTENT_TYPE: usize = 300;
/// Longest time that one field, and the head of a part, may take.
const SLOWEST_FIELD: Duration = Duration::from_secs(60);

/// Names that forms give their file.
const FILE_NAMES: [&str; 10] =
    ["file", "audio", "upload", "media", "message", "recording", "sound", "voicemail", "data", "attachment"];

/// Reads a form to its end: its fields, and the file, which has landed. `names` are those of the fields that count.
pub(super) async fn receive(app: &App, request: Request, names: &[&str]) -> Result<(Fields, Incoming), Problem> {
    check_type(request.headers())?;
    let (parts, body) = request.into_parts();
    let meter = Arc::new(Meter::default());
    let body = Metered { body: body.into_data_stream(), meter: Arc::clone(&meter), gave: false };
    let request = Request::from_parts(parts, Body::from_stream(body));
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| bad_form("", &Rule::BoundaryMissing {}))?;
    let (mut fields, mut file) = (Fields::default(), None);
    for _ in 0..=MAX_PARTS {
        meter.allow(MAX_BESIDE);
        let Some(part) = in_time(form.next_field()).await? else {
            let (bytes, hint) = file.ok_or_else(|| bad_form("/file", &Rule::FileMissing {}))?;
            return Ok((fields, Incoming { body: IncomingBytes::Landed(bytes), hint }));
        };
        let name = part.name().unwrap_or_default().to_owned();
        if !is_file(&part, &name, names) {
            let value = in_time(text(part, &name, &meter)).await?;
            fields.insert(name, &value);
            continue;
        }
        check_transfer_encoding(&name, part.headers())?;
        let hint = hint(part.headers());
        // From here on the file's own limit counts.
        meter.allow(u64::MAX);
        let landed = land(app, part).await?;
        let is_first = file.as_ref().is_none_or(|(landed, _): &(Landed, _)| landed.content.bytes == 0);
        // Browsers send a field for files that nobody filled as an empty file.
        match (is_first, landed.content.bytes) {
            (true, _) => file = Some((landed, hint)),
            (false, 0) => {}
            (false, _) => return Err(bad_form(&fields::pointer(&name), &Rule::FileTwice {})),
        }
    }
    Err(bad_form("", &Rule::TooMany { field: "parts".to_owned(), most: MAX_PARTS }))
}

/// Whether the head of a request says that its body is a form.
pub(super) fn announces_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|content_type| content_type.trim().to_ascii_lowercase().starts_with("multipart/"))
}

/// Refuses what is no form, before anything is read.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let Some(content_type) = content_type else { return Err(RequestRefusal::ContentTypeMissing {}.into()) };
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return Err(RequestRefusal::NotAForm { value: kind.chars().take(60).collect() }.into());
    }
    if content_type.len() > MAX_CONTENT_TYPE {
        return Err(bad_form("", &Rule::BoundaryTooLong { most: MAX_CONTENT_TYPE }));
    }
    if !content_type.to_ascii_lowercase().contains("boundary=") {
        return Err(bad_form("", &Rule::BoundaryMissing {}));
    }
    Ok(())
}

fn bad_form(pointer: &str, rule: &Rule) -> Problem {
    Problem::at(RequestRefusal::BadForm {}, pointer, rule)
}

/// Waits for the next piece of a form, as long as one may take.
async fn in_time<T>(reading: impl Future<Output = Result<T, impl Into<Problem>>>) -> Result<T, Problem> {
    match tokio::time::timeout(SLOWEST_FIELD, reading).await {
        Ok(read) => read.map_err(Into::into),
        Err(_) => Err(RequestRefusal::BodyTooSlow {}.into()),
    }
}

impl From<axum::extract::multipart::MultipartError> for Problem {
    fn from(error: axum::extract::multipart::MultipartError) -> Self {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            if error.is::<TooMuch>() {
                return bad_form("", &Rule::FormTooLarge { most: MAX_BESIDE });
            }
            cause = error.source();
        }
        bad_form("", &Rule::FormBroken {})
    }
}

/// Whether a part is the file: it says so by a file name or a type that is no text, or by its name.
fn is_file(part: &Field<'_>, name: &str, names: &[&str]) -> bool {
    let disposition = part.headers().get(header::CONTENT_DISPOSITION).map(|value| value.as_bytes());
    if disposition.is_some_and(|disposition| file_name(disposition).is_some()) {
        return true;
    }
    if names.contains(&name) {
        return false;
    }
    let is_text = |kind: &str| kind.to_ascii_lowercase().starts_with("text/");
    match part.content_type() {
        Some(kind) => !is_text(kind),
        None => name.is_empty() || FILE_NAMES.contains(&&*name.to_ascii_lowercase()),
    }
}

/// The file name in a Content-Disposition, in whatever charset: only its extension is of interest.
fn file_name(disposition: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(disposition);
    let mut rest = &*text;
    let (mut plain, mut extended) = (None, None);
    // A quoted value may hold semicolons.
    while let Some((_, parameters)) = rest.split_once(';') {
        rest = parameters.trim_start();
        let Some((name, value)) = rest.split_once('=') else { break };
        let (name, value) = (name.trim(), value.trim_start());
        let value = match value.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"').unwrap_or(quoted.len());
                rest = &quoted[end..];
                &quoted[..end]
            }
            None => {
                rest = value;
                value.split(';').next().unwrap_or_default().trim()
            }
        };
        match name {
            name if name.eq_ignore_ascii_case("filename") => plain = Some(value.to_owned()),
            name if name.eq_ignore_ascii_case("filename*") => extended = Some(value.replace("%2E", ".")),
            _ => {}
        }
    }
    plain.or(extended)
}

/// What the file's name, or else its type, claims the format to be.
fn hint(headers: &HeaderMap) -> Option<String> {
    let by_name = || extension(&file_name(headers.get(header::CONTENT_DISPOSITION)?.as_bytes())?);
    by_name().or_else(|| raw::hint(headers.get(header::CONTENT_TYPE)?.to_str().ok()?))
}

/// The extension of a file name, without its dot.
pub(super) fn extension(file_name: &str) -> Option<String> {
    std::path::Path::new(file_name).extension()?.to_str().map(str::to_owned)
}

/// Refuses a file that is wrapped once more (RFC 7578, section 4.7).
fn check_transfer_encoding(name: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(encoding) = headers.get("content-transfer-encoding") else { return Ok(()) };
    let plain = ["binary", "8bit", "7bit"];
    if encoding.to_str().is_ok_and(|encoding| plain.iter().any(|plain| encoding.trim().eq_ignore_ascii_case(plain))) {
        return Ok(());
    }
    Err(bad_form(&fields::pointer(name), &Rule::FileEncoded {}))
}

async fn text(mut part: Field<'_>, name: &str, meter: &Meter) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        bytes.extend_from_slice(&chunk);
        meter.hold();
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(bad_form(&fields::pointer(name), &Rule::FieldTooLong { most: MAX_FIELD_BYTES }));
        }
    }
    Ok(bytes)
}

/// Streams the file to the disk.
async fn land(app: &App, part: Field<'_>) -> Result<Landed, Problem> {
    // One chunk on its way is enough, and a hundred forms at once are common.
    let (sender, receiver) = mpsc::channel(1);
    let body = ByteStream::new(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk: Result<Bytes, std::io::Error>| (chunk, receiver))
    }));
    let landing = app.landing.take(body.limit(app.config.http.max_body_bytes));
    let ((), landed) = tokio::join!(pump(part, sender), landing);
    Ok(landed.map_err(ServiceError::from)?)
}

/// Moves the file's bytes into the channel; a reader that gave up ends it.
async fn pump(mut part: Field<'_>, sender: mpsc::Sender<Result<Bytes, std::io::Error>>) {
    loop {
        let item = match part.chunk().await {
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

/// The body of a form, of which only as much is let through as is allowed at the moment. The parser reads whatever there is
/// to read before it looks at what it has, so it is given one chunk at a time, and none before it has used up the last.
struct Metered {
    body: BodyDataStream,
    meter: Arc<Meter>,
    gave: bool,
}

/// What may be let through of a form.
#[derive(Default)]
struct Meter {
    bytes: AtomicU64,
    /// Whether the parser is to look at what it has first.
    holds: AtomicBool,
}

impl Meter {
    /// Before the next step of the parser: as many bytes, if it needs more than it has.
    fn allow(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.hold();
    }

    /// Before the next step of the parser: no bytes, unless it needs more than it has.
    fn hold(&self) {
        self.holds.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("more than {MAX_BESIDE} bytes of it are no file")]
struct TooMuch;

impl Stream for Metered {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.meter.holds.swap(false, Ordering::Relaxed) | std::mem::take(&mut this.gave) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(chunk) = ready!(this.body.poll_next_unpin(cx)) else { return Poll::Ready(None) };
        let chunk = chunk?;
        let left = this.meter.bytes.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Some(Err(TooMuch.into())));
        }
        // The last chunk may hold the beginning of the file.
        let left = if left == u64::MAX { left } else { left.saturating_sub(chunk.len() as u64) };
        this.meter.bytes.store(left, Ordering::Relaxed);
        this.gave = true;
        Poll::Ready(Some(Ok(chunk)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_found_in_any_charset() {
        let extension_of = |disposition: &[u8]| file_name(disposition).and_then(|name| extension(&name));
        for disposition in [
            &b"form-data; name=\"file\"; filename=\"a.wav\""[..],
            b"form-data; name=\"file\"; filename=\"gr\xFC\xDFe; neu.wav\"",
            b"form-data; name=file; filename*=UTF-8''gr%C3%BC%C3%9Fe.wav",
            b"form-data; filename=a.wav; name=\"x\"",
            b"form-data; name=\"filename=b.mp3\"; FileName=\"a.wav\"",
        ] {
            let shown = String::from_utf8_lossy(disposition);
            assert_eq!(extension_of(disposition).as_deref(), Some("wav"), "{shown}");
        }
        assert_eq!(file_name(b"form-data; name=\"filename\""), None);
        assert_eq!(file_name(b"form-data; name=\"a; filename=b.wav\""), None);
        assert_eq!(file_name(b"form-data; filename=\"\"").as_deref(), Some(""));
    }

    /// A form that is changed anywhere is taken or refused, soon, and leaves no file behind.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whatever_a_form_holds_is_answered() {
        use rand::{Rng, SeedableRng, rngs::StdRng};

        let opened = crate::testing::open(voicemill_sql::Kind::Sqlite).await;
        let whole = b"--XyZ\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n17\r\n--XyZ\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n\
            RIFF and so on\r\n--XyZ--\r\n";
        let mut random = StdRng::seed_from_u64(9);
        let mut taken = 0;
        for round in 0..1_500 {
            let mut body = whole.to_vec();
            for _ in 0..round % 8 {
                let at = random.random_range(0..body.len());
                match random.random_range(0..4) {
                    0 => body[at] = random.random(),
                    1 => body.truncate(at.max(1)),
                    2 => {
                        let end = random.random_range(at..body.len());
                        let piece = body[at..=end].repeat(random.random_range(1..4));
                        body.splice(at..at, piece);
                    }
                    _ => drop(body.drain(at..(at + 9).min(body.len() - 1).max(at))),
                }
            }
            let request = Request::builder()
                .header(header::CONTENT_TYPE, "multipart/form-data; boundary=XyZ")
                .body(Body::from(body))
                .unwrap();
            let received = tokio::time::timeout(Duration::from_secs(20), receive(&opened.app, request, &["id"])).await;
            taken += usize::from(received.expect("it ends").is_ok());
        }
        assert!((188..1_500).contains(&taken), "{taken}: those that were not changed, and some that were");
    }
}
