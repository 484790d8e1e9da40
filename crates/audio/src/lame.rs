//! MP3 by LAME: the only file that calls into it.
#![expect(
    unsafe_code,
    reason = "libmp3lame is a C library under the LGPL, linked dynamically; every call stays in this file"
)]

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use super::format::AudioSpec;

/// `MPEG_mode` of the library.
const JOINT_STEREO: c_int = 1;
const MONO: c_int = 3;
/// The library's scale from 0 (best) to 9; 5 is its own "good and fast".
const QUALITY: c_int = 5;
/// The largest frame that MP3 knows is 1,441 bytes; the library asks for twice that for its tag.
const TAG_BYTES: usize = 2_880;
/// What flushing may write, and what an encoding may write beside 1.25 bytes a sample.
const SLACK_BYTES: usize = 7_200;

unsafe extern "C" {
    fn lame_init() -> *mut c_void;
    fn lame_close(state: *mut c_void) -> c_int;
    fn lame_set_num_channels(state: *mut c_void, channels: c_int) -> c_int;
    fn lame_set_in_samplerate(state: *mut c_void, rate_hz: c_int) -> c_int;
    fn lame_set_out_samplerate(state: *mut c_void, rate_hz: c_int) -> c_int;
    fn lame_set_mode(state: *mut c_void, mode: c_int) -> c_int;
    fn lame_set_brate(state: *mut c_void, kilobits_per_second: c_int) -> c_int;
    fn lame_set_quality(state: *mut c_void, quality: c_int) -> c_int;
    fn lame_set_bWriteVbrTag(state: *mut c_void, enabled: c_int) -> c_int;
    fn lame_set_write_id3tag_automatic(state: *mut c_void, enabled: c_int);
    fn lame_set_errorf(state: *mut c_void, print: *const c_void) -> c_int;
    fn lame_set_debugf(state: *mut c_void, print: *const c_void) -> c_int;
    fn lame_set_msgf(state: *mut c_void, print: *const c_void) -> c_int;
    fn lame_init_params(state: *mut c_void) -> c_int;
    fn lame_encode_buffer_ieee_float(
        state: *mut c_void,
        left: *const f32,
        right: *const f32,
        frames: c_int,
        bytes: *mut u8,
        room: c_int,
    ) -> c_int;
    fn lame_encode_flush(state: *mut c_void, bytes: *mut u8, room: c_int) -> c_int;
    fn lame_get_lametag_frame(state: *mut c_void, bytes: *mut u8, room: usize) -> usize;
}

/// The library fills tables that all encoders share while it prepares one.
static PREPARING: Mutex<()> = Mutex::new(());

/// The library refused what it was asked for; it says no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// One stream at a constant bit rate, whose first frame is a header that says how long it is.
pub(crate) struct Lame {
    state: NonNull<c_void>,
    channels: u16,
    left: Vec<f32>,
    right: Vec<f32>,
}

// SAFETY: the state is a plain heap object without thread affinity, and `&mut self` keeps calls apart.
unsafe impl Send for Lame {}

impl Lame {
    /// An encoder of one or two channels; the library takes the bit rate that the format has nearest to the one asked for.
    pub(crate) fn new(spec: AudioSpec, bits_per_second: u32) -> Result<Self, Refused> {
        let _preparing = PREPARING.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: takes no arguments and returns null on failure.
        let state = NonNull::new(unsafe { lame_init() }).ok_or(Refused)?;
        // From here on, dropping it closes the state.
        let lame = Self { state, channels: spec.channels, left: Vec::new(), right: Vec::new() };
        let state = lame.state.as_ptr();
        let rate_hz = spec.rate_hz as c_int;
        // SAFETY: the state is live and not yet in use; a null for a printing function makes the library silent.
        let statuses = unsafe {
            lame_set_write_id3tag_automatic(state, 0);
            [
                lame_set_errorf(state, std::ptr::null()),
                lame_set_debugf(state, std::ptr::null()),
                lame_set_msgf(state, std::ptr::null()),
                lame_set_num_channels(state, c_int::from(spec.channels)),
                lame_set_in_samplerate(state, rate_hz),
                lame_set_out_samplerate(state, rate_hz),
                lame_set_mode(state, if spec.channels == 1 { MONO } else { JOINT_STEREO }),
                lame_set_brate(state, (bits_per_second / 1_000) as c_int),
                lame_set_quality(state, QUALITY),
                lame_set_bWriteVbrTag(state, 1),
                lame_init_params(state),
            ]
        };
        if statuses.iter().all(|status| *status >= 0) { Ok(lame) } else { Err(Refused) }
    }

    /// Encodes interleaved samples and appends what frames are complete; the very first is room for [`tag`](Self::tag).
    pub(crate) fn encode(&mut self, samples: &[f32], bytes: &mut Vec<u8>) -> Result<(), Refused> {
        // The library turns what is no number, or far too large, into an abort.
        let sound = |sample: &f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        let channels = usize::from(self.channels);
        self.left.clear();
        self.left.extend(samples.iter().step_by(channels).map(sound));
        self.right.clear();
        self.right.extend(samples.iter().skip(channels - 1).step_by(channels).map(sound));
        let frames = self.left.len().min(self.right.len());
        let room = frames + frames / 4 + SLACK_BYTES;
        let (Ok(frames), Ok(room_given)) = (c_int::try_from(frames), c_int::try_from(room)) else {
            return Err(Refused);
        };
        append(bytes, room, |start| {
            let (left, right) = (self.left.as_ptr(), self.right.as_ptr());
            // SAFETY: both channels hold `frames` samples, and `start` has room for what the library may write.
            unsafe { lame_encode_buffer_ieee_float(self.state.as_ptr(), left, right, frames, start, room_given) }
        })
    }

    /// Encodes what is still held and appends it.
    pub(crate) fn flush(&mut self, bytes: &mut Vec<u8>) -> Result<(), Refused> {
        append(bytes, SLACK_BYTES, |start| {
            // SAFETY: `start` has the room that the library asks for.
            unsafe { lame_encode_flush(self.state.as_ptr(), start, SLACK_BYTES as c_int) }
        })
    }

    /// After [`flush`](Self::flush): the first frame's final form, with the length, the delay and the padding.
    pub(crate) fn tag(&mut self) -> Result<Vec<u8>, Refused> {
        let mut tag = vec![0; TAG_BYTES];
        // SAFETY: the buffer has the room stated; the library writes nothing when it needs more, and says so.
        let written = unsafe { lame_get_lametag_frame(self.state.as_ptr(), tag.as_mut_ptr(), tag.len()) };
        if !(1..=tag.len()).contains(&written) {
            return Err(Refused);
        }
        tag.truncate(written);
        Ok(tag)
    }
}

/// Has `write` put up to `room` bytes behind `bytes` and tell how many they are.
fn append(bytes: &mut Vec<u8>, room: usize, write: impl FnOnce(*mut u8) -> c_int) -> Result<(), Refused> {
    let before = bytes.len();
    bytes.resize(before + room, 0);
    let written = usize::try_from(write(bytes[before..].as_mut_ptr())).ok().filter(|written| *written <= room);
    bytes.truncate(before + written.unwrap_or(0));
    written.map(drop).ok_or(Refused)
}

impl Drop for Lame {
    fn drop(&mut self) {
        // SAFETY: made by `lame_init` and closed once.
        unsafe { lame_close(self.state.as_ptr()) };
    }
}
