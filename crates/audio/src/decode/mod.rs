//! Whatever arrives becomes a stream of samples, or a sentence that says what to send instead.

mod aac;
mod adts;
mod aiff;
mod au;
mod behind;
mod caf;
mod codecs;
mod data;
#[cfg(fuzzing)]
pub mod fuzzing;
mod joined;
mod mp3;
mod mp4;
mod opus;
mod opus_packets;
mod patched;
pub(crate) mod raw;
mod sniff;
mod symphonia;
mod wav;
mod webm;
mod window;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use self::data::DataRange;
use self::joined::Joined;
use self::patched::Patched;
use self::raw::RawFormat;
use self::sniff::Kind;
use self::symphonia::SymphoniaSource;
use super::format::{AudioError, AudioSource, Fault};

/// What of a file will be heard. A decoder that can save work by it may give out no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The highest sampling rate that anything will be resampled to, in Hz.
    pub rate_hz: u32,
    /// Everything will be mixed down to one channel.
    pub mono: bool,
}

impl Wanted {
    /// The file as it is.
    pub const ALL: Self = Self { rate_hz: u32::MAX, mono: false };
}

/// A file that was recognised, ready to be read.
pub struct Opened {
    /// Short name of the container: `wav`, `mp3`, `mp4`, `ogg`, `flac`, `aiff`, `au`, `caf`, `adts`, `raw`.
    pub container: &'static str,
    /// Short name of the codec, as ffmpeg calls it: `pcm_s16le`, `pcm_mulaw`, `gsm_ms`, `mp3`, `aac`, `opus`.
    pub codec: String,
    /// The samples.
    pub source: Box<dyn AudioSource>,
}

/// Opens the audio file at `path`.
///
/// The file's own bytes decide what it is. `hint` (a file name extension, or the name of a raw format, with or without a
/// dot) only counts for headerless audio, of which nothing else can tell.
///
/// # Errors
/// Sentences that a person who uploaded the file can act on; [`AudioError::Io`] only if reading itself failed.
pub fn open(path: &Path, hint: Option<&str>) -> Result<Opened, AudioError> {
    open_for(path, hint, Wanted::ALL)
}

/// [`open`], for who wants no more than `wanted`: blocks may be at a lower rate and in fewer channels than the file, but never
/// less than what is wanted needs.
///
/// # Errors
/// As [`open`].
pub fn open_for(path: &Path, hint: Option<&str>, wanted: Wanted) -> Result<Opened, AudioError> {
    let read_error = || AudioError::io("Reading the audio file failed");
    let mut file = File::open(path).map_err(AudioError::io("Opening the audio file failed"))?;
    let mut head = read_head(&mut file, 0).map_err(read_error())?;
    if head.is_empty() {
        return Err(empty_file());
    }
    // Some programs tag WAV files the way MP3s are tagged, in front.
    let tag_bytes = sniff::id3_bytes(&head);
    let tagged = if tag_bytes > 0 { read_head(&mut file, tag_bytes).map_err(read_error())? } else { Vec::new() };
    let mut kind = sniff::sniff(&head);
    if let (Kind::Wav { .. }, true) = (sniff::sniff(&tagged), tag_bytes > 0) {
        kind = Kind::Wav { start: tag_bytes };
    }
    let raw = hint.and_then(RawFormat::from_extension);
    file.rewind().map_err(read_error())?;
    head.clear();
    match (kind, raw) {
        // Two bytes that look like the start of a frame are no evidence against a name.
        (
            Kind::Unknown | Kind::Container("aac") | Kind::NotAudio("a text file" | "a bitmap image" | "a program"),
            Some(format),
        ) => raw::open(file, format),
        (Kind::Wav { start }, _) => wav::open(file, start, wanted),
        (Kind::OggOpus, _) => opus::open(file),
        (Kind::Container("matroska"), _) => {
            let ending = webm::ending(&mut file).map_err(read_error())?;
            file.rewind().map_err(read_error())?;
            symphonia::open_webm(file, ending)
        }
        (Kind::Container("mp3"), _) => open_mpeg(file, "mp3", wanted),
        (Kind::Container("caf"), _) => {
            let mend = caf::look(&mut file).map_err(read_error())?;
            let file = Patched::new(file, mend.patch.into_iter().collect()).map_err(read_error())?;
            symphonia::open_measured(file.ending_at(mend.end), "caf", mend.truncated)
        }
        (Kind::Container("aiff"), _) => {
            let patches = aiff::look(&mut file).map_err(read_error())?;
            let is_right = patches.is_empty();
            let file = Patched::new(file, patches).map_err(read_error())?;
            if is_right { symphonia::open(file, "aiff", None) } else { symphonia::open_measured(file, "aiff", true) }
        }
        (Kind::Au, _) => au::open(file),
        (Kind::Container("aac"), _) => open_adts(file),
        (Kind::Container(name), _) => {
            symphonia::open(Patched::new(file, Vec::new()).map_err(read_error())?, name, None)
        }
        (Kind::Mp4, _) => match mp4::look(&mut file).map_err(read_error())? {
            mp4::Findings::Sound(sound, patches) => {
                symphonia::open(Patched::new(file, patches).map_err(read_error())?, "mp4", Some(sound))
            }
            mp4::Findings::NoSound => Err(no_sound()),
            mp4::Findings::NoTracks => Err(AudioError::Malformed(Fault::NoTrackDescription {})),
        },
        (Kind::NotAudio(name), _) => Err(AudioError::Unsupported(Fault::NotAudio { kind: name.into() })),
        (Kind::Unreadable(name), _) => Err(AudioError::Unsupported(Fault::UnreadFormat { format: name.into() })),
        (Kind::Unknown, None) => open_mpeg(file, "", wanted).map_err(|error| match error {
            AudioError::Unsupported(_) => hint.and_then(raw::unread_codec).map_or(error, unread_codec),
            error => error,
        }),
    }
}

/// Opens an Ogg Opus file that is known to hold nothing above half of `rate_hz`: 8, 12, 16, 24 or 48 kHz.
pub(crate) fn open_opus(file: File, rate_hz: u32) -> Result<Opened, AudioError> {
    opus::open_at(file, rate_hz)
}

/// Opens AAC without a container, whose rate and channels may change on the way.
fn open_adts(mut file: File) -> Result<Opened, AudioError> {
    let read_error = || AudioError::io("Reading the audio file failed");
    let streams = adts::streams(&mut file).map_err(read_error())?;
    if streams.len() == 1 {
        return symphonia::open(Patched::new(file, Vec::new()).map_err(read_error())?, "aac", None);
    }
    let mut streams = streams.into_iter().map(|(start, bytes)| DataRange { start, bytes, truncated: false });
    let mut open_next = move || {
        let Some(range) = streams.next() else { return Ok(None) };
        SymphoniaSource::open_range(file.try_clone().map_err(read_error())?, range, "aac").map(Some)
    };
    let Some(first) = open_next()? else { return Err(no_sound()) };
    let next = move |_: &SymphoniaSource| open_next();
    Ok(Opened { container: "adts", codec: "aac".into(), source: Box::new(Joined::new(first, next)) })
}

/// Opens what may be MPEG audio, or anything after a tag or junk; `container` is what its first bytes look like.
fn open_mpeg(file: File, container: &'static str, wanted: Wanted) -> Result<Opened, AudioError> {
    let read_error = || AudioError::io("Reading the audio file failed");
    let bytes = file.metadata().map_err(read_error())?.len();
    let range = DataRange { start: 0, bytes, truncated: false };
    let another = file.try_clone().map_err(read_error())?;
    match mp3::open(another, range, wanted)? {
        Some(source) => Ok(Opened { container: "mp3", codec: "mp3".into(), source }),
        None => {
            let mut file = file;
            let tag_bytes = sniff::id3_bytes(&read_head(&mut file, 0).map_err(read_error())?);
            let is_free = mp3::is_free_format(&read_head(&mut file, tag_bytes).map_err(read_error())?);
            let opened = symphonia::open(Patched::new(file, Vec::new()).map_err(read_error())?, container, None);
            opened.map_err(|error| if is_free { free_format() } else { error })
        }
    }
}

fn read_head(file: &mut File, at: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut head = Vec::with_capacity(sniff::SNIFF_BYTES);
    file.take(sniff::SNIFF_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn empty_file() -> AudioError {
    AudioError::Empty(Fault::NoBytes {})
}

fn free_format() -> AudioError {
    AudioError::Unsupported(Fault::FreeFormat {})
}

fn unread_codec(name: &str) -> AudioError {
    AudioError::Unsupported(Fault::UnreadCodec { codec: name.into() })
}

fn no_sound() -> AudioError {
    AudioError::Empty(Fault::NoSoundTrack {})
}

#[cfg(test)]
mod tests;
