//! MP3, FLAC, Vorbis, AAC, ALAC, AIFF and CAF by symphonia, with the trimming that it leaves to us.

use std::fs::File;
use std::io::Seek;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions, CODEC_ID_NULL_AUDIO,
};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;

use super::Opened;
use super::aac::{self, SbrWatch};
use super::codecs::finite;
use super::data::DataRange;
use super::joined::Adapter;
use super::mp4::SoundTrack;
use super::opus_packets::{self, OpusPackets};
use super::patched::Patched;
use super::webm::Ending;
use super::window::Window;
use crate::format::{AudioBlock, AudioError, AudioSource, AudioSpec, Fault};
use crate::g711::Law;

/// Encoder delay of AAC without an edit list that states it.
const AAC_PRIMING_FRAMES: u64 = 1_024;

/// More frames in a packet than any codec has: the longest are FLAC's.
const MAX_FRAMES_PER_PACKET: u64 = 65_536;

/// Frames of one packet in any codec but lossless ones with unusual settings.
const LONGEST_PACKET_FRAMES: u64 = 8_192;

/// After so many packets in a row without sound the rest is taken for damage: a header can claim billions of empty ones in
/// a few bytes, and a video has far fewer pictures between two packets of sound.
const MAX_SILENT_PACKETS: u32 = 100_000;

/// Pictures embedded in a file are skipped, not held.
const MAX_PICTURE_BYTES: usize = 64 * 1024;

/// Streams the sound track of any container that symphonia reads.
pub(super) struct SymphoniaSource {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    codec: &'static str,
    spec: AudioSpec,
    /// Frames of encoder delay still to be left out.
    skip_frames: u64,
    /// Frames still to be given out, where the container bounds them.
    frames_left: u64,
    padding: Padding,
    interleaved: Vec<f32>,
    /// There while packets have another shape than the first.
    adapter: Option<Adapter>,
    packets_bad: u64,
    /// There for AAC.
    sbr: Option<SbrWatch>,
    finished: bool,
    truncated: bool,
    /// The container is known to end where the file does, although it has no lengths by which its reader could tell.
    whole: bool,
}

/// Encoder padding at the end.
struct Padding {
    samples: usize,
    /// It is marked on the last packet itself. Where a header in front tells of it, as in MP3, it is left out only if the
    /// file has exactly the frames that the header says: one that was cut has lost its padding, and one made by joining
    /// others has audio after it.
    marked: bool,
    /// Frames that the headers announce, delay and padding included; 0 where they don't.
    total_frames: u64,
    decoded_frames: u64,
    held_back: Vec<f32>,
}

impl Padding {
    /// Passes on what cannot be padding.
    fn pass(&mut self, samples: &[f32], frames: u64, out: &mut Vec<f32>) {
        self.decoded_frames += frames;
        if self.samples == 0 {
            out.extend_from_slice(samples);
            return;
        }
        self.held_back.extend_from_slice(samples);
        let ready = self.held_back.len().saturating_sub(self.samples);
        out.extend(self.held_back.drain(..ready));
    }

    /// True if the file ended more than a packet before what was announced.
    fn is_short(&self) -> bool {
        self.decoded_frames + LONGEST_PACKET_FRAMES < self.total_frames
    }

    fn finish(&mut self, out: &mut Vec<f32>) {
        if !self.marked && self.decoded_frames != self.total_frames {
            out.append(&mut self.held_back);
        }
        self.held_back.clear();
    }
}

/// Opens a whole file; `container` is what its first bytes look like.
pub(super) fn open(file: Patched, container: &'static str, sound: Option<SoundTrack>) -> Result<Opened, AudioError> {
    // A file that was cut is shorter than its header says, which some readers refuse outright if they can tell.
    let mut unmeasured = file.try_clone().map_err(AudioError::io("Reading the audio failed"))?;
    let source =
        SymphoniaSource::new(Box::new(file), container, sound).or_else(|refusal| match (container, &refusal) {
            ("mp4" | "aiff", AudioError::Malformed(_) | AudioError::Empty(_)) => {
                unmeasured.rewind().map_err(AudioError::io("Reading the audio failed"))?;
                let source = SymphoniaSource::new(Box::new(ReadOnlySource::new(unmeasured)), container, sound);
                source.map(|source| SymphoniaSource { truncated: true, ..source }).map_err(|_| refusal)
            }
            _ => Err(refusal),
        });
    Ok(opened(source?))
}

/// Opens a file whose sound is as long as it reads; `truncated` if another length was promised.
pub(super) fn open_measured(file: Patched, container: &'static str, truncated: bool) -> Result<Opened, AudioError> {
    let source = SymphoniaSource::new(Box::new(file), container, None)?;
    Ok(opened(SymphoniaSource { truncated, ..source }))
}

/// Opens a WebM or Matroska file that ends so.
pub(super) fn open_webm(file: File, ending: Ending) -> Result<Opened, AudioError> {
    let media: Box<dyn MediaSource> = if ending.whole { Box::new(file) } else { Box::new(ReadOnlySource::new(file)) };
    let mut source = SymphoniaSource::new(media, "matroska", None)?;
    source.whole = ending.whole;
    source.truncated = !ending.whole;
    let frames = u128::from(ending.padding_nanoseconds) * u128::from(source.spec.rate_hz) + 500_000_000;
    let frames = (frames / 1_000_000_000).min(u128::from(LONGEST_PACKET_FRAMES)) as usize;
    source.padding.samples = frames * usize::from(source.spec.channels);
    source.padding.marked = true;
    Ok(opened(source))
}

fn opened(source: SymphoniaSource) -> Opened {
    let container = match source.format.format_info().short_name {
        "isomp4" => "mp4",
        "mp1" | "mp2" | "mp3" => "mp3",
        "wave" => "wav",
        "aac" | "adts" => "adts",
        name => name,
    };
    Opened { container, codec: source.codec.to_owned(), source: Box::new(source) }
}

impl SymphoniaSource {
    /// Opens audio that lies in a part of a file.
    pub(super) fn open_range(file: File, range: DataRange, extension: &str) -> Result<Self, AudioError> {
        let window = Window::new(file, range);
        let mut source = Self::new(Box::new(window), extension, None)?;
        source.truncated = range.truncated;
        Ok(source)
    }

    pub(super) fn codec(&self) -> &'static str {
        self.codec
    }

    fn new(media: Box<dyn MediaSource>, extension: &str, sound: Option<SoundTrack>) -> Result<Self, AudioError> {
        let stream = MediaSourceStream::new(media, Default::default());
        let metadata = MetadataOptions::default().limit_visual_bytes(Limit::Maximum(MAX_PICTURE_BYTES));
        let mut hint = Hint::new();
        hint.with_extension(extension);
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), metadata)
            .map_err(|error| refuse_container(extension, error))?;
        // What the container's reader does not know, it leaves out.
        let track = sound_track(format.as_ref()).map_err(|error| match sound {
            Some(sound) => refuse_kind(&sound.kind_name()),
            None => error,
        })?;
        let (codec, decoder) = decoder_for(track, sound).map_err(|error| match (sound, &error) {
            (Some(sound), AudioError::Unsupported(_)) if !is_read(track) => refuse_kind(&sound.kind_name()),
            _ => error,
        })?;
        let track_id = track.id;
        let (delay, padding_frames) = (u64::from(track.delay.unwrap_or(0)), track.padding.unwrap_or(0));
        // Without a Xing header, the number of frames of an MP3 is only guessed from its size; so it is for ADTS.
        let guessed = (is_mpeg_audio(codec) && track.delay.is_none()) || (codec == CODEC_ID_AAC && sound.is_none());
        let announced_frames = track.num_frames.filter(|_| !guessed);
        let pre_skip_frames = match &track.codec_params {
            Some(CodecParameters::Audio(params)) if codec == CODEC_ID_OPUS => opus_packets::pre_skip_frames(params),
            _ => 0,
        };
        let total_frames =
            announced_frames.map_or(0, |frames| frames.saturating_add(delay).saturating_add(u64::from(padding_frames)));
        let mut source = Self {
            format,
            decoder,
            track_id,
            codec: codec_name(codec),
            spec: AudioSpec::mono(8_000),
            skip_frames: pre_skip_frames,
            frames_left: u64::MAX,
            padding: Padding { samples: 0, marked: false, total_frames, decoded_frames: 0, held_back: Vec::new() },
            interleaved: Vec::new(),
            adapter: None,
            packets_bad: 0,
            sbr: (codec == CODEC_ID_AAC).then(SbrWatch::default),
            finished: false,
            truncated: false,
            whole: false,
        };
        // Headers may be wrong about rate and channels (or silent): the first decoded packet knows.
        let Some(spec) = source.decode_packet()? else {
            return Err(AudioError::Empty(Fault::NoFrames { container: extension.to_uppercase() }));
        };
        source.spec = spec;
        match codec {
            _ if is_mpeg_audio(codec) => {
                source.skip_frames = delay;
                // Padding fills up the last packet; more than that is no padding, and would have to be held.
                if u64::from(padding_frames) <= LONGEST_PACKET_FRAMES {
                    source.padding.samples = padding_frames as usize * usize::from(spec.channels);
                }
            }
            CODEC_ID_AAC => {
                // ADTS has no place to state a delay, and no decoder removes one there.
                if let Some(sound) = sound {
                    let scale = f64::from(spec.rate_hz) / f64::from(sound.ticks_per_second.max(1));
                    source.skip_frames =
                        sound.start.map_or(AAC_PRIMING_FRAMES, |ticks| (ticks as f64 * scale).round() as u64);
                }
            }
            _ => {}
        }
        if let Some(seconds) = sound.and_then(|sound| sound.seconds) {
            source.frames_left = source.frames_by_edit_list(seconds);
        }
        Ok(source)
    }

    /// The exact length: the edit list's is rounded to milliseconds, the sample table's may include padding.
    fn frames_by_edit_list(&self, seconds: f64) -> u64 {
        let rate = f64::from(self.spec.rate_hz);
        let by_edits = (seconds * rate).round() as u64;
        let rounding = (rate / 500.0) as u64;
        let by_table = self.padding.total_frames.saturating_sub(self.skip_frames);
        if by_table.abs_diff(by_edits) <= rounding { by_table } else { by_edits }
    }

    /// Decodes the next packet into `interleaved`; nothing at the end.
    fn decode_packet(&mut self) -> Result<Option<AudioSpec>, AudioError> {
        for _ in 0..MAX_SILENT_PACKETS {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(Error::ResetRequired) => {
                    // A chained Ogg stream begins anew; whatever its rate, it goes on as part of the same recording.
                    let track = sound_track(self.format.as_ref())?;
                    self.track_id = track.id;
                    self.decoder = decoder_for(track, None)?.1;
                    continue;
                }
                Err(Error::IoError(error)) if is_of_the_system(&error) => {
                    return Err(AudioError::io("Reading the audio failed")(error));
                }
                Err(Error::IoError(_)) if self.whole => return Ok(None),
                // The container breaks off; what came before is good.
                Err(_) => {
                    self.truncated = true;
                    return Ok(None);
                }
            };
            if packet.track_id != self.track_id {
                continue;
            }
            let rate_hz = self.decoder.codec_params().sample_rate.unwrap_or(0);
            if self.sbr.as_mut().is_some_and(|watch| watch.sees(&packet.data, rate_hz)) {
                return Err(refuse_he_aac());
            }
            let decoded = match self.decoder.decode(&packet) {
                Ok(decoded) if decoded.frames() == 0 => continue,
                Ok(decoded) => decoded,
                Err(Error::Unsupported(what)) => return Err(refuse_codec(self.codec, what)),
                // A damaged packet is left out, as players do.
                Err(_) => {
                    self.packets_bad += 1;
                    continue;
                }
            };
            let spec = AudioSpec::checked(decoded.spec().rate(), decoded.spec().channels().count() as u16)?;
            decoded.copy_to_vec_interleaved(&mut self.interleaved);
            self.interleaved.iter_mut().for_each(|sample| *sample = finite(*sample));
            return Ok(Some(spec));
        }
        self.truncated = true;
        Ok(None)
    }
}

impl SymphoniaSource {
    /// Brings the packet that was decoded, of the shape `spec`, to the shape that the stream began with.
    fn adapt(&mut self, spec: AudioSpec) -> Result<(), AudioError> {
        let mut out = Vec::new();
        if let Some(last) = self.adapter.take_if(|adapter| adapter.from() != spec) {
            last.finish(&mut out)?;
        }
        if spec != self.spec {
            let adapter = match &mut self.adapter {
                Some(adapter) => adapter,
                none => none.insert(Adapter::new(spec, self.spec)?),
            };
            adapter.push(&self.interleaved, &mut out)?;
            self.interleaved = out;
        } else if !out.is_empty() {
            out.append(&mut self.interleaved);
            self.interleaved = out;
        }
        Ok(())
    }
}

impl AudioSource for SymphoniaSource {
    fn spec(&self) -> AudioSpec {
        self.spec
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        block.samples.clear();
        let channels = usize::from(self.spec.channels);
        while block.samples.is_empty() && !self.finished {
            // The packet that told the format at opening is still here the first time.
            if self.interleaved.is_empty() {
                match self.decode_packet()? {
                    Some(spec) => self.adapt(spec)?,
                    None => {
                        if let Some(adapter) = self.adapter.take() {
                            adapter.finish(&mut block.samples)?;
                        }
                        self.truncated |= self.padding.is_short();
                        self.padding.finish(&mut block.samples);
                        self.finished = true;
                        break;
                    }
                }
            }
            let frames = (self.interleaved.len() / channels) as u64;
            let skipped = self.skip_frames.min(frames);
            self.skip_frames -= skipped;
            self.padding.pass(&self.interleaved[skipped as usize * channels..], frames, &mut block.samples);
            self.interleaved.clear();
        }
        let frames = ((block.samples.len() / channels) as u64).min(self.frames_left);
        self.frames_left -= frames;
        block.samples.truncate(frames as usize * channels);
        Ok(!block.samples.is_empty())
    }

    fn is_truncated(&self) -> bool {
        self.truncated
    }
}

fn sound_track(format: &dyn FormatReader) -> Result<&Track, AudioError> {
    format
        .tracks()
        .iter()
        .find(|track| matches!(&track.codec_params, Some(CodecParameters::Audio(params)) if params.codec != CODEC_ID_NULL_AUDIO))
        .ok_or_else(super::no_sound)
}

fn decoder_for(track: &Track, sound: Option<SoundTrack>) -> Result<(AudioCodecId, Box<dyn AudioDecoder>), AudioError> {
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(super::no_sound());
    };
    if params.codec == CODEC_ID_AAC && params.extra_data.as_deref().is_some_and(aac::announces_sbr) {
        return Err(refuse_he_aac());
    }
    // Decoders make room for a packet before they have seen one.
    if params.max_frames_per_packet.is_some_and(|frames| frames > MAX_FRAMES_PER_PACKET) {
        return Err(AudioError::Malformed(Fault::ImpossiblePackets {
            codec: codec_name(params.codec).into(),
            samples: params.max_frames_per_packet.unwrap_or(0),
        }));
    }
    // Gapless trimming by the library ends a file of joined MP3s after its first part.
    let gapless = !is_mpeg_audio(params.codec);
    let codec = sound.and_then(|sound| sound.law()).map_or(params.codec, |law| match law {
        Law::Mu => CODEC_ID_PCM_MULAW,
        Law::A => CODEC_ID_PCM_ALAW,
    });
    let decoder = match codec {
        // CAF states sizes of samples for them too, which mean nothing there and are not accepted.
        CODEC_ID_PCM_ALAW | CODEC_ID_PCM_MULAW => {
            let mut params = AudioCodecParameters { codec, ..params.clone() };
            (params.bits_per_sample, params.bits_per_coded_sample) = (None, None);
            symphonia::default::get_codecs().make_audio_decoder(&params, &AudioDecoderOptions::default())
        }
        CODEC_ID_OPUS => OpusPackets::new(params).map(|decoder| Box::new(decoder) as Box<dyn AudioDecoder>),
        _ => symphonia::default::get_codecs()
            .make_audio_decoder(params, &AudioDecoderOptions::default().gapless(gapless)),
    };
    decoder.map(|decoder| (codec, decoder)).map_err(|error| match error {
        Error::Unsupported(what) => refuse_codec(codec_name(params.codec), what),
        _ => AudioError::Malformed(Fault::DamagedCodec { codec: codec_name(params.codec).into() }),
    })
}

fn is_mpeg_audio(codec: AudioCodecId) -> bool {
    matches!(codec, CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3)
}

/// True if the file could not be read. The library also calls it an I/O error when a header's bits run out, or when a header
/// points where no file can have a byte (the system's "invalid"): no reasons to try again.
fn is_of_the_system(error: &std::io::Error) -> bool {
    error.raw_os_error().is_some() && error.kind() != std::io::ErrorKind::InvalidInput
}

fn refuse_container(extension: &str, error: Error) -> AudioError {
    match error {
        Error::IoError(error) if is_of_the_system(&error) => AudioError::io("Reading the audio failed")(error),
        Error::LimitError(what) => AudioError::Limit(Fault::HeaderAsksTooMuch { what: what.into() }),
        Error::Unsupported(_) if extension.is_empty() => AudioError::Unsupported(Fault::UnknownFormat {}),
        Error::Unsupported(what) => refuse_codec(extension, what),
        _ => AudioError::Malformed(Fault::DamagedStart {
            what: if extension.is_empty() {
                "audio".to_owned()
            } else {
                format!("a file of type {}", extension.to_uppercase())
            },
        }),
    }
}

fn refuse_codec(codec: &str, what: &str) -> AudioError {
    if what.contains("aac too complex") {
        return AudioError::Unsupported(Fault::UnreadAac {});
    }
    AudioError::Unsupported(Fault::UnreadFeature { codec: codec.into(), what: what.into() })
}

/// True if there is a decoder for the kind of codec, whether or not it reads this very file.
fn is_read(track: &Track) -> bool {
    let codec = match &track.codec_params {
        Some(CodecParameters::Audio(params)) => params.codec,
        _ => CODEC_ID_NULL_AUDIO,
    };
    codec == CODEC_ID_OPUS || symphonia::default::get_codecs().get_audio_decoder(codec).is_some()
}

fn refuse_kind(kind: &str) -> AudioError {
    AudioError::Unsupported(Fault::UnreadTrack { kind: kind.into() })
}

fn refuse_he_aac() -> AudioError {
    AudioError::Unsupported(Fault::HeAac {})
}

fn codec_name(codec: AudioCodecId) -> &'static str {
    match codec {
        CODEC_ID_MP1 => "mp1",
        CODEC_ID_MP2 => "mp2",
        CODEC_ID_MP3 => "mp3",
        CODEC_ID_AAC => "aac",
        CODEC_ID_FLAC => "flac",
        CODEC_ID_ALAC => "alac",
        CODEC_ID_VORBIS => "vorbis",
        CODEC_ID_OPUS => "opus",
        CODEC_ID_SPEEX => "speex",
        CODEC_ID_AC3 | CODEC_ID_EAC3 => "ac3",
        CODEC_ID_PCM_ALAW => "pcm_alaw",
        CODEC_ID_PCM_MULAW => "pcm_mulaw",
        CODEC_ID_ADPCM_MS => "adpcm_ms",
        CODEC_ID_ADPCM_IMA_WAV | CODEC_ID_ADPCM_IMA_QT => "adpcm_ima",
        CODEC_ID_PCM_S16BE => "pcm_s16be",
        CODEC_ID_PCM_S16LE => "pcm_s16le",
        CODEC_ID_PCM_S24BE => "pcm_s24be",
        CODEC_ID_PCM_S24LE => "pcm_s24le",
        CODEC_ID_PCM_F32BE => "pcm_f32be",
        CODEC_ID_PCM_F32LE => "pcm_f32le",
        _ => "other",
    }
}
