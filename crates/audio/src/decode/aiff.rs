//! What is mended in an AIFF file whose sound goes on behind the size that its header says.

use std::fs::File;
use std::io::{Result, Seek, SeekFrom};

use super::behind::{is_sound, read_up_to};
use super::patched::Patch;

/// A file with more chunks than this before its sound was made to waste our time.
const MAX_CHUNKS: usize = 1_000;
/// `FORM`, its size and the kind of form.
const FILE_HEADER_BYTES: u64 = 12;
const CHUNK_HEADER_BYTES: u64 = 8;
/// The sound's own header: an offset and the size of a block.
const SOUND_HEADER_BYTES: u64 = 8;

/// The sizes as they are, of the sound and of the whole; none where they are right, or promise more than is there.
pub(super) fn look(file: &mut File) -> Result<Vec<Patch>> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut at = FILE_HEADER_BYTES;
    for _ in 0..MAX_CHUNKS {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; CHUNK_HEADER_BYTES as usize];
        if read_up_to(file, &mut header)? < header.len() {
            break;
        }
        let [a, b, c, d, size @ ..] = header;
        let size = u64::from(u32::from_be_bytes(size));
        let (body, after) = (at + CHUNK_HEADER_BYTES, at + chunk_bytes(size));
        if [a, b, c, d] != *b"SSND" {
            at = after;
            continue;
        }
        let follows = size < SOUND_HEADER_BYTES || is_sound(file, after, end, CHUNK_HEADER_BYTES, size_of_chunk)?;
        let (Ok(sound), Ok(whole)) = (u32::try_from(end.saturating_sub(body)), u32::try_from(end - 8)) else { break };
        if after < end && follows {
            let patch = |at, size: u32| Patch { at, bytes: size.to_be_bytes().to_vec() };
            return Ok(vec![patch(4, whole), patch(at + 4, sound)]);
        }
        break;
    }
    Ok(Vec::new())
}

/// A chunk with its header, filled up to an even length.
fn chunk_bytes(size: u64) -> u64 {
    CHUNK_HEADER_BYTES + size.next_multiple_of(2)
}

fn size_of_chunk(header: &[u8]) -> Option<u64> {
    let size = header.get(4..8)?.try_into().ok()?;
    Some(chunk_bytes(u64::from(u32::from_be_bytes(size))))
}
