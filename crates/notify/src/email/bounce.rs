//! Reads reports of delivery that mail servers send back, in the forms that they have (RFC 3464, RFC 6533, and older texts).
//!
//! Anybody can write to the address that reports come to. So nothing of a report is read but its own parts: what it gives
//! back of our mail is looked at as a head, however much is nested inside it.

mod fields;
mod parts;
mod texts;

use std::collections::HashSet;

use super::address::Address;
use fields::{Fields, ids};
use parts::Part;

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// What the mail it is about may be called, the likeliest first: Message-IDs without the angle brackets, and our own
    /// ids of envelopes.
    pub mails: Vec<String>,
    /// What became of it, a recipient each; one at least.
    pub outcomes: Vec<Outcome>,
}

/// What became of a mail for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The addresses that the report has for the recipient: the final one, and the one that was written to.
    pub recipients: Vec<String>,
    /// What became of it.
    pub fate: Fate,
    /// Why, in the last server's words.
    pub answer: String,
}

/// What became of a mail. Of several recipients none of whom is known, the last of these counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It arrived after all.
    Delivered,
    /// It is still tried.
    Delayed,
    /// It will not arrive.
    Failed,
}

/// Why a mail says nothing about one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBounce {
    /// It is no report of delivery.
    #[error(
        "this mail is no report of delivery: it has no part of the type message/delivery-status (RFC 3464), and is none of \
         the texts of qmail or Exim"
    )]
    OtherMail,
    /// It does not say which mail it is about.
    #[error(
        "this report does not say which mail it is about: it holds neither that mail nor its headers nor its Message-ID"
    )]
    Unnamed,
}

/// Longest answer that is kept, in characters.
const LONGEST_ANSWER: usize = 500;
/// Most recipients that are read of a report.
const MOST_RECIPIENTS: usize = 200;
/// Most names of mails that are read of a report, and the longest one in bytes.
const MOST_NAMES: (usize, usize) = (50, 300);

impl Bounce {
    /// Reads a report.
    pub fn read(mail: &[u8]) -> Result<Self, NoBounce> {
        let report = Part::read(mail);
        let mut leaves = Vec::new();
        report.leaves(&mut leaves);
        let status = leaves.iter().find(|part| part.is("message", &["delivery-status", "global-delivery-status"]));
        let mut found = match status {
            Some(status) => of_status(&status.text()),
            None => texts::read(&report).ok_or(NoBounce::OtherMail)?,
        };
        if found.outcomes.is_empty() {
            return Err(NoBounce::OtherMail);
        }
        // What is given back is surest; then comes what the report answers to.
        let given_back = leaves.iter().filter(|part| {
            part.is("message", &["rfc822", "global", "rfc822-headers", "global-headers"])
                || part.is("text", &["rfc822-headers"])
        });
        let mut mails: Vec<String> = given_back.flat_map(|part| named(&Fields::of(&part.text()))).collect();
        mails.append(&mut found.mails);
        let head = Fields::of(report.head());
        for field in ["X-Original-Message-ID", "In-Reply-To", "References"] {
            mails.extend(head.all(field).flat_map(ids));
        }
        let mut known = HashSet::new();
        mails.retain(|name| name.len() <= MOST_NAMES.1 && known.insert(name.clone()));
        mails.truncate(MOST_NAMES.0);
        if mails.is_empty() {
            return Err(NoBounce::Unnamed);
        }
        Ok(Self { mails, outcomes: found.outcomes })
    }

    /// What became of the mail for `recipient`. A report may tell of others, too: of those that a list stands for. Where it
    /// names the recipient nowhere, because the mail was forwarded, the worst of all counts.
    pub fn outcome_for(&self, recipient: &str) -> Option<&Outcome> {
        let plain =
            |text: &str| Address::parse(text).map_or(text.to_lowercase(), |address| address.as_str().to_lowercase());
        let wanted = plain(recipient);
        let is_for = |outcome: &&Outcome| outcome.recipients.iter().any(|found| plain(found) == wanted);
        self.outcomes.iter().find(is_for).or_else(|| self.outcomes.iter().max_by_key(|outcome| outcome.fate))
    }
}

/// The names that a head gives its mail, the original one first.
fn named(head: &Fields) -> Vec<String> {
    ["X-Original-Message-ID", "Message-ID"].iter().flat_map(|name| head.all(name).flat_map(ids)).collect()
}

/// Reads the fields of a delivery status: those of the mail, then a block a recipient.
fn of_status(text: &str) -> Bounce {
    let (mut mails, mut outcomes) = (Vec::new(), Vec::new());
    for block in fields::blocks(text).into_iter().take(MOST_RECIPIENTS) {
        mails.extend(block.all("Original-Envelope-Id").map(|id| id.trim().to_owned()));
        mails.extend(named(&block));
        let status = block.first("Status").unwrap_or_default();
        let Some(fate) = fate(block.first("Action").as_deref(), &status) else { continue };
        let diagnosis = block.first("Diagnostic-Code").unwrap_or_default();
        let diagnosis = typed(&diagnosis);
        let answer = format!("{} {diagnosis}", fields::without_comments(&status));
        let recipients = ["Final-Recipient", "Original-Recipient"].iter().filter_map(|name| block.first(name));
        let recipients = recipients.map(|recipient| typed(&recipient).trim_matches(['<', '>']).to_owned()).collect();
        outcomes.push(Outcome { recipients, fate, answer: shortened(&answer) });
    }
    mails.retain(|name| !name.is_empty());
    Bounce { mails, outcomes }
}

/// What an action means; a comment may stand behind it. Where there is none, the status says it.
fn fate(action: Option<&str>, status: &str) -> Option<Fate> {
    let action = action.map(fields::without_comments).unwrap_or_default().to_ascii_lowercase();
    match action.as_str() {
        "failed" => Some(Fate::Failed),
        "delayed" => Some(Fate::Delayed),
        "delivered" | "relayed" | "expanded" => Some(Fate::Delivered),
        "" => match status.trim_start().chars().next()? {
            '5' => Some(Fate::Failed),
            '4' => Some(Fate::Delayed),
            '2' => Some(Fate::Delivered),
            _ => None,
        },
        _ => None,
    }
}

/// What stands behind the type of an address or a diagnosis: `rfc822; dana@example.com`.
fn typed(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, value)| value).trim()
}

fn shortened(answer: &str) -> String {
    answer.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST_ANSWER).collect()
}

#[cfg(test)]
mod tests;
