//! Decides which part of a message is played: the brief, and what is left when silence at the ends goes.

use super::peaks::Peaks;
use super::speech_activity::{SPEECH_RATE_HZ, SpeechSegment};

/// A part of a recording, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TimeSpan {
    /// First moment.
    pub start_seconds: f64,
    /// First moment after it.
    pub end_seconds: f64,
}

impl TimeSpan {
    /// How long it lasts.
    pub fn seconds(&self) -> f64 {
        self.end_seconds - self.start_seconds
    }
}

/// Silence kept in front of the first word, and after the last one before a cut, in seconds.
const LEAD_SECONDS: f64 = 0.2;
const TAIL_SECONDS: f64 = 0.4;
/// A brief may be longer than asked for by this share, if the nearest pause is there.
const STRETCH: f64 = 1.1;

/// The brief of a recording: from its first words to the pause nearest `limit_seconds` later, never within a word.
///
/// Without speech (music, say) it is simply the beginning. Where someone talks on without any pause, the brief ends at the
/// limit, which is the one case that may cut a word.
pub(crate) fn brief(speech: &[SpeechSegment], whole: TimeSpan, limit_seconds: f64) -> TimeSpan {
    let start = speech
        .iter()
        .find(|segment| segment.end_seconds > whole.start_seconds)
        .map_or(whole.start_seconds, |first| (first.start_seconds - LEAD_SECONDS).max(whole.start_seconds));
    let span = |end: f64| TimeSpan { start_seconds: start, end_seconds: end.min(whole.end_seconds) };
    let limit = start + limit_seconds;
    if whole.end_seconds <= limit {
        return span(whole.end_seconds);
    }
    // Each pause offers the moment after its last word that is nearest to the limit.
    let pauses =
        speech.iter().enumerate().filter(|(_, segment)| segment.end_seconds > start).map(|(index, segment)| {
            let next = speech.get(index + 1).map_or(whole.end_seconds, |next| next.start_seconds);
            let settled = (segment.end_seconds + TAIL_SECONDS).min((segment.end_seconds + next) / 2.0);
            limit.clamp(segment.end_seconds, settled.max(segment.end_seconds))
        });
    let end = pauses
        .filter(|end| *end <= start + limit_seconds * STRETCH)
        .min_by(|a, b| (a - limit).abs().total_cmp(&(b - limit).abs()));
    span(end.unwrap_or(limit))
}

/// Levels below the loudest moment by this factor (40 dB) are silence at the ends of a prompt.
const SILENCE_BELOW_PEAK: f32 = 0.01;
/// So is a noise up to twice (6 dB) above the floor of a recording, if that is below the loudest moment by this factor (30 dB).
const ABOVE_FLOOR: f32 = 2.0;
const NOISE_BELOW_PEAK: f32 = 0.03;
/// Where a recording begins and ends, a filter hears a click if there is an offset (30 ms).
const EDGE_FRAMES: u64 = SPEECH_RATE_HZ as u64 * 30 / 1_000;
/// What stays around the first and last sound, so that soft consonants and reverberation are kept, in seconds.
const KEEP_BEFORE_SECONDS: f64 = 0.15;
const KEEP_AFTER_SECONDS: f64 = 0.25;

/// What is left of a prompt without the silence at its ends; `audible` are peaks at [`SPEECH_RATE_HZ`] of what can be heard of
/// it, `highest` is its highest peak.
///
/// Whatever is loud enough to hear stays, and so does all speech, however soft.
pub(crate) fn without_silence(speech: &[SpeechSegment], audible: &Peaks, highest: f32, whole: TimeSpan) -> TimeSpan {
    let rate = f64::from(SPEECH_RATE_HZ);
    let noise = Some(ABOVE_FLOOR * audible.floor()).filter(|noise| *noise <= highest * NOISE_BELOW_PEAK);
    let silence = (highest * SILENCE_BELOW_PEAK).max(noise.unwrap_or(0.0));
    let audible = audible.frames_reaching(silence.max(f32::MIN_POSITIVE), EDGE_FRAMES);
    let Some(audible) = audible else { return whole };
    let first = speech.first().map_or(f64::INFINITY, |segment| segment.start_seconds);
    let last = speech.last().map_or(0.0, |segment| segment.end_seconds);
    TimeSpan {
        start_seconds: (first.min(audible.start as f64 / rate) - KEEP_BEFORE_SECONDS).max(whole.start_seconds),
        end_seconds: (last.max(audible.end as f64 / rate) + KEEP_AFTER_SECONDS).min(whole.end_seconds),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(start_seconds: f64, end_seconds: f64) -> SpeechSegment {
        SpeechSegment { start_seconds, end_seconds }
    }

    fn whole(end_seconds: f64) -> TimeSpan {
        TimeSpan { start_seconds: 0.0, end_seconds }
    }

    #[test]
    fn a_short_message_is_kept_from_its_first_word() {
        let span = brief(&[segment(2.0, 9.0)], whole(12.0), 30.0);
        assert_eq!(span, TimeSpan { start_seconds: 1.8, end_seconds: 12.0 });
    }

    #[test]
    fn the_cut_lies_in_the_pause_nearest_the_limit() {
        let speech = [segment(1.0, 10.0), segment(11.0, 28.0), segment(29.5, 32.0), segment(33.0, 60.0)];
        let span = brief(&speech, whole(61.0), 30.0);
        // The limit, 30.8, falls into the third sentence, whose end is nearer than its beginning.
        assert_eq!((span.start_seconds, span.end_seconds), (0.8, 32.0));
    }

    #[test]
    fn music_begins_at_its_beginning() {
        assert_eq!(brief(&[], whole(100.0), 30.0), whole(30.0));
    }

    proptest! {
        #[test]
        fn a_cut_is_never_within_a_word(
            gaps in prop::collection::vec((0.1f64..4.0, 0.26f64..3.0), 1..40), limit in 5.0f64..60.0,
        ) {
            let mut at = 0.5;
            let speech: Vec<_> = gaps.iter().map(|(talk, pause)| {
                let segment = segment(at, at + talk);
                at += talk + pause;
                segment
            }).collect();
            let whole = whole(at);
            let span = brief(&speech, whole, limit);
            prop_assert!(span.start_seconds >= 0.0 && span.end_seconds <= whole.end_seconds);
            prop_assert!(span.seconds() <= limit * STRETCH + 1e-9);
            for cut in [span.start_seconds, span.end_seconds] {
                prop_assert!(!speech.iter().any(|s| s.start_seconds < cut - 1e-9 && cut + 1e-9 < s.end_seconds), "{cut}");
            }
            // The longest sentence and pause are 7 s together.
            prop_assert!(span.seconds() >= (limit - 7.0).min(whole.end_seconds - span.start_seconds - 1e-9));
        }
    }

    #[test]
    fn trimming_keeps_soft_speech_and_every_sound() {
        let mut peaks = Peaks::default();
        peaks.push(&vec![0.0; 16_000]);
        peaks.push(&vec![0.5; 16_000]);
        peaks.push(&vec![0.0001; 32_000]);
        let loud_only = without_silence(&[], &peaks, 0.5, whole(4.0));
        assert!((0.84..0.86).contains(&loud_only.start_seconds), "{loud_only:?}");
        assert!((2.24..2.27).contains(&loud_only.end_seconds), "{loud_only:?}");
        let with_speech = without_silence(&[segment(0.5, 3.0)], &peaks, 0.5, whole(4.0));
        assert_eq!(with_speech, TimeSpan { start_seconds: 0.35, end_seconds: 3.25 });
        // Noise 38 dB below the voice is silence, too; a soft sound above it is not.
        let mut noisy = Peaks::default();
        for (level, frames) in [(0.006, 16_000), (0.5, 16_000), (0.006, 16_000), (0.03, 1_600), (0.006, 16_000)] {
            noisy.push(&vec![level; frames]);
        }
        let noisy = without_silence(&[], &noisy, 0.5, whole(4.1));
        assert!((0.84..0.86).contains(&noisy.start_seconds) && (3.34..3.37).contains(&noisy.end_seconds), "{noisy:?}");
        assert_eq!(without_silence(&[], &Peaks::default(), 0.5, whole(4.0)), whole(4.0));
    }
}
