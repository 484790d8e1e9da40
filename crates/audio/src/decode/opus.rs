//! Ogg Opus, decoded by libopus, at 48 kHz unless another rate is known to be enough.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use super::Opened;
use crate::format::{AudioBlock, AudioError, AudioSource, AudioSpec, Fault};

/// The rate that holds all of any Opus file; positions and lengths count in it whatever the file is decoded to.
const RATE_HZ: u32 = 48_000;

/// The longest packet, 120 ms.
const MAX_PACKET_FRAMES: usize = 5_760;

/// Bytes that may be read for one packet, damage in between included. The longest real packet has 61 KB; one without an
/// end would be gathered in memory for as long as the file goes on.
const MAX_BYTES_FOR_PACKET: u64 = 1 << 20;

/// Streams in one file, each of which the reader remembers; a day of broadcasting has a few hundred.
const MAX_STREAMS: u32 = 1_000;

/// Streams the logical streams of an Ogg file one after the other.
struct OpusSource {
    packets: ogg::PacketReader<Allowance<BufReader<File>>>,
    streams: u32,
    spec: AudioSpec,
    /// Positions for one frame of the blocks.
    step: u64,
    decoder: opus::Decoder,
    stream: Stream,
    decoded: Vec<f32>,
    finished: bool,
    truncated: bool,
}

/// One logical stream; a chained file has several.
struct Stream {
    channels: usize,
    gain: f32,
    skip_frames: u64,
    /// Frames decoded so far, those skipped included.
    position: u64,
    /// The granule position at which this stream began; not 0 in a recording of a running broadcast.
    first_granule: Option<u64>,
    /// The comment header is still to come.
    awaits_tags: bool,
    ended: bool,
}

/// Opens an Ogg file whose first packet is an Opus header.
pub(super) fn open(file: File) -> Result<Opened, AudioError> {
    open_at(file, RATE_HZ)
}

/// [`open`] at one of the rates that Opus decodes to: 8, 12, 16, 24 or 48 kHz.
pub(super) fn open_at(file: File, rate_hz: u32) -> Result<Opened, AudioError> {
    let inner = Allowance { inner: BufReader::new(file), left: MAX_BYTES_FOR_PACKET };
    let mut packets = ogg::PacketReader::new(inner);
    let head = packets.read_packet().ok().flatten().ok_or_else(damaged)?;
    let (stream, decoder) = Stream::begin(&head.data, rate_hz)?;
    let spec = AudioSpec { rate_hz, channels: stream.channels as u16 };
    let decoded = vec![0.0; MAX_PACKET_FRAMES * 2];
    let step = u64::from(RATE_HZ / rate_hz);
    let source =
        OpusSource { packets, streams: 1, spec, step, decoder, stream, decoded, finished: false, truncated: false };
    Ok(Opened { container: "ogg", codec: "opus".to_owned(), source: Box::new(source) })
}

impl Stream {
    fn begin(head: &[u8], rate_hz: u32) -> Result<(Self, opus::Decoder), AudioError> {
        let &[
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            version,
            channels,
            skip_low,
            skip_high,
            _,
            _,
            _,
            _,
            gain_low,
            gain_high,
            family,
            ..,
        ] = head
        else {
            return Err(damaged());
        };
        if version >= 16 || family != 0 || !(1..=2).contains(&channels) {
            return Err(AudioError::Unsupported(Fault::OpusSurround { channels }));
        }
        let layout = if channels == 2 { opus::Channels::Stereo } else { opus::Channels::Mono };
        let decoder = opus::Decoder::new(rate_hz, layout)
            .map_err(|_| AudioError::Limit(Fault::NoCodecMemory { codec: "Opus".into() }))?;
        let pre_skip = u64::from(u16::from_le_bytes([skip_low, skip_high]));
        let gain_db = f32::from(i16::from_le_bytes([gain_low, gain_high])) / 256.0;
        let stream = Self {
            channels: usize::from(channels),
            gain: 10f32.powf(gain_db / 20.0),
            skip_frames: pre_skip,
            position: 0,
            first_granule: None,
            awaits_tags: true,
            ended: false,
        };
        Ok((stream, decoder))
    }

    /// The part of a packet's `frames` that is to be heard, from `skip` up to `keep`.
    fn audible(&mut self, packet: &ogg::Packet, frames: u64) -> std::ops::Range<usize> {
        let begin = self.position;
        self.position += frames;
        let granule = packet.absgp_page();
        let mut keep = frames;
        if packet.last_in_stream() {
            // The last page's granule position says where the sound ends, often within the packet.
            self.ended = true;
            let end = granule.saturating_sub(self.first_granule.unwrap_or(0));
            keep = end.clamp(begin, self.position) - begin;
        } else if packet.last_in_page() && granule != u64::MAX {
            self.first_granule.get_or_insert(granule.saturating_sub(self.position));
        }
        let skip = self.skip_frames.min(keep);
        self.skip_frames -= self.skip_frames.min(frames);
        skip as usize..keep as usize
    }
}

impl AudioSource for OpusSource {
    fn spec(&self) -> AudioSpec {
        self.spec
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        block.samples.clear();
        while block.samples.is_empty() && !self.finished {
            let packet = match self.next_packet() {
                Ok(Some(packet)) => packet,
                end => {
                    self.finished = true;
                    self.truncated = end.is_err() || !self.stream.ended;
                    break;
                }
            };
            if packet.first_in_stream() {
                self.streams += 1;
                if self.streams > MAX_STREAMS {
                    return Err(AudioError::Limit(Fault::TooManyStreams { most: MAX_STREAMS }));
                }
            }
            if packet.data.starts_with(b"OpusHead") && packet.first_in_stream() {
                (self.stream, self.decoder) = Stream::begin(&packet.data, self.spec.rate_hz)?;
                continue;
            }
            if std::mem::take(&mut self.stream.awaits_tags) {
                continue;
            }
            // A damaged packet is left out, as players do. Of no bytes at all libopus would make 120 ms, in the belief that a
            // packet was lost on a line.
            let decoded = match &packet.data[..] {
                [] => None,
                data => self.decoder.decode_float(data, &mut self.decoded, false).ok(),
            };
            let Some(frames) = decoded else {
                continue;
            };
            let audible = self.stream.audible(&packet, frames as u64 * self.step);
            let audible = audible.start.div_ceil(self.step as usize)..audible.end.div_ceil(self.step as usize);
            if self.stream.ended {
                // The next stream may bear the same serial number, which the reader would take for damage.
                self.packets.delete_unread_packets();
            }
            let channels = self.stream.channels;
            let samples = &self.decoded[audible.start * channels..audible.end * channels];
            let gain = self.stream.gain;
            match (channels, self.spec.channels) {
                (1, 2) => block.samples.extend(samples.iter().flat_map(|s| [s * gain; 2])),
                (2, 1) => block.samples.extend(samples.chunks_exact(2).map(|f| (f[0] + f[1]) * 0.5 * gain)),
                _ => block.samples.extend(samples.iter().map(|s| s * gain)),
            }
        }
        Ok(!block.samples.is_empty())
    }

    fn is_truncated(&self) -> bool {
        self.truncated
    }
}

impl OpusSource {
    fn next_packet(&mut self) -> Result<Option<ogg::Packet>, ogg::OggReadError> {
        self.packets.get_mut().left = MAX_BYTES_FOR_PACKET;
        self.packets.read_packet()
    }
}

/// A reader that fails when more is read than was allowed.
struct Allowance<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Allowance<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(std::io::ErrorKind::InvalidData)?;
        Ok(read)
    }
}

impl<R: Seek> Seek for Allowance<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

fn damaged() -> AudioError {
    AudioError::Malformed(Fault::DamagedOpusStart {})
}
