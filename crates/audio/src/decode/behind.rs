//! What lies behind the sound of a file in chunks: more chunks, what an upload left there, or sound that the size leaves out.
//!
//! A header is often older than the sound behind it: its writer put in a size early and died, or never came back to it.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

/// Printable bytes behind the sound, up to so many, are what an upload left there.
const MAX_TEXT_BYTES: u64 = 4_096;

/// More chunks behind the sound than this were made to waste our time.
const MAX_CHUNKS: usize = 1_024;

/// True if something between `at` and `end` can only be sound: neither whole chunks whose length `chunk` tells, of
/// `header_bytes` at least, nor a tag, a text or zeros.
pub(super) fn is_sound(
    file: &mut File,
    at: u64,
    end: u64,
    header_bytes: u64,
    chunk: impl Fn(&[u8]) -> Option<u64>,
) -> Result<bool> {
    let left = end.saturating_sub(at);
    if left < header_bytes || is_tag_or_text(file, at, left)? || is_silent(file, at)? {
        return Ok(false);
    }
    Ok(!only_chunks(file, at, end, header_bytes, chunk)?)
}

/// True if whole chunks, and nothing else, lie between `at` and `end`.
pub(super) fn only_chunks(
    file: &mut File,
    at: u64,
    end: u64,
    header_bytes: u64,
    chunk: impl Fn(&[u8]) -> Option<u64>,
) -> Result<bool> {
    let mut next = at;
    let mut header = vec![0; header_bytes as usize];
    for _ in 0..MAX_CHUNKS {
        if next >= end {
            return Ok(true);
        }
        file.seek(SeekFrom::Start(next))?;
        let read = read_up_to(file, &mut header)?;
        let is_named = header[..read].iter().take(4).all(|byte| (0x20..0x7F).contains(byte));
        match chunk(&header[..read]).filter(|_| is_named).and_then(|bytes| next.checked_add(bytes)) {
            // An odd one at the end may lack its padding.
            Some(after) if after > next && after <= end + 1 => next = after,
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// True if a tag begins at `at`, or the `bytes` from there to the end are a short text.
pub(super) fn is_tag_or_text(file: &mut File, at: u64, bytes: u64) -> Result<bool> {
    file.seek(SeekFrom::Start(at))?;
    let mut head = vec![0; bytes.min(MAX_TEXT_BYTES) as usize];
    let read = read_up_to(file, &mut head)?;
    let head = &head[..read];
    let is_tag = [&b"TAG"[..], b"ID3", b"APETAGEX", b"LYRICSBEGIN"].iter().any(|tag| head.starts_with(tag));
    let is_print = |byte: &u8| (0x20..0x7F).contains(byte) || matches!(byte, b'\r' | b'\n' | b'\t');
    Ok(is_tag || (bytes <= MAX_TEXT_BYTES && head.iter().all(is_print)))
}

/// True if there is nothing but zeros from `at` to the end.
pub(super) fn is_silent(file: &mut File, at: u64) -> Result<bool> {
    file.seek(SeekFrom::Start(at))?;
    let mut block = [0; 8 * 1024];
    loop {
        let read = read_up_to(file, &mut block)?;
        if block[..read].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        if read < block.len() {
            return Ok(true);
        }
    }
}

/// Fills as much of `buffer` as the file still has.
pub(super) fn read_up_to(file: &mut File, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}
