//! Tells people of messages by mail and SMS: composes what is sent, and hands it to the next server.
//!
//! A [`Channel`] delivers bytes that were final before the first try, to one recipient at a time, so that a repeated try sends
//! the very same mail and one refused address never stops another.

#![forbid(unsafe_code)]

pub mod email;
pub mod sms;
mod tls;
pub mod wording;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use voicemill_types::{NoticeId, Time};

/// A way to reach people.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Delivers `message` to one recipient and returns what the next server answered.
    ///
    /// # Errors
    /// The variant tells what the next call is worth; see [`NotifyError`].
    async fn deliver(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError>;

    /// Whether it takes mail addresses with letters outside ASCII before their `@`.
    ///
    /// # Errors
    /// When the next server cannot be asked.
    async fn takes_smtputf8(&self) -> Result<bool, NotifyError> {
        Ok(false)
    }
}

/// One address; its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(String);

impl Recipient {
    /// An address as the mailbox holds it.
    pub fn new(address: impl Into<String>) -> Self {
        Self(address.into())
    }

    /// The address itself.
    pub fn address(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient(…)")
    }
}

/// What is sent, in its final form.
#[derive(Clone)]
pub struct Rendered {
    /// The notice it belongs to.
    pub notice_id: NoticeId,
    /// The sender: an address, to which what cannot be delivered comes back, or a number.
    pub sender: String,
    /// When the notice was queued.
    pub queued_at: Time,
    /// The final bytes, as they were stored before the first try.
    pub bytes: Bytes,
}

/// The next server took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What it said.
    pub answer: Answer,
    /// Its own name for what it took, by which it reports later, if it gave one.
    pub reference: Option<String>,
}

impl Receipt {
    /// A receipt of somebody who will report no more.
    pub fn new(answer: Answer) -> Self {
        Self { answer, reference: None }
    }
}

/// What a server said, or our own words when it said nothing.
///
/// Servers repeat addresses in what they say, so all of it is only for the notice's record; `Display` and `Debug` show no
/// more than the codes.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    text: String,
    loggable: String,
}

impl Answer {
    /// A reply of a server: its code and what it said after it.
    pub fn reply(code: u16, said: &str) -> Self {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let loggable = match said.split(' ').next().filter(|word| is_enhanced_code(word)) {
            Some(enhanced) => format!("{code} {enhanced}"),
            None => code.to_string(),
        };
        Self { text: format!("{code} {said}").trim_end().to_owned(), loggable }
    }

    /// An answer over HTTP: its status, the code inside it, if there is one, and what it says.
    pub fn coded(status: u16, code: Option<&str>, said: &str) -> Self {
        // Codes are short words; whatever else stands there is no code, and may name somebody.
        let plain =
            |code: &&str| code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let number = |code: &&str| code.len() < 7 || !code.bytes().all(|byte| byte.is_ascii_digit());
        let loggable = match code.filter(plain).filter(number) {
            Some(code) => format!("{status} {code}"),
            None => status.to_string(),
        };
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said: String = said.chars().take(500).collect();
        Self { text: format!("{loggable} {said}").trim_end().to_owned(), loggable }
    }

    /// Our own words, which name nobody.
    pub fn own(words: impl Into<String>) -> Self {
        let words = words.into();
        Self { loggable: words.clone(), text: words }
    }

    /// All of it, for the notice's record.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// True for the likes of `5.1.1` (RFC 3463).
fn is_enhanced_code(word: &str) -> bool {
    let mut parts = 0;
    let numbers = word.split('.').all(|part| {
        parts += 1;
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    numbers && parts == 3
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.loggable)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.loggable)
    }
}

/// Why a delivery did not succeed, by what is to be done about it.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Not taken for now: try again later.
    #[error("not taken for now: {0}")]
    Retry(Answer),
    /// This recipient will never be reached with this message: give up and report it.
    #[error("refused for this recipient: {0}")]
    Refused(Answer),
    /// The next server takes no mail of this size: send one without the audio instead.
    #[error("too large for the next server: {0}")]
    TooLarge(Answer),
    /// Our own account or configuration is refused: alert the operator and try again later; the recipient is blameless.
    #[error("our configuration is refused: {0}")]
    Misconfigured(Answer),
    /// The answer to the complete message was lost, so it may have been taken: send the same bytes once more at most.
    #[error("the answer was lost: {0}")]
    Unknown(Answer),
    /// As much is on its way to this destination as may be: come back after this long.
    #[error("as much is on its way there as may be; not before {0:?} from now")]
    Busy(Duration),
}

impl NotifyError {
    /// What the next server said, for the notice's record; nothing, where none was asked.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Retry(answer)
            | Self::Refused(answer)
            | Self::TooLarge(answer)
            | Self::Misconfigured(answer)
            | Self::Unknown(answer) => Some(answer),
            Self::Busy(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_names_nobody() {
        let answer = Answer::reply(550, "5.1.1 <eve@example.org>: no such user");
        assert_eq!(answer.text(), "550 5.1.1 <eve@example.org>: no such user");
        assert_eq!(answer.to_string(), "550 5.1.1");
        assert_eq!(Answer::reply(550, "eve@example.org is unknown").to_string(), "550");
        let error = NotifyError::Refused(answer);
        assert!(!format!("{error} {error:?}").contains("eve"));
        assert!(!format!("{:?}", Recipient::new("eve@example.org")).contains("eve"));
    }
}
