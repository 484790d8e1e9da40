//! Finds the frames in a file: behind tags, and again after whatever lies between them.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use super::header::{HEADER_BYTES, Header, MAX_FRAME_BYTES};
use crate::decode::data::DataRange;

/// Bytes read at a time: a few frames more than finding a frame looks at.
const BUFFER_BYTES: usize = 16 * 1_024;
/// Frames that have to follow one that is found in the middle of anything else.
const WITNESSES: usize = 2;
/// Bytes in front of the first frame that are looked through, tags not counted.
const MAX_JUNK_IN_FRONT: u64 = 1 << 20;

/// Reads one frame after the other.
pub(super) struct Frames {
    file: File,
    /// Bytes that are not in the buffer yet.
    unread: u64,
    /// The byte of the file behind the buffer.
    read_to: u64,
    buffer: Vec<u8>,
    at: usize,
    /// The first frame, which all others have to go with.
    first: Option<Header>,
    /// The last frame that was read.
    frame: std::ops::Range<usize>,
    /// The next byte need not be the start of a frame.
    lost: bool,
    junk: u64,
    /// The byte of the file where frames of another rate or number of channels begin.
    changed_at: Option<u64>,
}

impl Frames {
    pub(super) fn new(mut file: File, range: DataRange) -> Result<Self> {
        file.seek(SeekFrom::Start(range.start))?;
        Ok(Self {
            file,
            unread: range.bytes,
            read_to: range.start,
            changed_at: None,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            at: 0,
            first: None,
            frame: 0..0,
            lost: true,
            junk: 0,
        })
    }

    /// Moves on to the next frame, which is then in [`bytes`](Self::bytes); nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Header>> {
        self.at = self.at.max(self.frame.end);
        self.frame = 0..0;
        while self.changed_at.is_none() {
            let head = self.look(HEADER_BYTES)?;
            let Ok(head) = <[u8; HEADER_BYTES]>::try_from(head) else { return Ok(None) };
            let header = Header::parse(head);
            let fits = |header: &Header| self.first.is_none_or(|first| header.goes_with(&first));
            if let Some(other) = header.filter(|header| !fits(header))
                && self.is_witnessed(&other)?
            {
                self.changed_at = Some(self.read_to - (self.buffer.len() - self.at) as u64);
                return Ok(None);
            }
            let fits = |header: &Header| self.first.is_none_or(|first| header.goes_with(&first));
            if let Some(header) = header.filter(fits)
                && (!self.lost || self.is_followed(&header)?)
            {
                if self.look(header.bytes)?.len() < header.bytes {
                    return Ok(None);
                }
                self.lost = false;
                self.first.get_or_insert(header);
                self.frame = self.at..self.at + header.bytes;
                return Ok(Some(header));
            }
            match self.tag_bytes()? {
                Some(bytes) => self.skip(bytes)?,
                None => {
                    self.lost = true;
                    let rest = &self.buffer[self.at + 1..];
                    let junk = 1 + rest.iter().position(|byte| *byte == 0xFF).unwrap_or(rest.len());
                    self.at += junk;
                    self.junk += junk as u64;
                    if self.first.is_none() && self.junk > MAX_JUNK_IN_FRONT {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    /// The byte of the file where frames of another rate or number of channels begin, which ended these; nothing where the
    /// file ended them.
    pub(super) fn changed_at(&self) -> Option<u64> {
        self.changed_at
    }

    /// The frame that [`next`](Self::next) found.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.frame.clone()]
    }

    /// Up to `bytes` from the current place; fewer only at the end.
    fn look(&mut self, bytes: usize) -> Result<&[u8]> {
        if self.buffer.len() - self.at < bytes && self.unread > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
            let room = (BUFFER_BYTES - self.buffer.len()) as u64;
            let read = (&mut self.file).take(room.min(self.unread)).read_to_end(&mut self.buffer)? as u64;
            // What was promised and is not there will not come.
            self.unread = if read < room { 0 } else { self.unread - read };
            self.read_to += read;
        }
        Ok(&self.buffer[self.at..self.buffer.len().min(self.at + bytes)])
    }

    fn skip(&mut self, bytes: u64) -> Result<()> {
        let buffered = (self.buffer.len() - self.at) as u64;
        let here = bytes.min(buffered);
        self.at += here as usize;
        let beyond = (bytes - here).min(self.unread);
        if beyond > 0 {
            self.file.seek_relative(beyond as i64)?;
            self.unread -= beyond;
            self.read_to += beyond;
        }
        Ok(())
    }

    /// True if frames that go with `header` follow it, as far as there is anything.
    fn is_followed(&mut self, header: &Header) -> Result<bool> {
        let seen = self.look((WITNESSES + 1) * MAX_FRAME_BYTES + TAG_HEAD_BYTES)?;
        let mut at = header.bytes;
        for _ in 0..WITNESSES {
            let Some(rest) = seen.get(at..) else { return Ok(false) };
            let Some(head) = rest.first_chunk() else { return Ok(true) };
            match Header::parse(*head) {
                Some(next) if next.goes_with(header) => at += next.bytes,
                _ => return Ok(tag_bytes(rest).is_some()),
            }
        }
        Ok(true)
    }

    /// True if as many frames follow `header` as make sure that it is none by chance.
    fn is_witnessed(&mut self, header: &Header) -> Result<bool> {
        let seen = self.look((WITNESSES + 1) * MAX_FRAME_BYTES + TAG_HEAD_BYTES)?;
        let mut at = header.bytes;
        for _ in 0..WITNESSES {
            let next = seen.get(at..).and_then(|rest| rest.first_chunk()).and_then(|head| Header::parse(*head));
            match next.filter(|next| next.goes_with(header)) {
                Some(next) => at += next.bytes,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The length of the tag at the current place; nothing if there is none, or none that can be as long as it says.
    fn tag_bytes(&mut self) -> Result<Option<u64>> {
        let bytes = tag_bytes(self.look(TAG_HEAD_BYTES)?);
        let left = (self.buffer.len() - self.at) as u64 + self.unread;
        Ok(bytes.filter(|bytes| *bytes <= left))
    }
}

/// Bytes that tell of a tag.
const TAG_HEAD_BYTES: usize = 32;

fn tag_bytes(head: &[u8]) -> Option<u64> {
    match head {
        [b'I', b'D', b'3', version, _, flags, a, b, c, d, ..] if *version < 0xFF && (a | b | c | d) & 0x80 == 0 => {
            let size = [a, b, c, d].iter().fold(0, |size, byte| (size << 7) | u64::from(**byte));
            Some(10 + size + if flags & 0x10 != 0 { 10 } else { 0 })
        }
        [b'T', b'A', b'G', ..] => Some(128),
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', _, _, _, _, a, b, c, d, _, _, _, _, _, _, _, flags, ..] => {
            let size = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
            // The size is that of the items and the footer; a footer alone is at its own end.
            Some(if flags & 0x20 != 0 { 32 + size } else { 32 })
        }
        _ => None,
    }
}
