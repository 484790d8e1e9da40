//! The parts of an MP4 file that symphonia leaves out: the edit list, and whether there is sound at all.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::patched::Patch;
use crate::g711::Law;

/// What the `moov` box says of the first sound track.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SoundTrack {
    /// Where presentation starts, in frames of the track's time scale.
    pub(super) start: Option<u64>,
    /// How long it lasts, in seconds; rounded to the movie's time scale.
    pub(super) seconds: Option<f64>,
    /// The track's time scale in ticks a second, for audio nearly always its sampling rate.
    pub(super) ticks_per_second: u32,
    /// The kind of its samples, as four letters; zeros where the track does not say.
    pub(super) kind: [u8; 4],
}

impl SoundTrack {
    /// The law of G.711, which is read as if it were linear and of a byte.
    pub(super) fn law(&self) -> Option<Law> {
        match &self.kind {
            b"ulaw" => Some(Law::Mu),
            b"alaw" => Some(Law::A),
            _ => None,
        }
    }

    /// The kind of the samples in words, for those that are not read.
    pub(super) fn kind_name(&self) -> String {
        match &self.kind {
            b"samr" | b"sawb" | b"sawp" => "AMR".into(),
            b"ac-3" | b"ec-3" | b"ac-4" => "Dolby (AC-3)".into(),
            b"alac" => "Apple Lossless (in a form that only QuickTime writes)".into(),
            b"ulaw" => "µ-law".into(),
            b"alaw" => "A-law".into(),
            b"ima4" => "IMA ADPCM".into(),
            b"sqcp" | b"Qclp" => "QCELP".into(),
            b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => "DTS".into(),
            kind if kind.iter().all(u8::is_ascii_graphic) => format!("\"{}\"", String::from_utf8_lossy(kind)),
            _ => "an unknown kind of".into(),
        }
    }
}

/// A `moov` larger than this is not of a phone's recording, and is left to the demuxer.
const MAX_MOOV_BYTES: u64 = 64 * 1024 * 1024;

/// A file with more boxes than this before its `moov` was made to waste our time: fragments come after it.
const MAX_BOXES: usize = 10_000;

/// What a look at the boxes of an MP4 file finds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Findings {
    /// There is sound, which the demuxer reads if the file reads with these patches.
    Sound(SoundTrack, Vec<Patch>),
    /// There are tracks, none of them of sound.
    NoSound,
    /// The description of the tracks is missing: the file was cut, or its writer died.
    NoTracks,
}

/// Reads the edit list of the first sound track.
pub(super) fn look(file: &mut File) -> std::io::Result<Findings> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut at = 0u64;
    for _ in 0..MAX_BOXES {
        if at.saturating_add(8) > end {
            break;
        }
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0u8; 16];
        let readable = (end - at).min(16) as usize;
        file.read_exact(&mut header[..readable])?;
        let (body, size) = match u32::from_be_bytes([header[0], header[1], header[2], header[3]]) {
            0 => (8, end - at),
            1 => (16, u64::from_be_bytes(header[8..16].try_into().unwrap_or_default())),
            size => (8, u64::from(size)),
        };
        if size < body {
            break;
        }
        if &header[4..8] == b"moov" {
            let bytes = (size - body).min(end.saturating_sub(at + body));
            if bytes > MAX_MOOV_BYTES {
                break;
            }
            file.seek(SeekFrom::Start(at + body))?;
            let mut moov = vec![0; bytes as usize];
            file.read_exact(&mut moov)?;
            return Ok(match parse(&moov) {
                Some((sound, entries)) => {
                    let entries_at = place(entries, &moov).map(|place| at + body + place as u64);
                    let patches = entries_at.map_or_else(Vec::new, |at| patches(entries, at));
                    Findings::Sound(sound, patches)
                }
                None => Findings::NoSound,
            });
        }
        at = at.saturating_add(size);
    }
    Ok(Findings::NoTracks)
}

/// The first sound track, and the entries that tell the form of its samples.
fn parse(moov: &[u8]) -> Option<(SoundTrack, &[u8])> {
    let movie_ticks_per_second = find(moov, b"mvhd").and_then(ticks_per_second)?;
    boxes(moov).filter(|(kind, _)| kind == b"trak").find_map(|(_, track)| {
        let media = find(track, b"mdia")?;
        if find(media, b"hdlr")?.get(8..12)? != b"soun" {
            return None;
        }
        let mut sound =
            SoundTrack { ticks_per_second: find(media, b"mdhd").and_then(ticks_per_second)?, ..SoundTrack::default() };
        let samples =
            find(media, b"minf").and_then(|media| find(media, b"stbl")).and_then(|table| find(table, b"stsd"));
        let entries = samples.unwrap_or_default();
        if let Some(kind) = entries.get(12..16).and_then(|kind| kind.try_into().ok()) {
            sound.kind = kind;
        }
        if let Some((start, duration)) =
            find(track, b"edts").and_then(|edits| find(edits, b"elst")).and_then(first_edit)
        {
            sound.start = Some(start);
            sound.seconds = (duration > 0 && movie_ticks_per_second > 0)
                .then(|| duration as f64 / f64::from(movie_ticks_per_second));
        }
        Some((sound, entries))
    })
}

/// What QuickTime writes otherwise than the demuxer knows it, in the first of the entries that lie at `at`.
///
/// It takes G.711 for samples of 16 bits, as they come out; and it puts the settings of Apple Lossless into a `wave` box,
/// behind a box that repeats the codec's name.
fn patches(entries: &[u8], at: u64) -> Vec<Patch> {
    const ENTRY: usize = 8;
    const SAMPLE_BITS: usize = ENTRY + 26;
    const VERSION_1: usize = ENTRY + 36;
    let patch = |place: usize, bytes: &[u8]| Patch { at: at + place as u64, bytes: bytes.to_vec() };
    let is_version_1 = match entries.get(ENTRY + 16..ENTRY + 18) {
        Some([0, 0]) => false,
        Some([0, 1]) => true,
        _ => return Vec::new(),
    };
    match entries.get(ENTRY + 4..ENTRY + 8) {
        Some(b"ulaw" | b"alaw") => {
            let mut patches = vec![patch(ENTRY + 4, b"raw "), patch(SAMPLE_BITS, &[0, 8])];
            patches.extend(is_version_1.then(|| patch(VERSION_1 + 4, &[0, 0, 0, 1])));
            patches.retain(|patch| patch.at + patch.bytes.len() as u64 <= at + entries.len() as u64);
            patches
        }
        Some(b"alac") => {
            let inner = VERSION_1 + if is_version_1 { 16 } else { 0 };
            let wave = entries.get(inner..).and_then(|inner| find(inner, b"wave")).unwrap_or_default();
            let repeats_name = wave.starts_with(b"\0\0\0\x0Cfrmaalac") && wave.get(16..20) == Some(b"alac");
            // Both box headers in front of the settings become one box that is passed over.
            let wave_at = place(wave, entries).filter(|_| repeats_name);
            wave_at.map(|at| patch(at - 8, b"\0\0\0\x14free")).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The start and duration of the first edit that shows media; an empty edit before it is only a pause.
fn first_edit(elst: &[u8]) -> Option<(u64, u64)> {
    let long = *elst.first()? == 1;
    let entries = elst.get(8..)?.chunks_exact(if long { 20 } else { 12 });
    let mut shown = entries.filter_map(|entry| {
        let (duration, start) = if long {
            (u64::from_be_bytes(entry[..8].try_into().ok()?), i64::from_be_bytes(entry[8..16].try_into().ok()?))
        } else {
            let duration = u32::from_be_bytes(entry[..4].try_into().ok()?);
            (u64::from(duration), i64::from(i32::from_be_bytes(entry[4..8].try_into().ok()?)))
        };
        Some((u64::try_from(start).ok()?, duration))
    });
    let edit = shown.next()?;
    // Several edits rearrange the track, which nothing that records a voice does: then only the start is used.
    Some(if shown.next().is_some() { (edit.0, 0) } else { edit })
}

/// The time scale in an `mvhd` or `mdhd` box.
fn ticks_per_second(header: &[u8]) -> Option<u32> {
    let at = if *header.first()? == 1 { 20 } else { 12 };
    Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?))
}

/// Where a part of `whole` begins in it; nothing if it is none.
fn place(part: &[u8], whole: &[u8]) -> Option<usize> {
    let place = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    (place < whole.len()).then_some(place)
}

fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| found == kind).map(|(_, body)| body)
}

/// The boxes lying side by side in `bytes`.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let kind = bytes.get(4..8)?.try_into().ok()?;
        let size = if size == 0 { bytes.len() } else { size };
        let body = bytes.get(8..size)?;
        bytes = &bytes[size..];
        Some((kind, body))
    })
}
