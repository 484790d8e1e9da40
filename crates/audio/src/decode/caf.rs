//! What is mended in a CAF file whose sound does not end where its header says: one that was cut, or is still being written.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use super::patched::Patch;

/// A file with more chunks than this before its sound was made to waste our time.
const MAX_CHUNKS: usize = 1_000;
const FILE_HEADER_BYTES: u64 = 8;
const CHUNK_HEADER_BYTES: u64 = 12;

/// The true length of the sound.
pub(super) struct Mend {
    pub(super) patch: Patch,
    /// The header promised more; otherwise it only left the length open.
    pub(super) truncated: bool,
}

/// What is to be mended; nothing where the sound has the length that it says.
pub(super) fn look(file: &mut File) -> Result<Option<Mend>> {
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
        if [a, b, c, d] == *b"data" && !is_within {
            let patch = Patch { at: at + 4, bytes: (end - body).to_be_bytes().to_vec() };
            return Ok(Some(Mend { patch, truncated: size.is_ok() }));
        }
        match size {
            Ok(size) if is_within => at = body + size,
            _ => break,
        }
    }
    Ok(None)
}
