//! Pages as data; their looks lie in the `.html` files beside this one.

use std::{fmt::Write, time::Duration};

use askama::Template;
use voicemill_notify::wording;
use voicemill_types::{CallbackNumber, Run, Time};

use crate::{http::pages::assets, messages::TranscriptState};

/// The page that plays one message.
#[derive(Template)]
#[template(path = "listen.html")]
pub(super) struct ListenPage {
    /// The name the domain goes by.
    pub brand: String,
    /// The caller's name as the core gave it; may be empty.
    pub caller_name: String,
    /// The caller's number as the core gave it; may be empty.
    pub caller_number: String,
    /// When the caller left the message.
    pub received_at: Time,
    /// When the link stops working.
    pub expires_at: Time,
    /// IANA time zone of everything the page says.
    pub time_zone: String,
    /// BCP 47 language tag, which decides how times are written.
    pub locale: String,
    /// Length of the whole message.
    pub duration: Duration,
    /// Length of what is played, if that is only a clip of the message.
    pub clip: Option<Duration>,
    /// The waveform's bins of what is played; may be empty.
    pub waveform: Vec<u8>,
    /// Where the work on the transcript stands.
    pub transcript_state: TranscriptState,
    /// The words, if there are any.
    pub transcript: Option<Vec<Run>>,
    /// Telephone numbers that the caller says.
    pub callback_numbers: Vec<CallbackNumber>,
    /// The audio, the form to be preferred first.
    pub sources: Vec<AudioSource>,
    /// Where the audio is fetched as a file, the form to be preferred first.
    pub downloads: Vec<Download>,
    /// Where playing is reported to.
    pub played_url: String,
}

/// One form of the audio.
#[derive(Clone, Debug)]
pub(super) struct AudioSource {
    /// Where it is fetched.
    pub url: String,
    /// Its media type, such as `audio/ogg; codecs=opus`.
    pub content_type: String,
}

/// A file to keep.
#[derive(Clone, Debug)]
pub(super) struct Download {
    /// Where it is fetched.
    pub url: String,
    /// Its form, such as `MP3`.
    pub format: String,
}

impl ListenPage {
    fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }

    fn heading(&self) -> String {
        let name = wording::line(&self.caller_name, wording::LONGEST_NAME);
        if name.is_empty() { self.number() } else { Some(name) }.unwrap_or_else(|| "Unknown caller".to_owned())
    }

    fn number(&self) -> Option<String> {
        Some(wording::number(&self.caller_number)).filter(|number| !number.is_empty())
    }

    /// The caller's number to tap, and what a phone dials for it.
    fn call(&self) -> Option<(String, String)> {
        self.number().zip(wording::dial(&self.caller_number))
    }

    /// The number, unless it is the heading already.
    fn second_line(&self) -> Option<String> {
        self.number().filter(|number| *number != self.heading())
    }

    fn received(&self) -> String {
        wording::moment(self.received_at, &self.time_zone, &self.locale)
    }

    fn expires(&self) -> String {
        wording::moment(self.expires_at, &self.time_zone, &self.locale)
    }

    fn length(&self) -> String {
        wording::length(self.duration)
    }

    fn clip_length(&self) -> Option<String> {
        self.clip.map(wording::length)
    }

    fn words(&self) -> Option<Vec<Run>> {
        let words = wording::runs(self.transcript.as_deref()?, usize::MAX).0;
        Some(words).filter(|words| !words.is_empty())
    }

    fn has_doubts(&self) -> bool {
        self.transcript.iter().flatten().any(|run| run.doubtful)
    }

    fn callbacks(&self) -> Vec<Callback> {
        let callback = |number: &CallbackNumber| Callback {
            number: wording::line(&number.label(), wording::LONGEST_NAME),
            dial: wording::dialled(number),
            at: wording::place(number.start_seconds),
            at_seconds: number.start_seconds.max(0.0),
        };
        self.callback_numbers.iter().map(callback).collect()
    }

    /// What is said in place of the words.
    fn no_words(&self) -> Option<&'static str> {
        match self.transcript_state {
            TranscriptState::Off | TranscriptState::Available => None,
            TranscriptState::Pending => Some("The text is still being made. Reload this page in a moment to see it."),
            TranscriptState::NoSpeech => Some("No speech was recognised in this message."),
            TranscriptState::NotUnderstood => {
                Some("Somebody speaks in this message, but no words were understood. Please listen.")
            }
            TranscriptState::Failed => Some("No text could be made of this message."),
        }
    }

    fn bars(&self) -> Option<Bars> {
        Bars::of(&self.waveform)
    }
}

/// A telephone number to tap.
struct Callback {
    number: String,
    dial: String,
    at: String,
    at_seconds: f64,
}

/// A waveform as the outline of upright bars, for an SVG path.
struct Bars {
    width: usize,
    path: String,
}

impl Bars {
    /// As many as a phone's screen can tell apart.
    const MOST: usize = 100;
    /// From one bar to the next, in units of the drawing.
    const STEP: usize = 4;
    /// Half the height of the drawing.
    const MIDDLE: usize = 50;

    fn of(bins: &[u8]) -> Option<Self> {
        if bins.is_empty() {
            return None;
        }
        let bars = bins.len().min(Self::MOST);
        let mut path = String::with_capacity(bars * 20);
        for bar in 0..bars {
            let (first, end) = (bar * bins.len() / bars, (bar + 1) * bins.len() / bars);
            let loudest = bins[first..end].iter().copied().max().unwrap_or_default();
            // Silence still shows as a dot.
            let half = (usize::from(loudest) * Self::MIDDLE / 255).max(1);
            let (left, top) = (bar * Self::STEP + 1, Self::MIDDLE - half);
            // Writing to a string cannot fail.
            let _ = write!(path, "M{left} {top}h2v{}h-2z", 2 * half);
        }
        Some(Self { width: bars * Self::STEP, path })
    }
}

/// What is shown when a link does not lead to a message.
#[derive(Template)]
#[template(path = "gone.html")]
pub(super) struct GonePage {
    /// Why it does not.
    pub reason: Gone,
}

/// Why a link does not lead to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// It was good for seven days, and they are over.
    Expired,
    /// There is no such link, or no such message any more; deliberately silent about which.
    NotFound,
    /// Too many wrong links were tried from the same address.
    TooMany,
}

impl GonePage {
    fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }

    fn title(&self) -> &'static str {
        match self.reason {
            Gone::Expired => "This link has expired",
            Gone::NotFound => "There is no message here",
            Gone::TooMany => "Please wait a moment",
        }
    }

    fn explanation(&self) -> &'static str {
        match self.reason {
            Gone::Expired => {
                "A link to a voicemail works for seven days, and these are over. The message itself may still be in your \
                 mailbox: listen to it by phone or in your phone system’s portal."
            }
            Gone::NotFound => {
                "The link may have been cut off or changed on its way, or the message was deleted. Open it again from the \
                 mail, or listen to your mailbox by phone."
            }
            Gone::TooMany => "Too many links that do not exist were opened from your network. Try again in a minute.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> ListenPage {
        let at = |text: &str| Time::from(text.parse::<jiff::Timestamp>().unwrap());
        ListenPage {
            brand: "Acme Telephone".to_owned(),
            caller_name: "Alice Example".to_owned(),
            caller_number: "+1 555 010 0199".to_owned(),
            received_at: at("2026-11-22T17:05:00Z"),
            expires_at: at("2026-11-29T17:05:09Z"),
            time_zone: "America/New_York".to_owned(),
            locale: "en-US".to_owned(),
            duration: Duration::from_millis(34_200),
            clip: None,
            waveform: vec![0, 128, 255, 64],
            transcript_state: TranscriptState::Available,
            transcript: Some(vec![
                Run { text: "Hi, it's Alice. The café order is".to_owned(), doubtful: false },
                Run { text: "reddy & waiting.".to_owned(), doubtful: true },
            ]),
            callback_numbers: vec![CallbackNumber {
                number: "+14155550132".to_owned(),
                display: "(415) 555-0132 ext. 42".to_owned(),
                extension: Some("42".to_owned()),
                unsure: false,
                start_seconds: 12.6,
                end_seconds: 16.0,
            }],
            sources: vec![
                AudioSource {
                    url: "/a/TOKEN/message.opus".to_owned(),
                    content_type: "audio/ogg; codecs=opus".to_owned(),
                },
                AudioSource { url: "/a/TOKEN/message.mp3".to_owned(), content_type: "audio/mpeg".to_owned() },
            ],
            downloads: ["MP3", "WAV"]
                .map(|format| Download {
                    url: format!("/a/TOKEN/voicemail.{}", format.to_lowercase()),
                    format: format.to_owned(),
                })
                .into(),
            played_url: "/l/TOKEN/played".to_owned(),
        }
    }

    #[test]
    fn the_page_of_a_message() {
        // The digests in the addresses of files are theirs, not the page's.
        insta::with_settings!({filters => vec![(r"\.[0-9a-f]{12}\.", ".")]}, {
            insta::assert_snapshot!(page().render().unwrap());
        });
    }

    #[test]
    fn the_page_of_a_clip_without_words() {
        let page = ListenPage {
            caller_name: String::new(),
            clip: Some(Duration::from_secs(30)),
            transcript_state: TranscriptState::Pending,
            transcript: None,
            callback_numbers: Vec::new(),
            waveform: Vec::new(),
            ..page()
        };
        // The digests in the addresses of files are theirs, not the page's.
        insta::with_settings!({filters => vec![(r"\.[0-9a-f]{12}\.", ".")]}, {
            insta::assert_snapshot!(page.render().unwrap());
        });
    }

    #[test]
    fn what_callers_write_is_only_text() {
        let page = ListenPage {
            caller_name: "\"><script>alert(1)</script>".to_owned(),
            caller_number: "' onload='alert(1)\r\n<b>".to_owned(),
            brand: "<i>Acme</i> & Sons".to_owned(),
            transcript: Some(vec![Run { text: "</p><img src=x onerror=alert(1)>".to_owned(), doubtful: true }]),
            ..page()
        };
        let html = page.render().unwrap();
        for tag in ["<script>", "<b>", "<i>", "<img", "\"><sc"] {
            assert!(!html.contains(tag), "{tag}");
        }
        assert!(!html.contains("onload='"));
    }

    #[test]
    fn pages_keep_to_the_content_security_policy() {
        let pages = [page().render().unwrap(), GonePage { reason: Gone::Expired }.render().unwrap()];
        for html in pages {
            for forbidden in ["style=", "<style", " onclick", " onplay", "javascript:", "http://", "https://", "data:"]
            {
                assert!(!html.contains(forbidden), "{forbidden}");
            }
            let scripts = html.matches("<script").count();
            assert_eq!(scripts, html.matches("<script src=\"/static/").count(), "only scripts in files");
            for reference in html.split("\"/static/").skip(1) {
                let path = format!("/static/{}", reference.split('"').next().unwrap());
                assert!(super::super::assets::ALL.iter().any(|asset| asset.path == path), "{path}");
            }
        }
    }

    #[test]
    fn every_reason_has_its_page() {
        for (reason, words) in
            [(Gone::Expired, "seven days"), (Gone::NotFound, "deleted"), (Gone::TooMany, "in a minute")]
        {
            assert!(GonePage { reason }.render().unwrap().contains(words));
        }
    }

    #[test]
    fn a_waveform_has_at_most_a_hundred_bars_and_keeps_its_peaks() {
        let mut bins = vec![10; 400];
        bins[201] = 255;
        let bars = Bars::of(&bins).unwrap();
        assert_eq!(bars.width, 400);
        assert_eq!(bars.path.matches('M').count(), 100);
        assert_eq!(bars.path.matches("v100h").count(), 1);
        assert_eq!(Bars::of(&[7]).unwrap().path, "M1 49h2v2h-2z");
    }
}
