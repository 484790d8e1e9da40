//! What symphonia leaves out of a WebM or Matroska file: how much of the last packet is padding, and whether it is whole.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
const DISCARD_PADDING: u32 = 0x75A2;

/// Elements looked at before giving up; 12 hours of 60 ms blocks, as browsers record them, stay below.
const MAX_ELEMENTS: usize = 1 << 20;

/// How a file ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// Nanoseconds at the end of the last packet that are not to be heard, as its `DiscardPadding` says.
    pub(super) padding_nanoseconds: u64,
    /// The last element ends where the file does. A recording made live has no lengths in front that could tell.
    pub(super) whole: bool,
}

/// Walks the elements of a file to its end.
pub(super) fn ending(file: &mut File) -> std::io::Result<Ending> {
    let mut reader = BufReader::new(file);
    let end = reader.seek(SeekFrom::End(0))?;
    let mut last_cluster = None;
    let mut group = None;
    let mut announced_end = 0;
    let reached = walk(&mut reader, 0, end, |element| {
        match element.id {
            SEGMENT => announced_end = element.size.map_or(0, |size| element.body.saturating_add(size)),
            CLUSTER => (last_cluster, group) = (Some(element), None),
            BLOCK_GROUP => group = Some(element),
            SIMPLE_BLOCK => group = None,
            _ => {}
        }
        // What has no length of its own, and what holds the clusters, is entered.
        element.id == SEGMENT || (element.id == CLUSTER && element.size.is_none())
    })?;
    if let Some(Element { body, size: Some(size), .. }) = last_cluster {
        // The blocks of the last cluster, unless they were seen already.
        let cluster_end = body.saturating_add(size).min(end);
        walk(&mut reader, body, cluster_end, |element| {
            match element.id {
                BLOCK_GROUP => group = Some(element),
                SIMPLE_BLOCK => group = None,
                _ => {}
            }
            false
        })?;
    }
    let mut padding_nanoseconds = 0;
    if let Some(Element { body, size: Some(size), .. }) = group {
        let mut padding = None;
        walk(&mut reader, body, body.saturating_add(size).min(end), |element| {
            if element.id == DISCARD_PADDING {
                padding = Some(element);
            }
            false
        })?;
        if let Some(Element { body, size: Some(size @ 1..=8), .. }) = padding {
            let mut bytes = [0; 8];
            reader.seek(SeekFrom::Start(body))?;
            reader.read_exact(&mut bytes[8 - size as usize..])?;
            // Negative padding would be at the front, which the codec's own header tells already.
            padding_nanoseconds = if bytes[8 - size as usize] & 0x80 == 0 { u64::from_be_bytes(bytes) } else { 0 };
        }
    }
    Ok(Ending { padding_nanoseconds, whole: reached == end && announced_end <= end })
}

#[derive(Clone, Copy)]
struct Element {
    id: u32,
    body: u64,
    /// Nothing where the writer did not know.
    size: Option<u64>,
}

/// Shows the elements from `at` to `end` one after the other, entering those for which `show` says so; where it stopped.
fn walk(
    reader: &mut BufReader<&mut File>,
    mut at: u64,
    end: u64,
    mut show: impl FnMut(Element) -> bool,
) -> std::io::Result<u64> {
    let mut stands_at = reader.stream_position()?;
    for _ in 0..MAX_ELEMENTS {
        if at >= end {
            break;
        }
        reader.seek_relative(at as i64 - stands_at as i64)?;
        let Some((element, read)) = header(reader, at)? else { break };
        stands_at = at + read;
        at = match (show(element), element.size) {
            (true, _) => element.body,
            (false, Some(size)) => element.body.saturating_add(size),
            (false, None) => break,
        };
    }
    Ok(at)
}

/// The element at `at`, where the reader stands, and the bytes read to know it; nothing where none can be.
fn header(reader: &mut BufReader<&mut File>, at: u64) -> std::io::Result<Option<(Element, u64)>> {
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
    let body = at + (id_bytes + size_bytes) as u64;
    let size = (size != marker - 1).then_some(size);
    Ok(Some((Element { id: id as u32, body, size }, filled as u64)))
}

/// A number whose leading zero bits tell its length, marker bit included, and that length.
fn variable(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    let number = bytes.get(..length.min(8))?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    (length <= 8).then_some((number, length))
}
