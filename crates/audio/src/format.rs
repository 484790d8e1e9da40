//! The shapes that audio takes between a source and its sinks, and what can go wrong on the way.

pub use crate::fault::Fault;

/// Rate and channel count of a stream of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct AudioSpec {
    /// Sampling rate in Hz.
    pub rate_hz: u32,
    /// Interleaved channels, 1 to 8.
    pub channels: u16,
}

impl AudioSpec {
    /// The most channels that any source may have.
    pub(crate) const MAX_CHANNELS: u16 = 8;

    /// One channel at `rate_hz`.
    pub fn mono(rate_hz: u32) -> Self {
        Self { rate_hz, channels: 1 }
    }

    /// Accepts what real recordings use and refuses what only a broken or hostile header claims.
    ///
    /// # Errors
    /// [`AudioError::Malformed`] naming the impossible value.
    pub fn checked(rate_hz: u32, channels: u16) -> Result<Self, AudioError> {
        if !(1_000..=384_000).contains(&rate_hz) {
            return Err(AudioError::Malformed(Fault::ImpossibleRate { rate_hz }));
        }
        if !(1..=Self::MAX_CHANNELS).contains(&channels) {
            return Err(AudioError::Malformed(Fault::ImpossibleChannels { channels, most: Self::MAX_CHANNELS }));
        }
        Ok(Self { rate_hz, channels })
    }

    /// The time that `frames` take, in seconds.
    pub fn seconds(&self, frames: u64) -> f64 {
        frames as f64 / f64::from(self.rate_hz)
    }
}

/// A run of interleaved samples in −1.0..=1.0, reused from call to call so that streaming does not allocate.
#[derive(Clone, Debug, Default)]
pub struct AudioBlock {
    /// `frames × channels` samples, channel by channel within a frame.
    pub samples: Vec<f32>,
}

/// A stream of decoded audio.
pub trait AudioSource: Send {
    /// Rate and channels of every block; constant for the life of the source.
    fn spec(&self) -> AudioSpec;

    /// Replaces `block` with the next samples; `Ok(false)` at the end, with `block` empty.
    ///
    /// # Errors
    /// After an error the source is finished: what was returned before it is good, nothing more will come.
    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError>;

    /// True when the input stopped before it said it would, or its writer never completed the header.
    ///
    /// Meaningful once [`next_block`](Self::next_block) returned `false`.
    fn is_truncated(&self) -> bool {
        false
    }

    /// Rate and channels of the file itself, of which blocks may hold less where less was wanted.
    fn original_spec(&self) -> AudioSpec {
        self.spec()
    }

    /// How many frames of the original the first `given` frames of the blocks stand for: about, while there are more to come,
    /// and exactly once all were given.
    fn original_frames(&self, given: u64) -> u64 {
        given
    }

    /// True if the source mixed channels down to one itself, and they cancelled each other (opposite phase).
    ///
    /// Meaningful once [`next_block`](Self::next_block) returned `false`.
    fn mono_cancels(&self) -> bool {
        false
    }
}

impl<S: AudioSource + ?Sized> AudioSource for Box<S> {
    fn spec(&self) -> AudioSpec {
        (**self).spec()
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        (**self).next_block(block)
    }

    fn is_truncated(&self) -> bool {
        (**self).is_truncated()
    }

    fn original_spec(&self) -> AudioSpec {
        (**self).original_spec()
    }

    fn original_frames(&self, given: u64) -> u64 {
        (**self).original_frames(given)
    }

    fn mono_cancels(&self) -> bool {
        (**self).mono_cancels()
    }
}

/// A sink that turns samples into one file.
pub trait Encoder: Send {
    /// Appends a block at the rate and channels the encoder was made for.
    fn write(&mut self, block: &AudioBlock) -> Result<(), AudioError>;

    /// Writes what was held back and completes the headers; a file that was not finished must not be served.
    fn finish(self: Box<Self>) -> Result<(), AudioError>;
}

/// What can go wrong with audio, and whose affair it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The bytes are of no known audio format, or of one that is refused by name.
    #[error("{0}")]
    Unsupported(Fault),
    /// The container is known but holds no audio at all.
    #[error("{0}")]
    Empty(Fault),
    /// The bytes contradict their own format.
    #[error("{0}")]
    Malformed(Fault),
    /// A bound on size, time or memory was reached.
    #[error("{0}")]
    Limit(Fault),
    /// The process that converted it was ended from outside, or did not start; the file has no part in that.
    #[error("Converting the file was interrupted ({status}{}).", complaint.as_ref().map_or(String::new(), |line| format!(": {line}")))]
    Interrupted {
        /// How it ended.
        status: String,
        /// What it said last.
        complaint: Option<String>,
    },
    /// Reading or writing a file failed.
    #[error("{context}: {cause}")]
    Io {
        /// What was being done, with the file's role but never its path from input.
        context: String,
        /// The system's error.
        cause: std::io::Error,
    },
}

impl AudioError {
    /// A name of what went wrong that stays when its sentence changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsupported(fault) | Self::Empty(fault) | Self::Malformed(fault) | Self::Limit(fault) => fault.code(),
            Self::Interrupted { .. } => "interrupted",
            Self::Io { .. } => "io",
        }
    }

    /// True when the same input may succeed later (the disk was full, say), false when it never will.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Interrupted { .. })
    }

    /// Wraps a system error with what was being done, for use in `map_err`.
    pub fn io(context: &str) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Io { context: context.to_owned(), cause }
    }
}
