//! What cores play, as they are told of it: addresses that stay, and addresses of bytes that stay.

use std::collections::BTreeMap;

use serde::Serialize;
use voicemill_types::PromptId;

use super::PromptDetails;
use crate::{
    domains::Domain,
    mailboxes::Mailbox,
    media::{Purpose, Rendition},
    prompts::Prompt,
    service_numbers,
};

/// What can be played.
#[derive(Clone, Debug, Serialize)]
pub(in crate::http) struct Sound {
    prompt: PromptId,
    name: String,
    version: i64,
    duration_ms: Option<i64>,
    /// Where it is played from, whichever version is served. The name's end chooses the format: `.wav`, `.ulaw`, `.alaw` at 8 kHz,
    /// `.wav16` at 16.
    address: String,
    renditions: Vec<Encoding>,
}

/// One encoding, at an address whose bytes never change.
#[derive(Clone, Debug, Serialize)]
struct Encoding {
    name: String,
    format: String,
    rate_hz: i64,
    content_type: String,
    bytes: i64,
    address: String,
}

impl Sound {
    /// What is served of a prompt, at the address where it is always found.
    pub(in crate::http) fn new(base: &str, prompt: &Prompt, renditions: &[Rendition], address: String) -> Self {
        let phone = renditions.iter().filter(|rendition| rendition.purpose == Purpose::Phone);
        let encoding = |rendition: &Rendition| Encoding {
            name: rendition.name.clone(),
            format: rendition.format.clone(),
            rate_hz: rendition.rate_hz,
            content_type: rendition.content_type.clone(),
            bytes: rendition.bytes,
            address: format!("{base}/media/{}/{}.{}", rendition.id, file_name(&prompt.name), rendition.extension()),
        };
        Self {
            prompt: prompt.id,
            name: prompt.name.clone(),
            version: prompt.served_version.unwrap_or(prompt.version),
            duration_ms: prompt.duration_ms,
            address: format!("{base}{address}"),
            renditions: phone.map(encoding).collect(),
        }
    }

    /// The address of the WAV at that rate.
    pub(in crate::http) fn wav_at(&self, rate_hz: i64) -> Option<&str> {
        let wav = self.renditions.iter().find(|one| one.format == "wav" && one.rate_hz == rate_hz);
        wav.map(|encoding| &*encoding.address)
    }

    pub(in crate::http) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::http) fn duration_ms(&self) -> Option<i64> {
        self.duration_ms
    }

    pub(in crate::http) fn prompt(&self) -> PromptId {
        self.prompt
    }
}

/// A name that every file system and every core takes; made of a text, or `prompt` where nothing is left of it.
pub(in crate::http) fn file_name(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars().take(60) {
        match letter {
            letter if letter.is_ascii_alphanumeric() => name.push(letter),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "prompt".to_owned() } else { name.to_owned() }
}

/// All that a core plays for a mailbox.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Playback {
    locale: String,
    time_zone: String,
    /// The active greeting; none if the mailbox has none, and the core says its own.
    greeting: Option<Sound>,
    recorded_name: HeardName,
    /// Whether the time of its arrival is said before a message.
    announce_time: bool,
    /// Whether its caller is said before a message.
    announce_caller: bool,
    /// Whether the newest message is played first; else the oldest.
    newest_first: bool,
}

impl Playback {
    pub(in crate::http) fn new(domain: &Domain, mailbox: &Mailbox, greeting: Option<Sound>, name: HeardName) -> Self {
        Self {
            locale: mailbox.language(domain).to_owned(),
            time_zone: mailbox.clock(domain).to_owned(),
            greeting,
            recorded_name: name,
            announce_time: mailbox.playback.announce_time,
            announce_caller: mailbox.playback.announce_caller,
            newest_first: mailbox.playback.newest_first,
        }
    }
}

/// What callers hear as a mailbox's name.
#[derive(Debug, Serialize)]
pub(in crate::http) struct HeardName {
    /// `recorded`, or `spelled` letter by letter.
    pub(in crate::http) source: &'static str,
    /// Where it is always played from; its letters are spoken when they are first fetched.
    pub(in crate::http) address: String,
    /// What is played; none where its letters were never spoken.
    pub(in crate::http) sound: Option<Sound>,
}

/// The name that a mailbox has, as portals see it.
#[derive(Debug, Serialize)]
pub(in crate::http) struct RecordedName {
    /// `recorded`, or `spelled` letter by letter.
    pub(in crate::http) source: &'static str,
    pub(in crate::http) prompt: PromptDetails,
}

/// All that a core plays for a service number.
#[derive(Debug, Serialize)]
pub(in crate::http) struct NumberPlayback {
    number: String,
    /// Every slot, with its message if that can be heard.
    messages: BTreeMap<&'static str, Option<Sound>>,
    announce_position: bool,
    announce_waiting_time: bool,
    announce_seconds: i64,
    /// The name of the play list for those who wait.
    playlist: Option<String>,
}

impl NumberPlayback {
    pub(in crate::http) fn new(
        details: service_numbers::Details,
        messages: BTreeMap<&'static str, Option<Sound>>,
    ) -> Self {
        Self {
            number: details.number.number,
            messages,
            announce_position: details.number.announce_position,
            announce_waiting_time: details.number.announce_waiting_time,
            announce_seconds: details.number.announce_seconds,
            playlist: details.playlist,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_plain() {
        for (text, name) in [
            ("Lobby", "Lobby"),
            ("Sales, after 6 PM", "Sales-after-6-PM"),
            ("../../etc/passwd", "etc-passwd"),
            ("日本語", "prompt"),
            ("a\r\nb", "a-b"),
            ("", "prompt"),
        ] {
            assert_eq!(file_name(text), name);
        }
        assert!(file_name(&"x".repeat(500)).len() <= 60);
    }
}
