//! Tones: the hum and whine that lie beneath a whole window, and the signals of exchanges, faxes and keys that come before,
//! between and after words.

use std::{
    f32::consts::{PI, TAU},
    sync::{Arc, LazyLock},
};

use rustfft::{Fft, FftPlanner, num_complex::Complex32};

use super::RATE_HZ;

/// A spectrum of so many points, of samples under a Hann window.
struct Spectrum {
    transform: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
}

impl Spectrum {
    fn new(points: usize) -> Self {
        let hann = |index: usize| 0.5 - 0.5 * (TAU * index as f32 / points as f32).cos();
        Self { transform: FftPlanner::new().plan_fft_forward(points), window: (0..points).map(hann).collect() }
    }

    /// The power of each bin below half the rate; a full-scale sine has [`Spectrum::full_scale`] in its bin.
    fn power(&self, samples: &[f32]) -> Vec<f32> {
        let windowed = samples.iter().zip(&self.window).map(|(sample, weight)| Complex32::new(sample * weight, 0.0));
        let mut spectrum: Vec<Complex32> = windowed.collect();
        self.transform.process(&mut spectrum);
        spectrum[..self.window.len() / 2].iter().map(Complex32::norm_sqr).collect()
    }

    /// The power of a full-scale sine in its bin.
    fn full_scale(&self) -> f32 {
        (self.window.len() as f32 / 4.0).powi(2)
    }
}

/// Steady lines are looked for in spectra of 128 ms, in which the harmonics of the mains lie apart.
const LINE_POINTS: usize = 2_048;
/// Fewer spectra than of two seconds do not tell a line from a vowel.
const MIN_LINE_SPECTRA: usize = 2 * RATE_HZ as usize / LINE_POINTS;
/// A line is as strong as it is found to be in all but this share of the spectra: words cover it, and do not weaken it.
const LINE_PERCENTILE: f32 = 0.2;
/// How far a line stands above what is beside it, as a ratio of powers: 15 dB.
const LINE_RATIO: f32 = 31.6;
/// A line is most of the time little stronger than it is at its weakest, as a ratio of powers: 8 dB. A voice is not.
const STEADY_RATIO: f32 = 6.3;
/// Weaker lines than this disturb nobody, in dB of full scale.
const MIN_LINE_DBFS: f32 = -65.0;
/// What is beside a line, in bins from it: near enough to be alike, and outside of what its window smears.
const BESIDE: std::ops::RangeInclusive<usize> = 4..=12;
/// Most lines that are taken out in one round; what a round leaves of a line is taken out in the next.
const MAX_LINES: usize = 24;
const ROUNDS: usize = 3;
/// Width of what is taken out around a line, in Hz.
const NOTCH_HZ: f32 = 8.0;

/// Takes the offset and the lines out that go on through all of `samples` (16 kHz): hum of the mains with its harmonics,
/// the whine of a charger or a fan. What words have at other frequencies stays as it is.
pub(super) fn take_out_lines(samples: &mut [f32]) {
    let offset = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / samples.len().max(1) as f64;
    samples.iter_mut().for_each(|sample| *sample -= offset as f32);
    for _ in 0..ROUNDS {
        let lines = lines_hz(samples);
        if lines.is_empty() {
            break;
        }
        for line_hz in lines {
            notch(samples, line_hz);
        }
    }
}

/// The frequencies of steady lines, the strongest first.
fn lines_hz(samples: &[f32]) -> Vec<f32> {
    static SPECTRUM: LazyLock<Spectrum> = LazyLock::new(|| Spectrum::new(LINE_POINTS));
    let spectra: Vec<Vec<f32>> = samples.chunks_exact(LINE_POINTS).map(|stretch| SPECTRUM.power(stretch)).collect();
    if spectra.len() < MIN_LINE_SPECTRA {
        return Vec::new();
    }
    let mut column = vec![0.0; spectra.len()];
    let place = (LINE_PERCENTILE * (column.len() - 1) as f32) as usize;
    let middle = column.len() / 2;
    let (steady, usual): (Vec<f32>, Vec<f32>) = (0..LINE_POINTS / 2)
        .map(|bin| {
            column.iter_mut().zip(&spectra).for_each(|(value, spectrum)| *value = spectrum[bin]);
            let usual = *column.select_nth_unstable_by(middle, f32::total_cmp).1;
            (*column.select_nth_unstable_by(place, f32::total_cmp).1, usual)
        })
        .unzip();
    let least = SPECTRUM.full_scale() * 10f32.powf(MIN_LINE_DBFS / 10.0);
    let mut lines: Vec<(f32, f32)> = (1..steady.len() - 1)
        .filter(|&bin| {
            let power = steady[bin];
            power > least
                && usual[bin] < STEADY_RATIO * power
                && power >= steady[bin - 1]
                && power > steady[bin + 1]
                && power > LINE_RATIO * median_beside(&steady, bin)
        })
        .map(|bin| (steady[bin], (bin as f32 + peak_offset(&steady, bin)) * RATE_HZ as f32 / LINE_POINTS as f32))
        .collect();
    lines.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    lines.truncate(MAX_LINES);
    lines.into_iter().map(|(_, hz)| hz).collect()
}

fn median_beside(steady: &[f32], bin: usize) -> f32 {
    let below = BESIDE.filter_map(|distance| steady.get(bin.checked_sub(distance)?));
    let above = BESIDE.filter_map(|distance| steady.get(bin + distance));
    let mut beside: Vec<f32> = below.chain(above).copied().collect();
    let middle = beside.len() / 2;
    *beside.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// How far the peak lies from the middle of its bin, by the parabola through the levels of three.
fn peak_offset(power: &[f32], bin: usize) -> f32 {
    let level = |bin: usize| power[bin].max(1e-20).ln();
    let (before, at, after) = (level(bin - 1), level(bin), level(bin + 1));
    let curve = before - 2.0 * at + after;
    if curve < 0.0 { (0.5 * (before - after) / curve).clamp(-0.5, 0.5) } else { 0.0 }
}

/// A filter of second order with a zero at `hz` and a pole close to it.
fn notch(samples: &mut [f32], hz: f32) {
    let radius = 1.0 - PI * NOTCH_HZ / RATE_HZ as f32;
    let cosine = (TAU * hz / RATE_HZ as f32).cos();
    // Equal at 0 Hz before and after, unless the line lies there.
    let gain = (1.0 + radius * radius) / 2.0;
    let ([mut x1, mut x2], [mut y1, mut y2]) = ([0.0f32; 2], [0.0f32; 2]);
    for sample in samples {
        let x = *sample;
        let y = gain * (x - 2.0 * cosine * x1 + x2) + 2.0 * radius * cosine * y1 - radius * radius * y2;
        (x2, x1, y2, y1) = (x1, x, y1, y);
        *sample = y;
    }
}

/// Points of the spectra in which signals are looked for, 64 ms, and how far one begins behind the last.
const POINTS: usize = 1_024;
const HOP: usize = POINTS / 2;
/// Level below which a spectrum tells nothing, in dB of full scale, and below the loudest of its window.
const MIN_LEVEL_DBFS: f32 = -55.0;
const MIN_LEVEL_DB: f32 = -30.0;
/// Share of a spectrum's energy in its two strongest peaks from which it is a tone or a pair of tones.
const TONAL_SHARE: f32 = 0.93;
/// Tones are a signal rather than vowels where they make more than this share of what is loud, so far before and after,
/// and more than that share of them is steady; or where there is hardly anything else.
const SIGNAL_SHARE: f32 = 0.5;
const STEADY_SHARE: f32 = 0.5;
const ONLY_TONES_SHARE: f32 = 0.9;
/// A steady tone is the same in the next spectrum: its frequency within so many bins (3 Hz), its level within so many dB.
const STEADY_BINS: f32 = 0.2;
const STEADY_DB: f32 = 1.0;
/// No voice is strongest below 80 Hz; a drum is.
const LOWEST_VOICE_BIN: f32 = 80.0 * POINTS as f32 / RATE_HZ as f32;
const SIGNAL_REACH: usize = 19;
/// A spectrum that a tone fills in part is an edge of it: so near to it, and with so much of its energy within so many bins
/// (90 Hz) of it. Tones that are on and off ten times a second have little else.
const EDGE_REACH: usize = 2;
const EDGE_BINS: f32 = 6.0;
const EDGE_SHARE: f32 = 0.5;
/// So many loud spectra in a row without a tone are no part of a signal, whatever is around them: 0.3 s.
const VOICE_RUN: usize = 9;

/// What a moment of a window sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sound {
    Quiet,
    /// A tone that another one follows, of another height or level.
    Tone,
    /// A tone that stays as it is, as no voice does.
    SteadyTone,
    /// Where a tone begins or ends: it says nothing of what it is the edge of.
    Edge,
    Other,
}

/// Where in a window signals are: dial, busy and ringing tones, fax and modem, keys, beeps.
pub(super) struct Signals {
    sounds: Vec<Sound>,
    signal: Vec<bool>,
}

impl Signals {
    /// Looks for signals in `samples` (16 kHz). Each moment is judged by what is near it: a tone says nothing of the words
    /// before it.
    pub(super) fn find(samples: &[f32]) -> Self {
        static SPECTRUM: LazyLock<Spectrum> = LazyLock::new(|| Spectrum::new(POINTS));
        let stretches: Vec<&[f32]> = samples.windows(POINTS).step_by(HOP).collect();
        let levels: Vec<f32> = stretches.iter().map(|stretch| level_dbfs(stretch)).collect();
        let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
        let least = MIN_LEVEL_DBFS.max(loudest + MIN_LEVEL_DB);
        let tone = |(stretch, level): (&&[f32], &f32)| match level {
            level if *level <= least => None,
            level => tone(SPECTRUM.power(stretch)).map(|peaks| Tone { peaks, level_dbfs: *level }),
        };
        let tones: Vec<Option<Tone>> = stretches.iter().zip(&levels).map(tone).collect();
        let sound = |index: usize| match &tones[index] {
            Some(tone) => {
                let near = [index.checked_sub(1), Some(index + 1)].into_iter().flatten();
                let steady = near.filter_map(|near| tones.get(near)?.as_ref()).any(|near| near.is_like(tone));
                if steady || tone.peaks[0] < LOWEST_VOICE_BIN { Sound::SteadyTone } else { Sound::Tone }
            }
            None if levels[index] <= least => Sound::Quiet,
            None => {
                let near = (index.saturating_sub(EDGE_REACH)..=index + EDGE_REACH)
                    .filter_map(|near| tones.get(near)?.as_ref());
                let mut louder = near.filter(|tone| tone.level_dbfs > levels[index] + STEADY_DB).peekable();
                let power = louder.peek().map(|_| SPECTRUM.power(stretches[index])).unwrap_or_default();
                if louder.any(|tone| tone.is_around(&power)) { Sound::Edge } else { Sound::Other }
            }
        };
        let sounds: Vec<Sound> = (0..tones.len()).map(sound).collect();
        let signal = signals(&sounds);
        Self { sounds, signal }
    }

    /// True when the sample lies in a signal.
    pub(super) fn is_at(&self, sample: usize) -> bool {
        self.signal.get(Self::index(sample)).or(self.signal.last()).copied().unwrap_or(false)
    }

    /// Silences the tones of signals in a stretch of the window that begins at sample `start`.
    pub(super) fn mute(&self, samples: &mut [f32], start: usize) {
        for (index, sample) in samples.iter_mut().enumerate() {
            let at = Self::index(start + index);
            if self.signal.get(at).copied().unwrap_or(false) && self.sounds[at] != Sound::Quiet {
                *sample = 0.0;
            }
        }
    }

    /// The spectrum whose middle is nearest.
    fn index(sample: usize) -> usize {
        sample.saturating_sub(POINTS / 2 - HOP / 2) / HOP
    }
}

/// For each spectrum, whether it is of a signal.
fn signals(sounds: &[Sound]) -> Vec<bool> {
    let mut signal: Vec<bool> = (0..sounds.len())
        .map(|index| {
            let near = &sounds[index.saturating_sub(SIGNAL_REACH)..(index + SIGNAL_REACH + 1).min(sounds.len())];
            let count = |wanted: Sound| near.iter().filter(|&&sound| sound == wanted).count() as f32;
            let (steady, others) = (count(Sound::SteadyTone), count(Sound::Other));
            let tones = steady + count(Sound::Tone);
            let share = tones / (tones + others).max(1.0);
            share > ONLY_TONES_SHARE || (share > SIGNAL_SHARE && steady > STEADY_SHARE * tones)
        })
        .collect();
    let mut start = 0;
    let is_voice = |sound: &Sound| matches!(sound, Sound::Other | Sound::Edge);
    for run in sounds.chunk_by(|one, next| is_voice(one) == is_voice(next)) {
        if is_voice(&run[0]) && run.len() >= VOICE_RUN {
            signal[start..start + run.len()].fill(false);
        }
        start += run.len();
    }
    signal
}

/// A tone or a pair of tones.
struct Tone {
    /// Where its peaks are, in bins.
    peaks: [f32; 2],
    level_dbfs: f32,
}

impl Tone {
    fn is_like(&self, other: &Self) -> bool {
        // Of two that are equally strong either may come first.
        let same = other.peaks.iter().any(|peak| (peak - self.peaks[0]).abs() < STEADY_BINS);
        same && (self.level_dbfs - other.level_dbfs).abs() < STEADY_DB
    }

    /// Whether most of a spectrum lies about this tone.
    fn is_around(&self, power: &[f32]) -> bool {
        let is_near = |bin: usize| self.peaks.iter().any(|peak| (bin as f32 - peak).abs() <= EDGE_BINS);
        let near: f32 = power.iter().enumerate().filter(|(bin, _)| is_near(*bin)).map(|(_, power)| power).sum();
        near > EDGE_SHARE * power.iter().sum::<f32>()
    }
}

/// The peaks of a spectrum, where two narrow ones hold nearly all of its energy; the strongest first.
fn tone(mut power: Vec<f32>) -> Option<[f32; 2]> {
    /// Bins on either side of a peak that its window smears it over.
    const SMEAR: usize = 2;
    power[..SMEAR].fill(0.0);
    let total: f32 = power.iter().sum();
    let (mut in_peaks, mut peaks) = (0.0, [0.0; 2]);
    for place in &mut peaks {
        let peak = (0..power.len()).max_by(|&one, &other| power[one].total_cmp(&power[other])).unwrap_or(0);
        *place = peak as f32;
        if (1..power.len() - 1).contains(&peak) {
            *place += peak_offset(&power, peak);
        }
        let end = (peak + SMEAR + 1).min(power.len());
        let around = &mut power[peak.saturating_sub(SMEAR)..end];
        in_peaks += around.iter().sum::<f32>();
        around.fill(0.0);
    }
    (in_peaks > TONAL_SHARE * total).then_some(peaks)
}

fn level_dbfs(stretch: &[f32]) -> f32 {
    let power = stretch.iter().map(|sample| sample * sample).sum::<f32>() / stretch.len() as f32;
    10.0 * power.max(1e-12).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(seconds: f32, wave: impl Fn(f32) -> f32) -> Vec<f32> {
        (0..(seconds * RATE_HZ as f32) as usize).map(|index| wave(index as f32 / RATE_HZ as f32)).collect()
    }

    fn sine(hz: f32, time: f32) -> f32 {
        (TAU * (hz * time).fract()).sin()
    }

    /// A vowel that glides, in syllables: nothing of it is steady.
    fn voice(time: f32) -> f32 {
        let pitch = 140.0 * time - 6.0 * (TAU * 0.7 * time).cos();
        let syllable = (PI * (time * 4.0).fract()).sin();
        0.15 * syllable * (1..12).map(|harmonic| sine(harmonic as f32 * pitch, 1.0) / harmonic as f32).sum::<f32>()
    }

    /// How much of a sine there is in samples.
    fn amplitude(samples: &[f32], hz: f32) -> f32 {
        let turn = |index: usize| TAU * (f64::from(hz) * index as f64 / f64::from(RATE_HZ)).fract() as f32;
        let sum: Complex32 =
            samples.iter().enumerate().map(|(index, sample)| Complex32::from_polar(*sample, turn(index))).sum();
        2.0 * sum.norm() / samples.len() as f32
    }

    #[test]
    fn hum_and_whine_are_taken_out_and_a_voice_stays() {
        let clean = wave(6.0, voice);
        for (name, hz, level) in
            [("50 Hz", 50.0, 0.1), ("100 Hz", 100.0, 0.1), ("120 Hz", 120.0, 0.1), ("a whine", 1_003.7, 0.1)]
        {
            let mut heard: Vec<f32> =
                clean.iter().zip(wave(6.0, |time| level * sine(hz, time))).map(|(voice, hum)| voice + hum).collect();
            take_out_lines(&mut heard);
            let left = amplitude(&heard[16_000..], hz);
            assert!(left < 0.2 * level, "{name}: {left} of {level} are left");
            let (voice, kept) = (level_dbfs(&clean), level_dbfs(&heard));
            assert!((voice - kept).abs() < 1.5, "{name}: a voice of {voice} dB is left at {kept} dB");
        }
    }

    #[test]
    fn an_offset_is_taken_out_and_a_voice_alone_is_left_as_it_is() {
        let clean = wave(6.0, voice);
        let mut heard: Vec<f32> = clean.iter().map(|sample| sample + 0.2).collect();
        take_out_lines(&mut heard);
        assert!(heard.iter().zip(&clean).all(|(heard, clean)| (heard - clean).abs() < 1e-3));
        take_out_lines(&mut []);
        take_out_lines(&mut [0.5]);
    }

    #[test]
    fn a_signal_is_where_its_tones_are_and_not_where_words_are() {
        let busy = |time: f32| if time % 1.0 < 0.5 { 0.1 * (sine(480.0, time) + sine(620.0, time)) } else { 0.0 };
        let samples = [wave(3.0, voice), wave(6.0, busy)].concat();
        let signals = Signals::find(&samples);
        let at = |seconds: f32| signals.is_at((seconds * RATE_HZ as f32) as usize);
        assert!([0.5, 1.5, 2.5, 2.8].into_iter().all(|seconds| !at(seconds)));
        assert!([3.4, 5.2, 8.9].into_iter().all(at));

        let mut tail = samples[40_000..64_000].to_vec();
        signals.mute(&mut tail, 40_000);
        assert_eq!(tail[..6_000], samples[40_000..46_000], "words stay");
        assert!(tail[14_000..].iter().all(|sample| *sample == 0.0));
    }
}
