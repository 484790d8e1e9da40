//! GSM 06.10 full rate by libgsm: the only file that calls into it.
#![expect(unsafe_code, reason = "libgsm is a C library with no safe crate; every call stays in this file")]

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

/// Samples in one frame, at 8 kHz.
pub(crate) const FRAME_SAMPLES: usize = 160;

/// How frames are packed into bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// 33 bytes a frame, as in `.gsm` files.
    Raw,
    /// Two frames in 65 bytes, as in WAV files with format tag 0x31.
    Wav49,
}

impl Packing {
    /// Bytes of the smallest unit that decodes on its own.
    pub(crate) fn block_bytes(self) -> usize {
        match self {
            Self::Raw => 33,
            Self::Wav49 => 65,
        }
    }

    /// Samples in that unit.
    pub(crate) fn block_samples(self) -> usize {
        match self {
            Self::Raw => FRAME_SAMPLES,
            Self::Wav49 => 2 * FRAME_SAMPLES,
        }
    }
}

const OPTION_WAV49: c_int = 4;

unsafe extern "C" {
    fn gsm_create() -> *mut c_void;
    fn gsm_destroy(state: *mut c_void);
    fn gsm_option(state: *mut c_void, option: c_int, value: *mut c_int) -> c_int;
    fn gsm_encode(state: *mut c_void, samples: *mut i16, frame: *mut u8);
    fn gsm_decode(state: *mut c_void, frame: *mut u8, samples: *mut i16) -> c_int;
}

/// One coder's state; used for either encoding or decoding, never both.
pub(crate) struct Gsm {
    state: NonNull<c_void>,
    packing: Packing,
}

// SAFETY: the state is a plain heap object without thread affinity, and `&mut self` keeps calls apart.
unsafe impl Send for Gsm {}

impl Gsm {
    /// Fresh state, or nothing when memory is exhausted.
    pub(crate) fn new(packing: Packing) -> Option<Self> {
        // SAFETY: takes no arguments and returns null on failure.
        let state = NonNull::new(unsafe { gsm_create() })?;
        let mut enabled: c_int = c_int::from(packing == Packing::Wav49);
        // SAFETY: the state is live, and the library only reads the value during the call. Where the library was built
        // without WAV49 it returns −1, and then its frames would be of the wrong size.
        let previous = unsafe { gsm_option(state.as_ptr(), OPTION_WAV49, &raw mut enabled) };
        let coder = Self { state, packing };
        (previous >= 0 || packing == Packing::Raw).then_some(coder)
    }

    /// Decodes one block; a frame that the decoder rejects becomes silence, as on a phone line.
    pub(crate) fn decode(&mut self, block: &[u8], samples: &mut Vec<i16>) {
        debug_assert_eq!(block.len(), self.packing.block_bytes());
        // The library alternates 33 and 32 bytes when it packs for WAV, reading whole frames from where it is pointed.
        for part in block.chunks(33) {
            let mut frame = [0u8; 33];
            frame[..part.len()].copy_from_slice(part);
            let mut decoded = [0i16; FRAME_SAMPLES];
            // SAFETY: both buffers hold a full frame, and the state is live.
            let status = unsafe { gsm_decode(self.state.as_ptr(), frame.as_mut_ptr(), decoded.as_mut_ptr()) };
            if status < 0 {
                decoded.fill(0);
            }
            samples.extend_from_slice(&decoded);
        }
    }

    /// Encodes exactly one block's samples and appends its bytes.
    pub(crate) fn encode(&mut self, samples: &[i16], bytes: &mut Vec<u8>) {
        debug_assert_eq!(samples.len(), self.packing.block_samples());
        let mut block = [0u8; 66];
        for (index, part) in samples.chunks_exact(FRAME_SAMPLES).enumerate() {
            let mut signal = [0i16; FRAME_SAMPLES];
            signal.copy_from_slice(part);
            // When packing for WAV the first frame ends in the middle of byte 32, where the second goes on.
            let frame = &mut block[index * 32..index * 32 + 33];
            // SAFETY: `frame` has the 33 bytes that the library may write, `signal` a full frame.
            unsafe { gsm_encode(self.state.as_ptr(), signal.as_mut_ptr(), frame.as_mut_ptr()) };
        }
        bytes.extend_from_slice(&block[..self.packing.block_bytes()]);
    }
}

impl Drop for Gsm {
    fn drop(&mut self) {
        // SAFETY: created by `gsm_create` and destroyed once.
        unsafe { gsm_destroy(self.state.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_survives_both_packings() {
        let tone: Vec<i16> = (0..3_200)
            .map(|n| (8_000.0 * (f64::from(n) * 440.0 * std::f64::consts::TAU / 8_000.0).sin()) as i16)
            .collect();
        for packing in [Packing::Raw, Packing::Wav49] {
            let (mut encoder, mut decoder) = (Gsm::new(packing).unwrap(), Gsm::new(packing).unwrap());
            let (mut bytes, mut decoded) = (Vec::new(), Vec::new());
            for block in tone.chunks_exact(packing.block_samples()) {
                encoder.encode(block, &mut bytes);
            }
            assert_eq!(bytes.len(), tone.len() / packing.block_samples() * packing.block_bytes());
            for block in bytes.chunks_exact(packing.block_bytes()) {
                decoder.decode(block, &mut decoded);
            }
            assert_eq!(decoded.len(), tone.len());
            let energy = |x: &[i16]| x.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
            let ratio = energy(&decoded[320..]) / energy(&tone[320..]);
            assert!((0.8..1.25).contains(&ratio), "{packing:?} changed the energy by {ratio}");
        }
    }
}
