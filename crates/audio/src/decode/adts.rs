//! ADTS streams that were joined from several: where the rate or the channels change.

use std::fs::File;
use std::io::{BufReader, Read, Result, Seek, SeekFrom};

use super::sniff;

/// Bytes of a frame's header.
const HEADER_BYTES: usize = 7;

/// Streams in one file; more of them were made to waste our time.
const MAX_STREAMS: usize = 1_000;

/// What all frames of a stream share: profile, rate and channels.
type Shape = (u8, u8, u8);

/// The byte and length of each stream in a file. One of all of it where no change is found.
pub(super) fn streams(file: &mut File) -> Result<Vec<(u64, u64)>> {
    let end = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut reader = BufReader::new(file);
    let mut head = [0; 10];
    let tag_bytes = if reader.read_exact(&mut head).is_ok() { sniff::id3_bytes(&head) } else { 0 };
    let (mut starts, mut last, mut at) = (vec![0], None, tag_bytes);
    reader.seek(SeekFrom::Start(at))?;
    let mut header = [0; HEADER_BYTES];
    while at + HEADER_BYTES as u64 <= end && starts.len() < MAX_STREAMS {
        reader.read_exact(&mut header)?;
        let Some((shape, bytes)) = parse(&header) else { break };
        if last.is_some_and(|last| last != shape) {
            starts.push(at);
        }
        last = Some(shape);
        at += bytes;
        reader.seek_relative(bytes as i64 - HEADER_BYTES as i64)?;
    }
    let ends = starts.iter().skip(1).copied().chain([end]);
    Ok(starts.iter().zip(ends).map(|(start, end)| (*start, end - start)).collect())
}

/// What a frame shares with others, and its length in bytes.
fn parse([first, second, third, fourth, fifth, sixth, _]: &[u8; HEADER_BYTES]) -> Option<(Shape, u64)> {
    let is_frame = *first == 0xFF && second & 0xF6 == 0xF0;
    let shape = (third >> 6, (third >> 2) & 0xF, ((third & 1) << 2) | (fourth >> 6));
    let bytes = (u64::from(fourth & 3) << 11) | (u64::from(*fifth) << 3) | u64::from(sixth >> 5);
    (is_frame && bytes >= HEADER_BYTES as u64).then_some((shape, bytes))
}
