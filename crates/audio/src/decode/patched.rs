//! A file of which a few bytes are read otherwise than they are, for readers that do not know how some programs write.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

/// What is read in a place instead of what is there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Patch {
    /// Bytes from the start of the file.
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// Reads a file with its patches.
pub(super) struct Patched {
    file: File,
    patches: Vec<Patch>,
    at: u64,
    /// Where it ends for its reader, if that is before its end.
    end: Option<u64>,
}

impl Patched {
    /// Reads from the start.
    pub(super) fn new(mut file: File, patches: Vec<Patch>) -> Result<Self> {
        file.rewind()?;
        Ok(Self { file, patches, at: 0, end: None })
    }

    /// Without what lies behind `end`.
    pub(super) fn ending_at(self, end: Option<u64>) -> Self {
        Self { end, ..self }
    }

    /// The same file again; both move together, so only one may be read.
    pub(super) fn try_clone(&self) -> Result<Self> {
        Ok(Self { file: self.file.try_clone()?, patches: self.patches.clone(), at: self.at, end: self.end })
    }
}

impl Read for Patched {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = self.end.map_or(u64::MAX, |end| end.saturating_sub(self.at));
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..most])?;
        for patch in &self.patches {
            let (patch_end, read_end) = (patch.at + patch.bytes.len() as u64, self.at + read as u64);
            for at in patch.at.max(self.at)..patch_end.min(read_end) {
                buffer[(at - self.at) as usize] = patch.bytes[(at - patch.at) as usize];
            }
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Patched {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let to = match (to, self.end) {
            (SeekFrom::End(offset), Some(end)) => SeekFrom::Start(end.saturating_add_signed(offset)),
            (to, _) => to,
        };
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

impl MediaSource for Patched {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        self.end.or_else(|| self.file.metadata().ok().map(|metadata| metadata.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn patches_show_wherever_reading_begins_and_ends() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let patch = |at, bytes: &[u8]| Patch { at, bytes: bytes.to_vec() };
        let mut patched = Patched::new(file, vec![patch(3, b"abc"), patch(9, b"zz")]).unwrap();
        for (start, length, expected) in
            [(0, 10, "012abc678z"), (4, 1, "b"), (5, 3, "c67"), (0, 4, "012a"), (9, 1, "z")]
        {
            patched.seek(SeekFrom::Start(start)).unwrap();
            let mut read = vec![0; length];
            patched.read_exact(&mut read).unwrap();
            assert_eq!(String::from_utf8(read).unwrap(), expected);
        }
    }
}
