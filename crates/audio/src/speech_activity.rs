//! Finds where someone speaks: a small neural detector, which alone passes noise, AND a level above the noise floor.

use std::collections::VecDeque;

/// The rate that [`SpeechDetector`] expects, in Hz.
pub const SPEECH_RATE_HZ: u32 = 16_000;

/// Samples that are judged together: 16 ms.
const FRAME_SAMPLES: usize = 256;
/// The detector's score from which a frame may be speech.
const MIN_SCORE: f32 = 0.5;
/// Below this, in Hz, is no speech but offset, rumble and the hum of the mains.
const HIGH_PASS_HZ: f32 = 80.0;
/// How far speech stands above the noise floor, in dB.
const ABOVE_FLOOR_DB: f32 = 6.0;
/// No room is quieter than this; without a bound, dither would count as a floor.
const LOWEST_FLOOR_DBFS: f32 = -66.0;
/// The floor is the lowest level within this many frames (3 s): even fast talkers pause within it.
const FLOOR_FRAMES: usize = 188;
/// Frames of speech that begin a segment (64 ms), and of anything else that end one (256 ms).
const FRAMES_TO_BEGIN: u64 = 4;
const FRAMES_TO_END: u64 = 16;
/// Soft beginnings and ends of words lie outside of what is detected, by up to this many seconds.
const MARGIN_SECONDS: f64 = 0.08;

/// A stretch of speech, in seconds from the start.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SpeechSegment {
    /// First moment.
    pub start_seconds: f64,
    /// End of the last word.
    pub end_seconds: f64,
}

/// Listens to mono audio at [`SPEECH_RATE_HZ`] as it passes.
pub struct SpeechDetector {
    high_pass: HighPass,
    detector: Box<earshot::Detector>,
    pending: Vec<f32>,
    floor: NoiseFloor,
    frame: u64,
    /// Consecutive frames with speech, without, and where the current segment began.
    speaking: u64,
    pausing: u64,
    began: Option<u64>,
    segments: Vec<SpeechSegment>,
}

impl Default for SpeechDetector {
    fn default() -> Self {
        Self {
            high_pass: HighPass::default(),
            detector: Box::default(),
            pending: Vec::with_capacity(FRAME_SAMPLES),
            floor: NoiseFloor::default(),
            frame: 0,
            speaking: 0,
            pausing: 0,
            began: None,
            segments: Vec::new(),
        }
    }
}

impl SpeechDetector {
    /// Takes the next samples, as many as there are.
    pub fn push(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let take = (FRAME_SAMPLES - self.pending.len()).min(samples.len());
            let high_pass = &mut self.high_pass;
            self.pending.extend(samples[..take].iter().map(|&sample| high_pass.next(sample)));
            samples = &samples[take..];
            if self.pending.len() == FRAME_SAMPLES {
                let speech = self.judge();
                self.note(speech);
                self.pending.clear();
            }
        }
    }

    /// The segments, in order and apart from each other.
    pub fn finish(mut self) -> Vec<SpeechSegment> {
        self.end_segment(self.frame);
        self.segments
    }

    fn judge(&mut self) -> bool {
        let power = self.pending.iter().map(|sample| sample * sample).sum::<f32>() / FRAME_SAMPLES as f32;
        let level_dbfs = 10.0 * power.max(1e-12).log10();
        let floor_dbfs = self.floor.update(level_dbfs);
        let mut frame = [0i16; FRAME_SAMPLES];
        for (out, sample) in frame.iter_mut().zip(&self.pending) {
            *out = (sample * 32_767.0) as i16;
        }
        // The detector keeps context, so it hears every frame, whatever its level.
        self.detector.predict_i16(&frame) >= MIN_SCORE && level_dbfs >= floor_dbfs + ABOVE_FLOOR_DB
    }

    fn note(&mut self, speech: bool) {
        if speech {
            self.speaking += 1;
            self.pausing = 0;
            if self.speaking >= FRAMES_TO_BEGIN && self.began.is_none() {
                self.began = Some(self.frame + 1 - self.speaking);
            }
        } else {
            self.pausing += 1;
            if self.began.is_none() || self.pausing >= FRAMES_TO_END {
                self.speaking = 0;
            }
            if self.pausing >= FRAMES_TO_END {
                self.end_segment(self.frame + 1 - self.pausing);
            }
        }
        self.frame += 1;
    }

    fn end_segment(&mut self, end_frame: u64) {
        let Some(began) = self.began.take() else { return };
        let seconds = |frame: u64| frame as f64 * FRAME_SAMPLES as f64 / f64::from(SPEECH_RATE_HZ);
        self.segments.push(SpeechSegment {
            start_seconds: (seconds(began) - MARGIN_SECONDS).max(0.0),
            end_seconds: (seconds(end_frame.min(self.frame)) + MARGIN_SECONDS).min(seconds(self.frame)),
        });
    }
}

/// A Butterworth filter of second order (the bilinear transform of Robert Bristow-Johnson's cookbook).
struct HighPass {
    /// Of the input: 1, −2, 1 times this.
    gain: f32,
    feedback: [f32; 2],
    /// The last two samples before and after; none before the first.
    before: Option<[f32; 2]>,
    after: [f32; 2],
}

impl Default for HighPass {
    fn default() -> Self {
        let turn = std::f32::consts::TAU * HIGH_PASS_HZ / SPEECH_RATE_HZ as f32;
        let alpha = turn.sin() / std::f32::consts::SQRT_2;
        let norm = 1.0 + alpha;
        let gain = (1.0 + turn.cos()) / 2.0 / norm;
        Self { gain, feedback: [-2.0 * turn.cos() / norm, (1.0 - alpha) / norm], before: None, after: [0.0; 2] }
    }
}

impl HighPass {
    fn next(&mut self, sample: f32) -> f32 {
        // As if the first sample had always been there: an offset is no step.
        let [last, second_last] = self.before.unwrap_or([sample; 2]);
        let [last_out, second_last_out] = self.after;
        let out = self.gain * (sample - 2.0 * last + second_last)
            - self.feedback[0] * last_out
            - self.feedback[1] * second_last_out;
        self.before = Some([sample, last]);
        self.after = [out, last_out];
        out
    }
}

/// The lowest recent level, by a window of decreasing minima.
#[derive(Default)]
struct NoiseFloor {
    rising: VecDeque<(usize, f32)>,
    frame: usize,
}

impl NoiseFloor {
    fn update(&mut self, level_dbfs: f32) -> f32 {
        while self.rising.back().is_some_and(|(_, level)| *level >= level_dbfs) {
            self.rising.pop_back();
        }
        self.rising.push_back((self.frame, level_dbfs));
        while self.rising.front().is_some_and(|(frame, _)| frame + FLOOR_FRAMES < self.frame) {
            self.rising.pop_front();
        }
        self.frame += 1;
        self.rising.front().map_or(level_dbfs, |(_, level)| *level).max(LOWEST_FLOOR_DBFS)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Something like a voice: a buzz of 130 Hz shaped by two moving formants, in syllables of 200 ms.
    pub(crate) fn voice(rate_hz: u32, seconds: f64) -> Vec<f32> {
        let rate = f64::from(rate_hz);
        let mut out = Vec::new();
        for n in 0..(seconds * rate) as usize {
            let t = n as f64 / rate;
            let syllable = (t * 5.0).fract();
            let envelope = (std::f64::consts::PI * syllable).sin().powf(0.6);
            let pitch = 130.0 + 15.0 * (t * 2.1).sin();
            let (first, second) = (550.0 + 250.0 * (t * 7.3).sin(), 1_600.0 + 500.0 * (t * 4.7).sin());
            let formant = |hz: f64, centre: f64, width: f64| 1.0 / (1.0 + ((hz - centre) / width).powi(2));
            let sample: f64 = (1..25)
                .map(|harmonic| {
                    let hz = pitch * f64::from(harmonic);
                    let level = formant(hz, first, 90.0) + 0.5 * formant(hz, second, 120.0) + 0.02;
                    level * (std::f64::consts::TAU * hz * t).sin()
                })
                .sum();
            out.push((0.12 * envelope * sample) as f32);
        }
        out
    }

    pub(crate) fn noise(samples: usize, level: f32) -> Vec<f32> {
        let mut state = 0x2545_F491u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 - 0.5
        };
        (0..samples).map(|_| level * next()).collect()
    }

    fn detect(samples: &[f32]) -> Vec<SpeechSegment> {
        let mut detector = SpeechDetector::default();
        for piece in samples.chunks(999) {
            detector.push(piece);
        }
        detector.finish()
    }

    #[test]
    fn neither_silence_nor_noise_is_speech() {
        assert_eq!(detect(&vec![0.0; 160_000]), []);
        for level in [0.001, 0.05, 0.5] {
            assert_eq!(detect(&noise(160_000, level)), [], "noise at {level}");
        }
    }

    #[test]
    fn k06_speech_is_found_whatever_the_offset_and_the_hum_of_the_mains() {
        let mut clean = noise(2 * 16_000, 0.002);
        clean.extend(voice(16_000, 2.0));
        clean.extend(noise(2 * 16_000, 0.002));
        let expected = detect(&clean);
        for offset in [0.002, 0.05, 0.2, -0.4] {
            let shifted: Vec<f32> = clean.iter().map(|sample| sample + offset).collect();
            let found = detect(&shifted);
            assert_eq!(found.len(), expected.len(), "{offset}: {found:?}");
            for (one, other) in found.iter().zip(&expected) {
                let near = |one: f64, other: f64| (one - other).abs() < 0.1;
                assert!(near(one.start_seconds, other.start_seconds), "{offset}: {found:?}");
                assert!(near(one.end_seconds, other.end_seconds), "{offset}: {found:?}");
            }
        }
        let hum = |index: usize| 0.01 * (std::f32::consts::TAU * 50.0 * index as f32 / 16_000.0).sin();
        let hummed: Vec<f32> = clean.iter().enumerate().map(|(index, sample)| sample + hum(index)).collect();
        let found = detect(&hummed);
        assert!((found[0].start_seconds - expected[0].start_seconds).abs() < 0.2, "{found:?}");
    }

    #[test]
    fn speech_is_found_where_it_is() {
        let mut signal = noise(3 * 16_000, 0.002);
        signal.extend(voice(16_000, 2.0));
        signal.extend(noise(2 * 16_000, 0.002));
        let segments = detect(&signal);
        let (first, last) = (segments.first().unwrap(), segments.last().unwrap());
        assert!((2.8..3.3).contains(&first.start_seconds), "{segments:?}");
        assert!((4.7..5.3).contains(&last.end_seconds), "{segments:?}");
    }
}
