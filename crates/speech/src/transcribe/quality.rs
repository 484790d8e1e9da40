//! Tells a transcript that an engine made up from one that it heard.

use super::Word;

/// More words a second than anyone speaks.
const MAX_WORDS_PER_SECOND: f64 = 8.0;

/// Mean confidence below which the words of a window are guesses.
const MIN_CONFIDENCE: f32 = 0.35;

/// The last words of a window are judged by themselves: what is made up comes after what was heard.
const TAIL_WORDS: usize = 4;
const MIN_TAIL_CONFIDENCE: f32 = 0.25;

/// Shortest phrase, in words, that is suspicious at the end when it is said twice: "bye, bye" is not.
const MIN_TWICE_WORDS: usize = 3;

/// A phrase that is written twice has one word of so many written otherwise.
const WORDS_AN_ERROR: usize = 5;

/// Longest phrase, in words, that is looked for in loops.
const MAX_LOOP_WORDS: usize = 12;

/// True when `words`, said to have been heard in so many seconds of audio, deserve a second hearing.
pub(super) fn is_doubtful(words: &[Word], seconds: f64) -> bool {
    let tail = &words[words.len().saturating_sub(TAIL_WORDS)..];
    mean_confidence(words) < MIN_CONFIDENCE
        || (tail.len() == TAIL_WORDS && mean_confidence(tail) < MIN_TAIL_CONFIDENCE)
        || words.len() as f64 > 4.0 + MAX_WORDS_PER_SECOND * seconds
}

/// What whisper learned from subtitles to write where nobody speaks.
const FILLERS: [&str; 9] = [
    "you",
    "okay",
    "bye",
    "thank you",
    "thank you very much",
    "thanks for watching",
    "thank you for watching",
    "please subscribe",
    "ご視聴ありがとうございました",
];

/// Fewer words a second than anyone speaks who says no more than a filler.
const FILLER_WORDS_PER_SECOND: f64 = 0.4;

/// True when all that was heard in so many seconds of sound is what an engine writes for music.
pub(super) fn is_filler(words: &[Word], seconds: f64) -> bool {
    let text: Vec<String> = words.iter().map(|word| plain(&word.text)).collect();
    FILLERS.contains(&text.join(" ").as_str()) && words.len() as f64 <= FILLER_WORDS_PER_SECOND * seconds
}

/// True when the last phrase is said twice, but for a word in five: people do, but an engine left with a second of silence
/// does it more often.
pub(super) fn ends_twice(words: &[Word]) -> bool {
    let plain: Vec<String> = words.iter().map(|word| plain(&word.text)).collect();
    (MIN_TWICE_WORDS..=MAX_LOOP_WORDS).any(|length| {
        let Some(start) = plain.len().checked_sub(2 * length) else { return false };
        let (once, again) = plain[start..].split_at(length);
        let different = once.iter().zip(again).filter(|(word, same)| word != same).count();
        different <= length / WORDS_AN_ERROR
    })
}

/// The index at which a phrase has been said as often as people say it, and goes on.
pub(super) fn loop_start(words: &[Word]) -> Option<usize> {
    let plain: Vec<String> = words.iter().map(|word| plain(&word.text)).collect();
    (1..=MAX_LOOP_WORDS).find_map(|length| {
        // Digits and "no, no, no" repeat in earnest; sentences do not.
        let allowed = match length {
            1 => 6,
            2 | 3 => 4,
            _ => 2,
        };
        let needed = (allowed + 1) * length;
        let repeats = |stretch: &&[String]| stretch.chunks(length).all(|phrase| phrase == &stretch[..length]);
        let position = plain.windows(needed).position(|stretch| repeats(&stretch))?;
        Some(position + length)
    })
}

/// The mean of the words' confidences; certain when there are none.
pub(super) fn mean_confidence(words: &[Word]) -> f32 {
    if words.is_empty() {
        return 1.0;
    }
    words.iter().map(|word| word.confidence).sum::<f32>() / words.len() as f32
}

fn plain(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, confidence: f32) -> Vec<Word> {
        text.split_whitespace()
            .enumerate()
            .map(|(index, word)| Word {
                start_seconds: 0.3 * index as f64,
                end_seconds: 0.3 * (index + 1) as f64,
                text: word.to_owned(),
                confidence,
                doubtful: false,
            })
            .collect()
    }

    #[test]
    fn ordinary_messages_are_believed() {
        for text in [
            "Hi, it's Anna, please call me back.",
            "My number is five five five, five five five, zero zero zero zero.",
            "No, no, no, no. Bye bye bye.",
            "Okay.",
        ] {
            let words = words(text, 0.8);
            assert!(!is_doubtful(&words, 6.0) && loop_start(&words).is_none() && !ends_twice(&words), "{text}");
        }
    }

    #[test]
    fn loops_are_doubted_and_cut_after_the_first_round() {
        let sentence = "I'll see you at the office. ".repeat(4);
        let looped = words(&sentence, 0.9);
        assert_eq!(loop_start(&looped), Some(6));
        assert!(loop_start(&words(&"you ".repeat(9), 0.9)).is_some());
    }

    #[test]
    fn an_ending_said_twice_is_heard_again() {
        assert!(ends_twice(&words("Start without me. See you soon. See you soon.", 0.9)));
        assert!(ends_twice(&words("To hear it again, press the star key. Here it again press the star key.", 0.9)));
        assert!(!ends_twice(&words("See you soon. See you soon. I will be there.", 0.9)));
        assert!(!ends_twice(&words("My number is five five five, five five six.", 0.9)));
        assert!(!ends_twice(&words("Thank you. Bye bye.", 0.9)));
    }

    #[test]
    fn thanks_in_twenty_seconds_of_sound_are_not_believed_and_in_two_they_are() {
        assert!(is_filler(&words("Thank you.", 0.9), 20.0));
        assert!(!is_filler(&words("Thank you.", 0.9), 2.0));
        assert!(!is_filler(&words("Thank you, Anna.", 0.9), 20.0));
    }

    #[test]
    fn guesses_tails_and_floods_are_doubted() {
        let sure = words("please call me back tomorrow morning", 0.9);
        assert!(is_doubtful(&words("a b c d", 0.1), 5.0));
        assert!(is_doubtful(&sure, 0.1), "too many words for the time");
        let mut tailed = words("please call me back tomorrow morning thanks for watching bye", 0.9);
        tailed.iter_mut().rev().take(4).for_each(|word| word.confidence = 0.1);
        assert!(is_doubtful(&tailed, 5.0));
        assert!(!is_doubtful(&[], 5.0));
    }
}
