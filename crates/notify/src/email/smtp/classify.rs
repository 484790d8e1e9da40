//! What a failed step means for the mail and its recipient.

use std::{error::Error as _, io};

use lettre::transport::smtp::{Error, response::Response};

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
    Reply(u16, String),
    /// The connection broke, or an answer did not come in time.
    Broken(String),
    /// The server cannot do, or prove, what our configuration asks of it.
    Unfit(String),
}

impl Failure {
    /// What it means at `stage`.
    pub(super) fn at(self, stage: Stage) -> NotifyError {
        match (self, stage) {
            (Self::Reply(code, said), _) if (400..500).contains(&code) => {
                NotifyError::Retry(Answer::reply(code, &said))
            }
            // The server wants a login, or another one: never the recipient's fault, whenever it says so.
            (Self::Reply(code @ (530 | 534 | 535 | 538), said), _) | (Self::Reply(code, said), Stage::Setup) => {
                NotifyError::Misconfigured(Answer::reply(code, &said))
            }
            (Self::Reply(code, said), Stage::Recipient | Stage::End) => {
                NotifyError::Refused(Answer::reply(code, &said))
            }
            (Self::Unfit(why), _) => NotifyError::Misconfigured(Answer::own(why)),
            (Self::Broken(how), Stage::End) => NotifyError::Unknown(Answer::own(how)),
            (Self::Broken(how), Stage::Setup | Stage::Recipient) => NotifyError::Retry(Answer::own(how)),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(code) = error.status() {
            let said = error.source().map(ToString::to_string).unwrap_or_default();
            return Self::Reply(code.into(), said);
        }
        match system_error(&error) {
            // This is how rustls reports a certificate that it does not trust.
            Some(system) if system.kind() == io::ErrorKind::InvalidData => Self::Unfit(system.to_string()),
            Some(system) => Self::Broken(system.to_string()),
            None if error.is_client() || error.is_tls() => Self::Unfit(error.to_string()),
            None => Self::Broken("the connection broke off".to_owned()),
        }
    }
}

/// The system's error at the root of lettre's, if there is one.
fn system_error(error: &Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(system) = error.downcast_ref() {
            return Some(system);
        }
        source = error.source();
    }
    None
}

/// A good answer, for the record.
pub(super) fn answer(response: &Response) -> Answer {
    let said: Vec<&str> = response.message().collect();
    Answer::reply(response.code().into(), &said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(failure: Failure, stage: Stage) -> &'static str {
        match failure.at(stage) {
            NotifyError::Retry(_) => "retry",
            NotifyError::Refused(_) => "refused",
            NotifyError::Misconfigured(_) => "misconfigured",
            NotifyError::Unknown(_) => "unknown",
            NotifyError::Busy(_) => "busy",
        }
    }

    #[test]
    fn replies_are_judged_by_code_and_stage() {
        let reply = |code| Failure::Reply(code, String::new());
        for (code, at_setup, at_recipient, at_end) in [
            (421, "retry", "retry", "retry"),
            (450, "retry", "retry", "retry"),
            (454, "retry", "retry", "retry"),
            (530, "misconfigured", "misconfigured", "misconfigured"),
            (535, "misconfigured", "misconfigured", "misconfigured"),
            (550, "misconfigured", "refused", "refused"),
            (552, "misconfigured", "refused", "refused"),
            (554, "misconfigured", "refused", "refused"),
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
