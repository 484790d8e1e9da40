//! Calls of two people, of whom each has a channel.

use super::{Segment, TranscribeControl, Transcriber, Transcript};
use crate::SpeechError;
use voicemill_audio::format::AudioSource;
use voicemill_types::LegRole;

/// Transcribes the channels of a call one after the other and merges what was said by time. `open` opens a channel from
/// its beginning; only words are kept, so that memory does not grow with the length of the audio.
///
/// # Errors
/// As [`Transcriber::transcribe`], and what `open` says.
pub fn by_roles(
    engine: &dyn Transcriber,
    open: &dyn Fn(LegRole) -> Result<Box<dyn AudioSource>, SpeechError>,
    control: &TranscribeControl<'_>,
) -> Result<Transcript, SpeechError> {
    let mut heard = Vec::new();
    for role in [LegRole::Caller, LegRole::Callee] {
        // Half the work is done when the first channel is.
        let progress = |seconds: f64| control.report((heard_seconds(&heard) + seconds) / 2.0);
        let control = TranscribeControl { progress: Some(&progress), ..*control };
        let mut transcript = engine.transcribe(&mut *open(role)?, &control)?;
        transcript.segments.iter_mut().for_each(|segment| segment.role = Some(role));
        heard.push(transcript);
    }
    Ok(merged(heard))
}

fn heard_seconds(heard: &[Transcript]) -> f64 {
    heard.iter().map(|transcript| transcript.duration_seconds).sum()
}

/// Several transcripts of the same time as one, in which each turn is a line.
fn merged(heard: Vec<Transcript>) -> Transcript {
    let mut whole = Transcript { no_speech: true, ..Transcript::default() };
    for one in heard {
        whole.no_speech &= one.no_speech;
        whole.not_understood |= one.not_understood;
        whole.language = whole.language.or(one.language);
        whole.duration_seconds = whole.duration_seconds.max(one.duration_seconds);
        (whole.engine, whole.model) = (one.engine, one.model);
        whole.segments.extend(one.segments);
        whole.callback_numbers.extend(one.callback_numbers);
    }
    whole.not_understood &= whole.segments.is_empty();
    whole.segments.sort_by(|one, other| one.start_seconds.total_cmp(&other.start_seconds));
    whole.callback_numbers.sort_by(|one, other| one.start_seconds.total_cmp(&other.start_seconds));
    let mut seen = std::collections::HashSet::new();
    whole.callback_numbers.retain(|number| seen.insert(number.display.clone()));
    let turns = whole.segments.chunk_by(|one, next| one.role == next.role);
    whole.text = turns.map(turn).collect::<Vec<_>>().join("\n");
    whole
}

/// `Caller: Hello, it's me.`
fn turn(segments: &[Segment]) -> String {
    let said = super::join(segments.iter().map(|segment| segment.text.as_str()));
    match segments.first().and_then(|segment| segment.role) {
        Some(role) => format!("{}: {said}", role.title()),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::transcribe::{EngineInfo, RATE_HZ, Word};
    use voicemill_audio::format::{AudioBlock, AudioError, AudioSpec};

    /// As many seconds of silence as it says.
    struct Silence(usize);

    impl AudioSource for Silence {
        fn spec(&self) -> AudioSpec {
            AudioSpec::mono(RATE_HZ)
        }

        fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
            block.samples.clear();
            block.samples.resize(if self.0 > 0 { RATE_HZ as usize } else { 0 }, 0.0);
            self.0 = self.0.saturating_sub(1);
            Ok(!block.samples.is_empty())
        }
    }

    /// Hears in ten seconds what the caller says, and in twelve what the callee does.
    struct Scripted;

    impl Transcriber for Scripted {
        fn transcribe(
            &self,
            audio: &mut dyn AudioSource,
            control: &TranscribeControl<'_>,
        ) -> Result<Transcript, SpeechError> {
            control.check()?;
            let (mut block, mut seconds) = (AudioBlock::default(), 0.0);
            while audio.next_block(&mut block)? {
                seconds += 1.0;
            }
            control.report(seconds);
            let said: &[(f64, &str)] = match seconds as usize {
                10 => &[(0.5, "Is this the bakery?"), (6.0, "My number is 415-555-0132."), (8.0, "Thanks.")],
                12 => &[(3.0, "Yes."), (4.0, "What is your number?"), (9.0, "Got it.")],
                _ => &[],
            };
            let segment = |&(start_seconds, text): &(f64, &str)| {
                let word = |text: &str| Word {
                    start_seconds,
                    end_seconds: start_seconds + 0.5,
                    text: text.to_owned(),
                    confidence: 0.9,
                    doubtful: false,
                };
                Segment {
                    start_seconds,
                    end_seconds: start_seconds + 0.5,
                    text: text.to_owned(),
                    role: None,
                    words: text.split(' ').map(word).collect(),
                }
            };
            let segments = said.iter().map(segment).collect();
            Ok(crate::transcribe::transcript(segments, Some("en".to_owned()), self.engine(), seconds))
        }

        fn engine(&self) -> EngineInfo {
            EngineInfo { engine: "script".to_owned(), model: "none".to_owned(), cpu: String::new() }
        }
    }

    fn open(role: LegRole) -> Result<Box<dyn AudioSource>, SpeechError> {
        Ok(Box::new(Silence(if role == LegRole::Caller { 10 } else { 12 })))
    }

    #[test]
    fn turns_come_in_the_order_of_time_with_their_roles() {
        let reported = Mutex::new(Vec::new());
        let progress = |seconds: f64| reported.lock().unwrap().push(seconds);
        let control = TranscribeControl { progress: Some(&progress), ..TranscribeControl::default() };
        let transcript = by_roles(&Scripted, &open, &control).unwrap();
        assert_eq!(
            transcript.text,
            "Caller: Is this the bakery?\nCallee: Yes. What is your number?\n\
             Caller: My number is 415-555-0132. Thanks.\nCallee: Got it."
        );
        assert!(transcript.segments.is_sorted_by_key(|segment| segment.start_seconds));
        assert_eq!(transcript.callback_numbers.len(), 1);
        assert_eq!((transcript.duration_seconds, transcript.no_speech), (12.0, false));
        assert_eq!(*reported.lock().unwrap(), [5.0, 11.0]);
    }

    #[test]
    fn two_silent_channels_are_no_speech_and_telling_it_to_stop_stops_it() {
        let silent = |_| Ok(Box::new(Silence(2)) as Box<dyn AudioSource>);
        let transcript = by_roles(&Scripted, &silent, &TranscribeControl::default()).unwrap();
        assert!(transcript.no_speech && transcript.text.is_empty());
        let control = TranscribeControl { cancelled: Some(&|| true), ..TranscribeControl::default() };
        assert!(matches!(by_roles(&Scripted, &open, &control), Err(SpeechError::Cancelled)));
    }
}
