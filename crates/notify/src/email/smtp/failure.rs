//! What a failed step means for the mail and its recipient.

use std::io;

use super::reply::Reply;
use crate::{Answer, NotifyError};

/// How far a mail has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connection, encryption, login and sender: nothing about the recipient yet.
    Setup,
    /// The recipient, and the mail up to its final dot.
    Recipient,
    /// The final dot is written, or may be: from here on the server may have taken the mail.
    End,
}

/// What went wrong, whatever it means.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said no.
    Reply(Reply),
    /// The connection broke, or an answer did not come in time.
    Broken(String),
    /// The server cannot do, or prove, what our configuration asks of it.
    Unfit(String),
    /// The server cannot take a mail to this recipient.
    Unable(&'static str),
    /// The server says beforehand that it takes no mail of this size.
    TooLarge {
        /// Bytes of the mail.
        bytes: usize,
        /// Most bytes that it takes.
        limit: usize,
    },
}

impl Failure {
    /// What it means at `stage`.
    pub(super) fn at(self, stage: Stage) -> NotifyError {
        match (self, stage) {
            (Self::Reply(reply), _) if (400..500).contains(&reply.code) => NotifyError::Retry(reply.answer()),
            (Self::Reply(reply), _) if reply.is_too_large() => NotifyError::TooLarge(reply.answer()),
            // The server wants a login, or another one: never the recipient's fault, whenever it says so.
            (Self::Reply(reply), _) if matches!(reply.code, 530 | 534 | 535 | 538) => {
                NotifyError::Misconfigured(reply.answer())
            }
            (Self::Reply(reply), Stage::Setup) if reply.code >= 500 => NotifyError::Misconfigured(reply.answer()),
            (Self::Reply(reply), Stage::Recipient | Stage::End) if reply.code >= 500 => {
                NotifyError::Refused(reply.answer())
            }
            // An answer to another question.
            (Self::Reply(reply), Stage::End) => NotifyError::Unknown(reply.answer()),
            (Self::Reply(reply), Stage::Setup | Stage::Recipient) => NotifyError::Retry(reply.answer()),
            (Self::Unfit(why), _) => NotifyError::Misconfigured(Answer::own(why)),
            (Self::Unable(why), _) => NotifyError::Refused(Answer::own(why)),
            (Self::TooLarge { bytes, limit }, _) => NotifyError::TooLarge(Answer::own(format!(
                "the mail has {bytes} bytes, and the server takes at most {limit} (SIZE)"
            ))),
            (Self::Broken(how), Stage::End) => NotifyError::Unknown(Answer::own(how)),
            (Self::Broken(how), Stage::Setup | Stage::Recipient) => NotifyError::Retry(Answer::own(how)),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Broken("the server closed the connection".to_owned()),
            _ => Self::Broken(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(failure: Failure, stage: Stage) -> &'static str {
        match failure.at(stage) {
            NotifyError::Retry(_) => "retry",
            NotifyError::Refused(_) => "refused",
            NotifyError::TooLarge(_) => "too large",
            NotifyError::Misconfigured(_) => "misconfigured",
            NotifyError::Unknown(_) => "unknown",
            NotifyError::Busy(_) => "busy",
        }
    }

    #[test]
    fn replies_are_judged_by_code_and_stage() {
        let reply = |code| Failure::Reply(Reply { code, lines: vec!["\u{fffd}".to_owned()] });
        for (code, at_setup, at_recipient, at_end) in [
            (421, "retry", "retry", "retry"),
            (450, "retry", "retry", "retry"),
            (454, "retry", "retry", "retry"),
            (530, "misconfigured", "misconfigured", "misconfigured"),
            (535, "misconfigured", "misconfigured", "misconfigured"),
            (550, "misconfigured", "refused", "refused"),
            (552, "too large", "too large", "too large"),
            (554, "misconfigured", "refused", "refused"),
            (354, "retry", "retry", "unknown"),
        ] {
            let found = [Stage::Setup, Stage::Recipient, Stage::End].map(|stage| class(reply(code), stage));
            assert_eq!(found, [at_setup, at_recipient, at_end], "{code}");
        }
    }

    #[test]
    fn only_after_the_final_dot_is_a_broken_connection_unknown() {
        let found =
            [Stage::Setup, Stage::Recipient, Stage::End].map(|stage| class(Failure::Broken(String::new()), stage));
        assert_eq!(found, ["retry", "retry", "unknown"]);
    }
}
