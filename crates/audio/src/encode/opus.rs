//! Ogg Opus by libopus (RFC 7845): 20 ms packets, a page a second.

use std::fs::File;
use std::io::{BufWriter, Write};

use ogg::PacketWriteEndInfo;

use super::{Content, EncoderOptions, WRITE_FAILED};
use crate::format::{AudioBlock, AudioError, AudioSpec, Encoder, Fault};

/// The rates that Opus encodes without resampling.
pub(super) const RATES_HZ: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// Granule positions always count at this rate.
const GRANULE_RATE_HZ: u32 = 48_000;
const PACKETS_PER_SECOND: u32 = 50;
const PACKETS_PER_PAGE: u64 = 50;
/// Larger than any packet at the bit rates used.
const MAX_PACKET_BYTES: usize = 4_000;
/// Any number will do in a file with a single stream.
const SERIAL: u32 = 1;

/// Streams samples into an Ogg file.
pub(super) struct OggOpus {
    pages: ogg::PacketWriter<'static, BufWriter<File>>,
    encoder: opus::Encoder,
    spec: AudioSpec,
    /// Samples in a packet, all channels together.
    packet_samples: usize,
    /// Delay of the encoder in 48 kHz frames, which players leave out at the start.
    pre_skip: u64,
    pending: Vec<f32>,
    /// Held back because only [`finish`](Encoder::finish) knows which packet is the last.
    last_packet: Option<Vec<u8>>,
    packets: u64,
    samples: u64,
}

impl OggOpus {
    pub(super) fn new(writer: BufWriter<File>, spec: AudioSpec, options: &EncoderOptions) -> Result<Self, AudioError> {
        let channels = if spec.channels == 2 { opus::Channels::Stereo } else { opus::Channels::Mono };
        // Which of them it hears libopus finds out by itself only at higher complexities; at this one it believes what it is told.
        let (application, signal) = match options.content {
            Content::Speech => (opus::Application::Voip, opus::Signal::Auto),
            Content::Music => (opus::Application::Audio, opus::Signal::Music),
        };
        let mut encoder = opus::Encoder::new(spec.rate_hz, channels, application).map_err(opus_error)?;
        encoder.set_signal(signal).map_err(opus_error)?;
        let bits_per_second = options.opus_bits_per_second * i32::from(spec.channels);
        encoder.set_bitrate(opus::Bitrate::Bits(bits_per_second)).map_err(opus_error)?;
        encoder.set_complexity(options.opus_complexity).map_err(opus_error)?;
        let lookahead = encoder.get_lookahead().map_err(opus_error)?;
        let pre_skip = u64::from(lookahead.unsigned_abs() * (GRANULE_RATE_HZ / spec.rate_hz));
        let mut sink = Self {
            pages: ogg::PacketWriter::new(writer),
            encoder,
            spec,
            packet_samples: (spec.rate_hz / PACKETS_PER_SECOND) as usize * usize::from(spec.channels),
            pre_skip,
            pending: Vec::new(),
            last_packet: None,
            packets: 0,
            samples: 0,
        };
        sink.write_headers()?;
        Ok(sink)
    }

    fn write_headers(&mut self) -> Result<(), AudioError> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(self.spec.channels as u8);
        head.extend((self.pre_skip as u16).to_le_bytes());
        head.extend(self.spec.rate_hz.to_le_bytes());
        head.extend([0, 0, 0]);
        let vendor = opus::version().as_bytes();
        let mut tags = b"OpusTags".to_vec();
        tags.extend((vendor.len() as u32).to_le_bytes());
        tags.extend(vendor);
        tags.extend(0u32.to_le_bytes());
        for header in [head, tags] {
            self.write_page_part(header, PacketWriteEndInfo::EndPage, 0)?;
        }
        Ok(())
    }

    fn write_page_part(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) -> Result<(), AudioError> {
        self.pages.write_packet(packet, SERIAL, end, granule).map_err(AudioError::io(WRITE_FAILED))
    }

    /// Encodes the whole packets among the pending samples.
    fn encode_pending(&mut self) -> Result<(), AudioError> {
        let mut at = 0;
        while self.pending.len() - at >= self.packet_samples {
            let mut packet = vec![0; MAX_PACKET_BYTES];
            let samples = &self.pending[at..at + self.packet_samples];
            let bytes = self.encoder.encode_float(samples, &mut packet).map_err(opus_error)?;
            packet.truncate(bytes);
            at += self.packet_samples;
            if let Some(previous) = self.last_packet.replace(packet) {
                self.packets += 1;
                let end = if self.packets.is_multiple_of(PACKETS_PER_PAGE) {
                    PacketWriteEndInfo::EndPage
                } else {
                    PacketWriteEndInfo::NormalPacket
                };
                let granule = self.packets * u64::from(GRANULE_RATE_HZ / PACKETS_PER_SECOND);
                self.write_page_part(previous, end, granule)?;
            }
        }
        self.pending.drain(..at);
        Ok(())
    }
}

impl Encoder for OggOpus {
    fn write(&mut self, block: &AudioBlock) -> Result<(), AudioError> {
        self.samples += block.samples.len() as u64;
        self.pending.extend_from_slice(&block.samples);
        self.encode_pending()
    }

    fn finish(mut self: Box<Self>) -> Result<(), AudioError> {
        let up = u64::from(GRANULE_RATE_HZ / self.spec.rate_hz);
        let frames = self.samples / u64::from(self.spec.channels);
        // The encoder's delay pushes the end of the sound out; silence after it lets all of it through.
        let delay_frames = self.pre_skip / up;
        let packet_frames = u64::from(self.spec.rate_hz / PACKETS_PER_SECOND);
        let whole_frames = (frames + delay_frames).next_multiple_of(packet_frames).max(packet_frames);
        let fill = (whole_frames - frames) as usize * usize::from(self.spec.channels);
        self.pending.resize(self.pending.len() + fill, 0.0);
        self.encode_pending()?;
        if let Some(last) = self.last_packet.take() {
            self.write_page_part(last, PacketWriteEndInfo::EndStream, frames * up + self.pre_skip)?;
        }
        self.pages.inner_mut().flush().map_err(AudioError::io(WRITE_FAILED))
    }
}

fn opus_error(error: opus::Error) -> AudioError {
    AudioError::Malformed(Fault::EncoderRefused { codec: "Opus".into(), reason: error.code().description().to_owned() })
}
