//! The walk over a WAV file's chunks, which finds where its sound lies.
//!
//! Sizes are believed as long as what they point at is there. A header is often older than the sound behind it: its writer put
//! in a size early and died, or never came back to it.

use std::fs::File;
use std::io::{Result, Seek, SeekFrom};

use super::super::behind::{is_silent, is_tag_or_text, read_up_to};
use crate::format::{AudioError, Fault};

/// A header with more chunks than this was made to waste our time.
const MAX_CHUNKS: usize = 1_024;

/// WAV files one behind the other; more of them were made to waste our time.
const MAX_PARTS: usize = 1_000;

/// Sizes from here up are what programs write when they can't know the size (a pipe): read to the end of the file.
const UNKNOWN_SIZE: u32 = 0x7FFF_0000;

/// Fewer bytes than a chunk's header has are padding.
const CHUNK_HEADER_BYTES: u64 = 8;

/// What the `fmt ` chunk says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) tag: u16,
    pub(super) channels: u16,
    pub(super) rate_hz: u32,
    pub(super) bytes_per_second: u32,
    pub(super) block_bytes: u16,
    /// Of a sample; 0 where the chunk is too short to say it.
    pub(super) bits: u16,
    /// Numbers and samples are big-endian (RIFX).
    pub(super) big_endian: bool,
}

impl Format {
    fn parse(chunk: &[u8], big_endian: bool) -> Option<Self> {
        const TAG_EXTENSIBLE: u16 = 0xFFFE;
        let word = |at: usize| {
            let bytes = chunk.get(at..at + 2)?.try_into().ok()?;
            Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        let long = |at: usize| {
            let bytes = chunk.get(at..at + 4)?.try_into().ok()?;
            Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
        };
        let mut format = Self {
            tag: word(0)?,
            channels: word(2)?,
            rate_hz: long(4)?,
            bytes_per_second: long(8)?,
            block_bytes: word(12)?,
            bits: word(14).unwrap_or(0),
            big_endian,
        };
        if format.tag == TAG_EXTENSIBLE {
            // The sub-format GUID begins with the tag it stands for.
            format.tag = word(24)?;
        }
        Some(format)
    }
}

/// One WAV of a file; a file that was joined from several has as many.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) format: Format,
    /// Where the sound lies: first byte and number of bytes, in order. None where nothing was recorded.
    pub(super) ranges: Vec<(u64, u64)>,
    /// The header promised more than is there, or less, or was never completed.
    pub(super) truncated: bool,
    /// Frames by the `fact` chunk, the only place where compressed formats state their exact length.
    pub(super) fact_frames: Option<u64>,
}

/// Finds the sound of the WAV whose `RIFF` is at `start`, and of those that follow it; at least one part.
pub(super) fn walk(file: &mut File, start: u64) -> std::result::Result<Vec<Part>, AudioError> {
    let read_error = || AudioError::io("Reading the WAV header failed");
    let end = file.seek(SeekFrom::End(0)).map_err(read_error())?;
    let mut parts = Vec::new();
    let mut next = Some(start);
    while let Some(start) = next.filter(|_| parts.len() < MAX_PARTS) {
        let found = Walk::new(file, start, end).and_then(Walk::run).map_err(read_error())?;
        next = found.next;
        match found.part() {
            Ok(part) => parts.push(part),
            // What came before is good.
            Err(error) if parts.is_empty() && next.is_none() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(parts)
}

/// The walk over one WAV.
struct Walk<'a> {
    file: &'a mut File,
    start: u64,
    end: u64,
    big_endian: bool,
    found: Found,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    format: Option<Format>,
    fact_frames: Option<u64>,
    long_data_bytes: Option<u64>,
    saw_data: bool,
    ranges: Vec<(u64, u64)>,
    truncated: bool,
    /// Where another WAV begins.
    next: Option<u64>,
}

impl Found {
    fn part(self) -> std::result::Result<Part, AudioError> {
        let Self { format, fact_frames, ranges, truncated, saw_data, .. } = self;
        match format {
            Some(format) if saw_data => Ok(Part { format, ranges, truncated, fact_frames }),
            Some(_) => Err(AudioError::Empty(Fault::StopsBeforeSound {})),
            None if saw_data => Err(AudioError::Malformed(Fault::NoFormatChunk {})),
            None => Err(AudioError::Malformed(Fault::DamagedWavHeader {})),
        }
    }
}

/// What lies behind a `data` chunk.
enum Behind {
    /// A chunk, or another file.
    Chunk(u64),
    /// Sound that the chunk's size leaves out.
    Sound,
    /// Nothing that is heard: the end, padding, a tag.
    Nothing,
}

impl<'a> Walk<'a> {
    fn new(file: &'a mut File, start: u64, end: u64) -> Result<Self> {
        file.seek(SeekFrom::Start(start))?;
        let mut magic = [0; 4];
        read_up_to(file, &mut magic)?;
        Ok(Self { file, start, end, big_endian: &magic == b"RIFX", found: Found::default() })
    }

    fn run(mut self) -> Result<Found> {
        let mut at = self.start + 12;
        for _ in 0..MAX_CHUNKS {
            if at > self.start && self.is_file(at)? {
                self.found.next = Some(at);
                break;
            }
            let Some((id, size)) = self.chunk(at)? else { break };
            let body = at + CHUNK_HEADER_BYTES;
            if &id == b"data" {
                match self.data(body, size)? {
                    Some(next) => at = next,
                    None => break,
                }
                continue;
            }
            let mut head = [0u8; 40];
            let head_bytes = match &id {
                b"fmt " | b"fact" | b"ds64" => read_up_to(self.file, &mut head[..(size as usize).min(40)])?,
                _ => 0,
            };
            self.note(id, &head[..head_bytes]);
            at = self.next_chunk(body.saturating_add(u64::from(size)))?;
        }
        Ok(self.found)
    }

    fn note(&mut self, id: [u8; 4], head: &[u8]) {
        match &id {
            b"fmt " if self.found.format.is_none() => self.found.format = Format::parse(head, self.big_endian),
            b"fact" => {
                let frames = head.get(..4).and_then(|bytes| bytes.try_into().ok());
                self.found.fact_frames = frames
                    .map(|bytes| if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
                    .map(u64::from);
            }
            b"ds64" => {
                self.found.long_data_bytes =
                    head.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
            }
            _ => {}
        }
    }

    /// Takes the sound at `body`, whose chunk claims `size`; where the walk goes on, if anywhere.
    fn data(&mut self, body: u64, size: u32) -> Result<Option<u64>> {
        self.found.saw_data = true;
        let available = self.end.saturating_sub(body);
        // A further chunk of sound was not promised by anyone; that it is heard is worth telling.
        self.found.truncated |= !self.found.ranges.is_empty() && size > 0;
        let claimed = match size {
            u32::MAX if self.found.long_data_bytes.is_some_and(|bytes| bytes > 0) => {
                self.found.long_data_bytes.unwrap_or_default()
            }
            UNKNOWN_SIZE.. if u64::from(size) > available => {
                self.take_all(body, available)?;
                return Ok(self.found.next);
            }
            size => u64::from(size),
        };
        if claimed > available {
            self.found.truncated = true;
            self.take_all(body, available)?;
            return Ok(self.found.next);
        }
        match self.behind(body, claimed)? {
            Behind::Chunk(next) => {
                self.take(body, claimed);
                Ok(Some(next))
            }
            Behind::Nothing => {
                self.take(body, claimed);
                Ok(None)
            }
            Behind::Sound => {
                self.found.truncated = true;
                self.take_all(body, available)?;
                Ok(self.found.next)
            }
        }
    }

    fn take(&mut self, start: u64, bytes: u64) {
        if bytes > 0 {
            self.found.ranges.push((start, bytes));
        }
    }

    /// Takes all that is there, up to where another file begins.
    fn take_all(&mut self, start: u64, available: u64) -> Result<()> {
        let next = self.find_file(start, start + available)?;
        self.take(start, next.unwrap_or(start + available) - start);
        self.found.next = next;
        Ok(())
    }

    fn behind(&mut self, body: u64, size: u64) -> Result<Behind> {
        let after = body + size;
        let padded = after + after.abs_diff(self.start) % 2;
        for at in [padded, after] {
            let is_chunk = self.chunk(at)?.is_some_and(|(id, _)| USUAL_CHUNKS.contains(&&id));
            if is_chunk || self.is_file(at)? || (at < self.end && self.only_chunks_follow(at)?) {
                return Ok(Behind::Chunk(at));
            }
        }
        let left = self.end.saturating_sub(after);
        let is_nothing =
            left < CHUNK_HEADER_BYTES || is_tag_or_text(self.file, after, left)? || is_silent(self.file, after)?;
        Ok(if is_nothing { Behind::Nothing } else { Behind::Sound })
    }

    /// The id and size at `at`, or nothing where no chunk can be.
    fn chunk(&mut self, at: u64) -> Result<Option<([u8; 4], u32)>> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut header = [0u8; CHUNK_HEADER_BYTES as usize];
        if read_up_to(self.file, &mut header)? < header.len() {
            return Ok(None);
        }
        let [a, b, c, d, size @ ..] = header;
        let id = [a, b, c, d];
        let size = if self.big_endian { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
        Ok(id.iter().all(|byte| (0x20..0x7F).contains(byte)).then_some((id, size)))
    }

    /// Chunks are padded to even offsets, but some writers forget; take the offset where a usual chunk is, or else any.
    fn next_chunk(&mut self, end_of_body: u64) -> Result<u64> {
        let padded = end_of_body + end_of_body.abs_diff(self.start) % 2;
        let mut possible = None;
        for at in [padded, end_of_body] {
            match self.chunk(at)? {
                Some((id, _)) if USUAL_CHUNKS.contains(&&id) => return Ok(at),
                Some(_) => possible = possible.or(Some(at)),
                None => {}
            }
        }
        Ok(possible.unwrap_or(padded))
    }

    /// True when whole chunks, and nothing else, lie from `at` to the end.
    fn only_chunks_follow(&mut self, mut at: u64) -> Result<bool> {
        for _ in 0..MAX_CHUNKS {
            if at >= self.end {
                return Ok(true);
            }
            match self.chunk(at)? {
                Some((_, size)) if at + CHUNK_HEADER_BYTES + u64::from(size) <= self.end => {
                    at += CHUNK_HEADER_BYTES + u64::from(size) + u64::from(size % 2);
                }
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    /// True if a WAV file begins at `at`.
    fn is_file(&mut self, at: u64) -> Result<bool> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut head = [0; FILE_HEAD_BYTES];
        Ok(read_up_to(self.file, &mut head)? == head.len() && begins_file(&head))
    }

    /// Where a WAV file begins, looked for byte by byte.
    fn find_file(&mut self, start: u64, end: u64) -> Result<Option<u64>> {
        const BLOCK_BYTES: usize = 64 * 1024;
        let (mut block, mut at) = (vec![0; BLOCK_BYTES], start);
        while at + FILE_HEAD_BYTES as u64 <= end {
            self.file.seek(SeekFrom::Start(at))?;
            let read = read_up_to(self.file, &mut block)?;
            if let Some(place) = block[..read].windows(FILE_HEAD_BYTES).position(begins_file) {
                return Ok(Some(at + place as u64));
            }
            if read < FILE_HEAD_BYTES {
                break;
            }
            at += (read - FILE_HEAD_BYTES + 1) as u64;
        }
        Ok(None)
    }
}

/// Chunks that are found in WAV files, by which one is told from another's middle.
const USUAL_CHUNKS: [&[u8; 4]; 24] = [
    b"data", b"fmt ", b"fact", b"ds64", b"LIST", b"JUNK", b"junk", b"PAD ", b"FLLR", b"bext", b"cart", b"id3 ",
    b"ID3 ", b"iXML", b"cue ", b"smpl", b"PEAK", b"note", b"axml", b"_PMX", b"acid", b"inst", b"plst", b"afsp",
];

/// Bytes that tell of a file.
const FILE_HEAD_BYTES: usize = 12;

fn begins_file(head: &[u8]) -> bool {
    matches!(head.get(..4), Some(b"RIFF" | b"RIFX" | b"RF64" | b"BW64")) && head.get(8..12) == Some(b"WAVE")
}
