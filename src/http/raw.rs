//! Audio as the body of a request. Its Content-Type is believed only for headerless audio, which says nothing of itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, header},
};
use futures_util::{StreamExt, stream};
use voicemill_storage::ByteStream;

use crate::{
    app::App,
    arrivals::{Incoming, IncomingBytes},
    error::ServiceError,
    http::error::Problem,
    refusal::RequestRefusal,
};

/// A body on its way in, and the look-out for a form in it. `format` is what the sender says it is.
pub(super) fn receive(app: &App, request: Request, format: Option<String>) -> Result<(Incoming, FormCheck), Problem> {
    check_announced(app, announced(request.headers()))?;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let (hint, pcm) = (format.or_else(|| hint(content_type)), linear_pcm(content_type));
    let form_check = FormCheck::default();
    let (seen, mut is_first) = (form_check.clone(), true);
    let chunks = request.into_body().into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(std::io::Error::other)?;
        if std::mem::take(&mut is_first) && is_form(&chunk) {
            seen.0.store(true, Ordering::Relaxed);
            return Err(std::io::Error::other("a form"));
        }
        Ok(chunk)
    });
    let header = pcm.map(|pcm| Ok(caf_header(pcm)));
    let body = IncomingBytes::Streamed(ByteStream::new(stream::iter(header).chain(chunks)));
    Ok((Incoming { body, hint }, form_check))
}

/// Tells whether a body that was taken for audio turned out to be a form.
#[derive(Clone, Default)]
pub(super) struct FormCheck(Arc<AtomicBool>);

impl FormCheck {
    /// Says so in place of what came of it.
    pub(super) fn explain<T>(&self, outcome: Result<T, ServiceError>) -> Result<T, Problem> {
        if self.0.load(Ordering::Relaxed) {
            return Err(RequestRefusal::FormAsAudio {}.into());
        }
        Ok(outcome?)
    }
}

/// The length that the sender announces.
pub(super) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses what announces itself as too large before it is read.
fn check_announced(app: &App, bytes: Option<u64>) -> Result<(), Problem> {
    let limit = app.config.http.max_body_bytes;
    if bytes.is_some_and(|bytes| bytes > limit) {
        return Err(ServiceError::TooLarge { limit }.into());
    }
    Ok(())
}

/// What a media type claims headerless audio to be, as a file extension.
pub(super) fn hint(content_type: &str) -> Option<String> {
    let hint = match &*content_type.split(';').next()?.trim().to_ascii_lowercase() {
        "audio/basic" | "audio/pcmu" => "ulaw",
        "audio/pcma" => "alaw",
        "audio/gsm" | "audio/x-gsm" => "gsm",
        "audio/g722" => "g722",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Whether a body begins as a form does, though nothing says so.
fn is_form(first: &[u8]) -> bool {
    let Some(rest) = first.strip_prefix(b"--") else { return false };
    let Some(end) = rest.windows(2).take(72).position(|pair| pair == b"\r\n") else { return false };
    let head = &rest[end + 2..];
    head.get(..20).is_some_and(|head| head.eq_ignore_ascii_case(b"content-disposition:"))
}

/// Linear PCM without a header, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LinearPcm {
    bits: u32,
    rate_hz: u32,
    channels: u32,
}

/// Reads `audio/L16;rate=8000;channels=1` (RFC 2586, RFC 3190).
fn linear_pcm(content_type: &str) -> Option<LinearPcm> {
    let mut parts = content_type.split(';');
    let bits = match &*parts.next()?.trim().to_ascii_lowercase() {
        "audio/l16" => 16,
        "audio/l24" => 24,
        _ => return None,
    };
    let mut pcm = LinearPcm { bits, rate_hz: 8_000, channels: 1 };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"').parse().ok().filter(|value| (1..=384_000).contains(value));
        match (&*name.trim().to_ascii_lowercase(), value) {
            ("rate", Some(rate_hz)) => pcm.rate_hz = rate_hz,
            ("channels", Some(channels)) => pcm.channels = channels,
            _ => {}
        }
    }
    Some(pcm)
}

/// The head of a Core Audio file whose sound goes on to the end of the file, so that the bytes say what they are from now on
/// (Apple, "Core Audio Format Specification 1.0").
fn caf_header(pcm: LinearPcm) -> Bytes {
    let bytes_per_frame = pcm.bits / 8 * pcm.channels;
    let mut header = Vec::with_capacity(68);
    header.extend(b"caff\x00\x01\x00\x00desc");
    header.extend(32_i64.to_be_bytes());
    header.extend(f64::from(pcm.rate_hz).to_be_bytes());
    header.extend(b"lpcm");
    // Neither floating point nor little-endian.
    header.extend(0_u32.to_be_bytes());
    // One frame a packet.
    for field in [bytes_per_frame, 1, pcm.channels, pcm.bits] {
        header.extend(field.to_be_bytes());
    }
    header.extend(b"data");
    // As long as the file, and no edits.
    header.extend((-1_i64).to_be_bytes());
    header.extend(0_u32.to_be_bytes());
    header.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_pcm_is_what_its_type_says() {
        let read = |text| linear_pcm(text).map(|pcm| (pcm.bits, pcm.rate_hz, pcm.channels));
        assert_eq!(read("audio/L16;rate=16000"), Some((16, 16_000, 1)));
        assert_eq!(read("audio/l16; channels=2; rate=\"44100\""), Some((16, 44_100, 2)));
        assert_eq!(read("audio/L24;rate=48000"), Some((24, 48_000, 1)));
        assert_eq!(read("audio/L16;rate=0;channels=none"), Some((16, 8_000, 1)));
        assert_eq!(read("audio/wav"), None);
    }

    #[test]
    fn a_form_in_disguise_is_seen() {
        let form = b"--XyZ\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
        assert!(is_form(form));
        assert!(!is_form(b"--XyZ\r\nRIFF and so on, nothing of a form"));
        assert!(!is_form(b"RIFF") && !is_form(&[b'-'; 4_000]) && !is_form(b"--"));
    }
}
