//! Tells from a file's first bytes what it is, so that the name on it need not be believed.

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// RIFF, RIFX, RF64 or BW64 with WAVE inside, beginning at this offset.
    Wav {
        /// Bytes of metadata in front.
        start: u64,
    },
    /// Ogg with Opus inside.
    OggOpus,
    /// A container that symphonia reads, by its name there.
    Container(&'static str),
    /// MP4, MOV or M4A.
    Mp4,
    /// Sun's AU.
    Au,
    /// No sound, in words that follow "This is".
    NotAudio(&'static str),
    /// Sound of a kind that is not read, in words that follow "This is".
    Unreadable(&'static str),
    /// No signature found; perhaps headerless audio, perhaps MP3 or AAC frames after junk.
    Unknown,
}

/// Bytes that [`sniff`] wants to see, where the file has them.
pub(super) const SNIFF_BYTES: usize = 4_096;

/// The length of an ID3v2 tag at the front, 0 without one.
pub(super) fn id3_bytes(head: &[u8]) -> u64 {
    match head {
        [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] => {
            10 + [a, b, c, d].iter().fold(0u64, |size, byte| (size << 7) | u64::from(**byte & 0x7F))
        }
        _ => 0,
    }
}

/// Names the kind of file that begins with `head`.
pub(super) fn sniff(head: &[u8]) -> Kind {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    match head {
        [b'R', b'I', b'F', b'F' | b'X', ..] | [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..] => {
            match head.get(8..12) {
                Some(b"WAVE") => Kind::Wav { start: 0 },
                Some(b"AVI ") => Kind::NotAudio("an AVI video"),
                Some(b"WEBP") => Kind::NotAudio("a WebP image"),
                _ => Kind::NotAudio("a RIFF file without audio"),
            }
        }
        [b'O', b'g', b'g', b'S', ..] => ogg(head),
        [b'.', b's', b'n', b'd', ..] => Kind::Au,
        [b'f', b'L', b'a', b'C', ..] => Kind::Container("flac"),
        [b'F', b'O', b'R', b'M', ..] if at(8, b"AIF") => Kind::Container("aiff"),
        [b'c', b'a', b'f', b'f', ..] => Kind::Container("caf"),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => Kind::Container("matroska"),
        _ if at(4, b"ftypheic") || at(4, b"ftypheix") || at(4, b"ftypavif") || at(4, b"ftypmif1") => {
            Kind::NotAudio("an HEIC or AVIF image")
        }
        _ if at(4, b"ftyp") || at(4, b"moov") || at(4, b"mdat") || at(4, b"wide") => Kind::Mp4,
        [b'I', b'D', b'3', ..] => Kind::Container("mp3"),
        // Twelve set bits begin a frame of MP3 (layer bits set) or of ADTS AAC (layer bits clear).
        [0xFF, second, ..] if second & 0xF6 == 0xF0 => Kind::Container("aac"),
        _ if is_text(head) && !head.starts_with(b"#!AMR") => Kind::NotAudio("a text file"),
        // Packets of a broadcast, each with the same first byte.
        [0x47, ..] if head.len() >= 377 && head[188] == 0x47 && head[376] == 0x47 => Kind::NotAudio("an MPEG video"),
        _ => signed(NOT_AUDIO, head)
            .map(Kind::NotAudio)
            .or_else(|| signed(UNREADABLE, head).map(Kind::Unreadable))
            .unwrap_or(Kind::Unknown),
    }
}

fn signed(signatures: &[(&[u8], &'static str)], head: &[u8]) -> Option<&'static str> {
    signatures.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

const NOT_AUDIO: &[(&[u8], &str)] = &[
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a bitmap image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xFD7zXZ", "an xz archive"),
    (b"\x7FELF", "a program"),
    (b"MZ", "a program"),
    (b"\xD0\xCF\x11\xE0", "an office document"),
    (b"MThd", "a MIDI file, which holds notes and no sound"),
    (b"FLV", "a Flash video"),
    (b"\0\0\x01\xBA", "an MPEG video"),
    (b"\0\0\x01\xB3", "an MPEG video"),
    (b"SQLite format 3", "a database"),
];

const UNREADABLE: &[(&[u8], &str)] = &[
    (b"#!AMR", "an AMR recording"),
    (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "a Windows Media (WMA) file"),
    (b".RMF", "a RealMedia file"),
    (b".ra\xFD", "a RealAudio file"),
    (b"wvpk", "a WavPack file"),
    (b"MAC ", "a Monkey's Audio file"),
    (b"TTA1", "a True Audio (TTA) file"),
    (b"riff\x2E\x91\xCF\x11", "a Sony Wave64 file"),
    (b"Creative Voice File", "a Creative Voice (VOC) file"),
    (b"\x7F\xFE\x80\x01", "a DTS recording"),
    (b"\x0B\x77", "a Dolby (AC-3) recording"),
];

/// The first page of an Ogg file begins with the codec's own header.
fn ogg(head: &[u8]) -> Kind {
    let payload = head.get(26).and_then(|segments| head.get(27 + usize::from(*segments)..)).unwrap_or_default();
    let is = |magic: &[u8]| payload.starts_with(magic);
    if is(b"OpusHead") {
        Kind::OggOpus
    } else if is(b"Speex   ") {
        Kind::Unreadable("a Speex recording")
    } else if is(b"\x80theora") {
        Kind::NotAudio("an Ogg video")
    } else {
        Kind::Container("ogg")
    }
}

/// Text in any encoding that has no control characters; 32 bytes at least, so that short noise is not taken for it.
fn is_text(head: &[u8]) -> bool {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return false;
    }
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C);
    // A long file is cut here, perhaps within a character.
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && head.len() == SNIFF_BYTES,
    };
    valid && !head.is_empty() && !head.iter().any(control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide() {
        let mut wav = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
        assert_eq!(sniff(&wav), Kind::Wav { start: 0 });
        wav[8..12].copy_from_slice(b"AVI ");
        assert_eq!(sniff(&wav), Kind::NotAudio("an AVI video"));
        assert_eq!(sniff("Grüße an alle, die das lesen.\n".as_bytes()), Kind::NotAudio("a text file"));
        assert_eq!(sniff(b"%PDF-1.7\n%\xE2\xE3"), Kind::NotAudio("a PDF document"));
        assert_eq!(sniff(b"\0\0\0\x20ftypM4A \0\0"), Kind::Mp4);
        assert_eq!(sniff(&[0xFF; 64]), Kind::Unknown, "silent µ-law is not MP3");
    }

    #[test]
    fn an_id3_tag_is_measured_in_seven_bit_bytes() {
        assert_eq!(id3_bytes(b"ID3\x04\0\0\0\0\x02\x01rest"), 10 + 257);
        assert_eq!(id3_bytes(b"RIFF"), 0);
    }
}
