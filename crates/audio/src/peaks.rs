//! The waveform that a player draws, and the level of every moment, in memory that does not grow with the length.

/// Bins kept while audio passes; when they run out, neighbours are merged and each bin stands for twice the time.
const MAX_BINS: usize = 8_192;
/// Frames in a bin at first.
const FIRST_BIN_FRAMES: u64 = 16;

/// Frames of a moment, whose highest peak counts.
const MOMENT_FRAMES: u64 = 320;

/// Collects peaks of a mono signal.
pub(crate) struct Peaks {
    bins: Vec<f32>,
    frames_per_bin: u64,
    frames: u64,
}

impl Default for Peaks {
    fn default() -> Self {
        Self { bins: Vec::with_capacity(MAX_BINS), frames_per_bin: FIRST_BIN_FRAMES, frames: 0 }
    }
}

impl Peaks {
    pub(crate) fn push(&mut self, samples: &[f32]) {
        for sample in samples {
            let mut index = (self.frames / self.frames_per_bin) as usize;
            if index == MAX_BINS {
                self.halve();
                index = MAX_BINS / 2;
            }
            if index == self.bins.len() {
                self.bins.push(0.0);
            }
            self.bins[index] = self.bins[index].max(sample.abs());
            self.frames += 1;
        }
    }

    fn halve(&mut self) {
        for index in 0..MAX_BINS / 2 {
            self.bins[index] = self.bins[2 * index].max(self.bins[2 * index + 1]);
        }
        self.bins.truncate(MAX_BINS / 2);
        self.frames_per_bin *= 2;
    }

    /// The highest peak, linear.
    pub(crate) fn highest(&self) -> f32 {
        self.bins.iter().copied().fold(0.0, f32::max)
    }

    /// The level that a fifth of all moments does not pass: that of silence, where there is as much of it. Linear.
    pub(crate) fn floor(&self) -> f32 {
        let bins = (MOMENT_FRAMES / self.frames_per_bin).max(1) as usize;
        let mut moments: Vec<f32> =
            self.bins.chunks(bins).map(|bins| bins.iter().copied().fold(0.0, f32::max)).collect();
        moments.sort_by(f32::total_cmp);
        moments.get(moments.len() / 5).copied().unwrap_or(0.0)
    }

    /// The frames from the first bin that reaches `level` (linear) to the end of the last, the first and last `edge` frames
    /// left out of account; nothing if none does.
    pub(crate) fn frames_reaching(&self, level: f32, edge: u64) -> Option<std::ops::Range<u64>> {
        let counts = |bin: usize| {
            let start = bin as u64 * self.frames_per_bin;
            start >= edge && start + self.frames_per_bin + edge <= self.frames
        };
        let reaches = |bin: &usize| self.bins[*bin] >= level && counts(*bin);
        let first = (0..self.bins.len()).find(reaches)? as u64;
        let last = (0..self.bins.len()).rev().find(reaches)? as u64;
        Some(first * self.frames_per_bin..((last + 1) * self.frames_per_bin).min(self.frames))
    }

    /// The peaks of `frames` in exactly `bins` steps, 255 standing for `full_scale`.
    pub(crate) fn waveform(&self, frames: std::ops::Range<u64>, bins: u16, full_scale: f32) -> Vec<u8> {
        let length = frames.end.saturating_sub(frames.start);
        let bin_of = |step: u64| (frames.start + length * step / u64::from(bins.max(1))) / self.frames_per_bin;
        let step = |step: u64| {
            let first = (bin_of(step) as usize).min(self.bins.len());
            let end = (bin_of(step + 1) as usize).clamp(first, self.bins.len());
            let end = if end == first { (first + 1).min(self.bins.len()) } else { end };
            let peak = self.bins[first..end].iter().copied().fold(0.0, f32::max);
            (peak / full_scale.max(f32::MIN_POSITIVE) * 255.0).round() as u8
        };
        (0..u64::from(bins)).map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_length_gives_exactly_the_bins_asked_for(frames in 0usize..600_000, bins in 0u16..2_000) {
            let mut peaks = Peaks::default();
            for piece in vec![0.5f32; frames].chunks(4_099) {
                peaks.push(piece);
            }
            prop_assert!(peaks.bins.len() <= MAX_BINS);
            let waveform = peaks.waveform(0..frames as u64, bins, 1.0);
            prop_assert_eq!(waveform.len(), usize::from(bins));
            if frames > 0 {
                prop_assert!(waveform.iter().all(|peak| *peak == 128));
            }
        }
    }

    #[test]
    fn a_click_shows_where_it_is_however_long_the_rest() {
        let mut peaks = Peaks::default();
        let mut signal = vec![0.0f32; 1_000_000];
        signal[750_100] = 0.8;
        peaks.push(&signal);
        let waveform = peaks.waveform(0..1_000_000, 100, 0.8);
        assert_eq!(waveform.iter().position(|peak| *peak == 255), Some(75));
        assert_eq!(waveform.iter().filter(|peak| **peak > 0).count(), 1);
        let reached = peaks.frames_reaching(0.4, 0).unwrap();
        assert!(reached.contains(&750_100) && reached.end - reached.start <= 256, "{reached:?}");
    }
}
