//! One thing that a provider of SMS told us: a report of delivery, or a reply.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voicemill_notify::sms::Callback;
use voicemill_queue::{Attempt, Job, JobError};
use voicemill_types::{PhoneNumber, Time, digits};

use crate::{
    app::App,
    events::Event,
    lanes::Lane,
    notices::{Medium, NoticeState, rows, sms_limits},
};

/// Takes note of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct SmsCallback {
    /// The callback.
    pub callback: Callback,
}

/// What stops all SMS of a sender to whoever replies it, and what lets them come again.
const STOP: &[&str] = &["STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"];
const START: &[&str] = &["START", "UNSTOP", "YES"];

impl Job for SmsCallback {
    type Context = App;
    const KIND: &'static str = "sms_callback";
    const LANE: &'static str = Lane::Io.name();
    const TIMEOUT: Duration = Duration::from_secs(60);
    const MAX_ATTEMPTS: u16 = 6;

    async fn run(&self, app: &App, attempt: &Attempt) -> Result<(), JobError> {
        let now = Time::from(app.clock.now());
        let mut transaction = app.begin().await?;
        let connection = transaction.connection();
        match &self.callback {
            Callback::Report { notice, reference, delivered, answer } => {
                let found = match (notice, reference) {
                    (Some(id), _) => rows::by_id(connection, *id).await?,
                    (None, Some(reference)) => rows::by_reference(connection, reference, Medium::Sms).await?,
                    (None, None) => None,
                };
                match found.filter(|notice| notice.medium == Medium::Sms) {
                    Some(notice) => {
                        let state = if *delivered { NoticeState::Delivered } else { NoticeState::Bounced };
                        let report = rows::Settled { state, answer, reference: reference.as_deref(), at: now };
                        rows::report(connection, notice.id, report).await?;
                        let settled = Event::NoticeSettled { notice: notice.id, message: notice.message_id, state };
                        transaction.emit(notice.domain_id, settled).await?;
                    }
                    // Reports overtake answers; and some are of SMS that are none of ours.
                    None if attempt.is_last() => {}
                    None => return Err(JobError::Retry(anyhow::anyhow!("the SMS that this reports is not known yet"))),
                }
            }
            Callback::Reply { from, to, text } => {
                let said = text.trim().trim_matches(['.', '!', '"']).to_uppercase();
                if STOP.contains(&said.as_str()) {
                    sms_limits::stop(connection, &key(to), &key(from), now).await?;
                } else if START.contains(&said.as_str()) {
                    sms_limits::start(connection, &key(to), &key(from)).await?;
                }
            }
        }
        Ok(transaction.finish(attempt).await?)
    }
}

/// A number or name in the one form that senders and recipients are compared by, however a provider writes it.
pub(crate) fn key(text: &str) -> String {
    let number = PhoneNumber::parse(text).or_else(|_| PhoneNumber::parse(&format!("+{}", digits(text))));
    number.map_or_else(|_| text.strip_prefix('+').unwrap_or(text).to_lowercase(), String::from)
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn one_number_has_one_key() {
        for written in ["+14155550132", "14155550132", "4155550132", "+1 415 555 0132"] {
            assert_eq!(key(written), "+14155550132", "{written}");
        }
        assert_eq!(key("+1 415"), "1 415");
        assert_eq!(key("+15550100"), key("15550100"), "a number that is none of North America's");
        assert_eq!((key("AcmeVM").as_str(), key("55512").as_str()), ("acmevm", "55512"));
    }
}
