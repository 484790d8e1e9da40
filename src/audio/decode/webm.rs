//! The part of a WebM or Matroska file that symphonia leaves out: how much of the last packet is padding.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;
const BLOCK_GROUP: u32 = 0xA0;
const DISCARD_PADDING: u32 = 0x75A2;

/// Elements looked at before giving up; a day of five-second clusters stays below.
const MAX_ELEMENTS: usize = 65_536;

/// Nanoseconds at the end of the last packet that are not to be heard, as a `DiscardPadding` in the last cluster says.
///
/// Zero where there is none, and in files that a browser recorded live: those have no lengths to find the end by, and no
/// padding either.
pub(super) fn padding_nanoseconds(file: &mut File) -> std::io::Result<u64> {
    let mut reader = BufReader::new(file);
    reader.rewind()?;
    let Some(last_cluster) = last_cluster(&mut reader)? else { return Ok(0) };
    let mut padding = 0;
    let end = last_cluster.body.saturating_add(last_cluster.size);
    walk(&mut reader, last_cluster.body, end, |reader, element| {
        if element.id == BLOCK_GROUP {
            // Only the group that comes last counts.
            padding = 0;
            walk(reader, element.body, element.body.saturating_add(element.size), |reader, part| {
                if part.id == DISCARD_PADDING && part.size <= 8 {
                    let mut bytes = [0; 8];
                    reader.read_exact(&mut bytes[8 - part.size as usize..])?;
                    padding = u64::from_be_bytes(bytes);
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(padding)
}

fn last_cluster(reader: &mut BufReader<&mut File>) -> std::io::Result<Option<Element>> {
    let end = reader.seek(SeekFrom::End(0))?;
    let mut segment = None;
    walk(reader, 0, end, |_, element| {
        if element.id == SEGMENT {
            segment = Some(element);
        }
        Ok(())
    })?;
    let Some(segment) = segment else { return Ok(None) };
    let mut last = None;
    walk(reader, segment.body, segment.body.saturating_add(segment.size).min(end), |_, element| {
        if element.id == CLUSTER {
            last = Some(element);
        }
        Ok(())
    })?;
    Ok(last)
}

#[derive(Clone, Copy)]
struct Element {
    id: u32,
    body: u64,
    size: u64,
}

/// Shows the elements from `at` to `end` one after the other, up to the first of unknown length.
fn walk(
    reader: &mut BufReader<&mut File>,
    mut at: u64,
    end: u64,
    mut show: impl FnMut(&mut BufReader<&mut File>, Element) -> std::io::Result<()>,
) -> std::io::Result<()> {
    for _ in 0..MAX_ELEMENTS {
        if at >= end {
            break;
        }
        reader.seek(SeekFrom::Start(at))?;
        let Some(element) = header(reader, at)? else { break };
        let after = element.body.saturating_add(element.size);
        // A segment may be of unknown length and still have clusters that aren't.
        if after > end && element.id != SEGMENT {
            break;
        }
        show(reader, element)?;
        at = after;
    }
    Ok(())
}

/// The element at `at`, where the reader stands; nothing where none can be.
fn header(reader: &mut BufReader<&mut File>, at: u64) -> std::io::Result<Option<Element>> {
    let mut bytes = [0u8; 12];
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    let bytes = &bytes[..filled];
    let Some((id, id_bytes)) = variable(bytes).filter(|(_, length)| *length <= 4) else { return Ok(None) };
    let Some((size, size_bytes)) = variable(&bytes[id_bytes..]) else { return Ok(None) };
    let marker = 1 << (7 * size_bytes);
    let size = size - marker;
    let unknown = size == marker - 1;
    let body = at + (id_bytes + size_bytes) as u64;
    reader.seek(SeekFrom::Start(body))?;
    Ok(Some(Element { id: id as u32, body, size: if unknown { u64::MAX - body } else { size } }))
}

/// A number whose leading zero bits tell its length, marker bit included, and that length.
fn variable(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    let number = bytes.get(..length.min(8))?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    (length <= 8).then_some((number, length))
}
