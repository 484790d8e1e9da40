//! What is mended in a CAF file whose sound does not end where its header says: one that was cut, or is still being written, or
//! whose writer never came back to the size.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use super::behind::{is_sound, only_chunks};
use super::patched::Patch;

/// A file with more chunks than this before its sound was made to waste our time.
const MAX_CHUNKS: usize = 1_000;
const FILE_HEADER_BYTES: u64 = 8;
const CHUNK_HEADER_BYTES: u64 = 12;

/// The true length of the sound, or of the file.
#[derive(Default)]
pub(super) struct Mend {
    pub(super) patch: Option<Patch>,
    /// Where the file ends, if what lies behind is no part of it.
    pub(super) end: Option<u64>,
    /// The header promised more, or less; otherwise it only left the length open.
    pub(super) truncated: bool,
}

/// What is to be mended; nothing where the sound has the length that it says, and nothing but chunks lies behind it.
pub(super) fn look(file: &mut File) -> Result<Mend> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut at = FILE_HEADER_BYTES;
    for _ in 0..MAX_CHUNKS {
        let Some(body) = at.checked_add(CHUNK_HEADER_BYTES).filter(|body| *body <= end) else { break };
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; CHUNK_HEADER_BYTES as usize];
        file.read_exact(&mut header)?;
        let [a, b, c, d, size @ ..] = header;
        // A length that is left open is negative.
        let size = u64::try_from(i64::from_be_bytes(size));
        let is_within = size.is_ok_and(|size| size <= end - body);
        let is_data = [a, b, c, d] == *b"data";
        let goes_on = match size {
            Ok(size) if is_data && is_within => {
                // Four bytes of the body count edits.
                size < 4 || is_sound(file, body + size, end, CHUNK_HEADER_BYTES, size_of_chunk)?
            }
            _ => false,
        };
        if is_data && (!is_within || (goes_on && body < end)) {
            let patch = Patch { at: at + 4, bytes: (end - body).to_be_bytes().to_vec() };
            return Ok(Mend { patch: Some(patch), end: None, truncated: size.is_ok() });
        }
        match size {
            Ok(size) if is_within => at = body + size,
            _ => break,
        }
        if is_data && !only_chunks(file, at, end, CHUNK_HEADER_BYTES, size_of_chunk)? {
            return Ok(Mend { end: Some(at), ..Mend::default() });
        }
    }
    Ok(Mend::default())
}

fn size_of_chunk(header: &[u8]) -> Option<u64> {
    let size = i64::from_be_bytes(header.get(4..12)?.try_into().ok()?);
    u64::try_from(size).ok()?.checked_add(CHUNK_HEADER_BYTES)
}
