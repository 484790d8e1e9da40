//! Opus packets from containers that symphonia reads (WebM, which browsers record), decoded by libopus.

use std::sync::Mutex;

use symphonia::core::audio::{
    AsGenericAudioBufferRef, Audio, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef, Position,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;

/// Opus always decodes to this rate.
const RATE_HZ: u32 = 48_000;
/// The longest packet, 120 ms.
const MAX_PACKET_FRAMES: usize = 5_760;

const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus by libopus", profiles: &[] };

/// What the Opus header among a codec's private data says of playing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    pre_skip: u16,
    /// In 1/256 dB.
    gain: i16,
}

impl Head {
    /// Ogg and Matroska have the header of RFC 7845, little-endian and of version 1. MP4 has its fields big-endian and of
    /// version 0 (Encapsulation of Opus in ISO Base Media File Format, 4.3.2), though some programs write them little-endian
    /// there, too: then the rate is none that audio has.
    fn of(params: &AudioCodecParameters) -> Self {
        let head = params.extra_data.as_deref().and_then(|data| data.strip_prefix(b"OpusHead"));
        let Some(&[version, _, s0, s1, r0, r1, r2, r3, g0, g1, ..]) = head else { return Self::default() };
        let is_rate = |hz: u32| hz <= 192_000;
        let (big, little) = (u32::from_be_bytes([r0, r1, r2, r3]), u32::from_le_bytes([r0, r1, r2, r3]));
        let big_endian = version == 0 && (is_rate(big) || !is_rate(little));
        if big_endian {
            Self { pre_skip: u16::from_be_bytes([s0, s1]), gain: i16::from_be_bytes([g0, g1]) }
        } else {
            Self { pre_skip: u16::from_le_bytes([s0, s1]), gain: i16::from_le_bytes([g0, g1]) }
        }
    }
}

/// Frames at the start that only settle the decoder.
pub(super) fn pre_skip_frames(params: &AudioCodecParameters) -> u64 {
    u64::from(Head::of(params).pre_skip)
}

/// libopus behind symphonia's interface.
pub(super) struct OpusPackets {
    params: AudioCodecParameters,
    /// Only ever used through `&mut`; the lock is what makes it shareable as the interface demands.
    decoder: Mutex<opus::Decoder>,
    interleaved: Vec<f32>,
    planes: AudioBuffer<f32>,
}

impl OpusPackets {
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self> {
        let (layout, channels) = match params.channels.as_ref().map_or(1, Channels::count) {
            1 => (Position::FRONT_LEFT, opus::Channels::Mono),
            2 => (Position::FRONT_LEFT | Position::FRONT_RIGHT, opus::Channels::Stereo),
            _ => return unsupported_error("surround sound"),
        };
        let Ok(mut decoder) = opus::Decoder::new(RATE_HZ, channels) else {
            return unsupported_error("no memory");
        };
        if decoder.set_gain(i32::from(Head::of(params).gain)).is_err() {
            return unsupported_error("an impossible gain");
        }
        let spec = AudioSpec::new(RATE_HZ, Channels::Positioned(layout));
        Ok(Self {
            params: params.clone(),
            decoder: Mutex::new(decoder),
            interleaved: vec![0.0; MAX_PACKET_FRAMES * channels as usize],
            planes: AudioBuffer::new(spec, MAX_PACKET_FRAMES),
        })
    }
}

impl AudioDecoder for OpusPackets {
    fn reset(&mut self) {}

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.planes.clear();
        let decoder = self.decoder.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Of no bytes at all libopus would make 120 ms, in the belief that a packet was lost on a line.
        let decoded = match packet.data {
            [] => None,
            data => decoder.decode_float(data, &mut self.interleaved, false).ok(),
        };
        let Some(frames) = decoded else {
            return decode_error("opus: damaged packet");
        };
        self.planes.render_uninit(Some(frames));
        let channels = self.planes.spec().channels().count();
        for channel in 0..channels {
            if let Some(plane) = self.planes.plane_mut(channel) {
                let samples = self.interleaved.iter().skip(channel).step_by(channels);
                plane.iter_mut().zip(samples).for_each(|(out, sample)| *out = *sample);
            }
        }
        Ok(self.planes.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.planes.as_generic_audio_buffer_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(version: u8, fields: [u8; 8]) -> Head {
        let mut params = AudioCodecParameters::new();
        let data = [&b"OpusHead"[..], &[version, 1], &fields, &[0]].concat();
        Head::of(params.with_extra_data(data.into_boxed_slice()))
    }

    #[test]
    fn k03_the_fields_of_a_header_are_read_in_the_order_of_their_container() {
        // 312 frames, 48 kHz, −1 dB.
        let expected = Head { pre_skip: 312, gain: -256 };
        assert_eq!(head(0, [0x01, 0x38, 0, 0, 0xBB, 0x80, 0xFF, 0x00]), expected, "MP4");
        assert_eq!(head(0, [0x38, 0x01, 0x80, 0xBB, 0, 0, 0x00, 0xFF]), expected, "MP4, reversed by its writer");
        assert_eq!(head(1, [0x38, 0x01, 0x80, 0xBB, 0, 0, 0x00, 0xFF]), expected, "WebM");
        assert_eq!(head(0, [0x00, 0x78, 0, 0, 0, 0, 0, 0]), Head { pre_skip: 120, gain: 0 }, "MP4 of an unknown rate");
    }
}
