//! What a provider answers over HTTP.

/// Most bytes of an answer that are read.
const LONGEST: usize = 64 * 1024;

/// The answer's body, as far as it came: its status says enough where it breaks off.
pub(super) async fn body_of(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < LONGEST
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk[..chunk.len().min(LONGEST - body.len())]);
    }
    body
}
