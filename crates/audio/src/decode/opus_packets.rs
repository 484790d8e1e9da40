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

/// Frames at the start that only settle the decoder, as the Opus header among the codec's private data says.
pub(super) fn pre_skip_frames(params: &AudioCodecParameters) -> u64 {
    match params.extra_data.as_deref() {
        Some([b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', _, _, low, high, ..]) => {
            u64::from(u16::from_le_bytes([*low, *high]))
        }
        _ => 0,
    }
}

/// How much louder to play, in 1/256 dB, as the same header says.
fn gain(params: &AudioCodecParameters) -> i32 {
    match params.extra_data.as_deref() {
        Some([b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', _, _, _, _, _, _, _, _, low, high, ..]) => {
            i32::from(i16::from_le_bytes([*low, *high]))
        }
        _ => 0,
    }
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
        if decoder.set_gain(gain(params)).is_err() {
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
