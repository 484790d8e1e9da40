//! The English of every code: the one place where reasons become sentences. A translation is another file like this.
//!
//! A sentence says what is wrong, what was expected, and what to do.

use std::fmt;

use crate::{
    error::ServiceError,
    events::TYPES,
    keys::Role,
    refusal::{Conflict, Failure, RequestRefusal, Rule, Thing, WorkFailure},
};

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address {} => "address",
            Self::BouncedMail {} => "mail as the one that this report is about",
            Self::BouncedRecipient {} => "recipient in this report",
            Self::Domain {} => "domain",
            Self::Hold {} => "hold",
            Self::File {} => "file",
            Self::Event {} => "event; those older than 30 days are not kept",
            Self::Job {} => "unfinished job of this number",
            Self::Key {} => "API key",
            Self::Link {} => "link",
            Self::MailTemplate {} => "mail template",
            Self::Mailbox {} => "mailbox",
            Self::Message {} => "message",
            Self::MissedCall {} => "missed call",
            Self::Notice {} => "notice",
            Self::Playlist {} => "play list",
            Self::Prompt {} => "prompt",
            Self::PromptVersion {} => "version of this prompt; those that were replaced are kept for 30 days",
            Self::Pronunciation {} => "pronunciation",
            Self::Recording {} => "recording",
            Self::Rendition {} => "rendition",
            Self::ServiceNumber {} => "service number",
            Self::Token {} => "token",
            Self::Transcript {} => "transcript",
            Self::Voice {} => "voice",
            Self::Webhook {} => "webhook",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { thing, value } => {
                write!(f, "{value:.110?} is no name of a {thing}: use 1 to 100 letters, digits or . - _ * # +")
            }
            Self::UnknownTimeZone { value } => {
                write!(f, "{value:.110?} is no IANA time zone; use one such as America/New_York")
            }
            Self::BadLocale {} => write!(f, "the locale must be a language tag such as en-US"),
            Self::BadBrand {} => {
                write!(f, "the brand must have 1 to 100 characters, none of them a control character")
            }
            Self::UnknownLanguage { value } => write!(
                f,
                "{value:.110?} is no language that can be transcribed; use an ISO 639-1 code such as en, es or de, or null \
                 to have it heard from the audio"
            ),
            Self::BadMailAddress { address, cause } => write!(f, "{address:?} cannot be mailed to: {cause}"),
            Self::NeedsSmtputf8 { address } => write!(
                f,
                "{address:?} cannot be mailed to: its name has letters outside ASCII, and the mail server does not take \
                 those (SMTPUTF8); use another address"
            ),
            Self::SmtputfUnknown { address } => write!(
                f,
                "{address:?} cannot be mailed to: its name has letters outside ASCII, and the mail server cannot be asked \
                 now whether it takes those; try again later, or use another address"
            ),
            Self::BadSender { address, cause } => write!(f, "{address:?} can send no mail: {cause}"),
            Self::BadSmsSender { value } => write!(
                f,
                "{value:?} can send no SMS: use a number in E.164 form, a short code, or a name of at most 11 letters and \
                 digits"
            ),
            Self::OutOfRange { field, given, least, most } => {
                write!(f, "{field} is {given}; it must lie between {least} and {most}")
            }
            Self::UnknownMailbox { value } => {
                write!(f, "the domain has no other mailbox {value:.110?}; name the extension of one that it has")
            }
            Self::NothingToHold {} => write!(
                f,
                "there is nothing of the kind to be kept; name a mailbox by its extension, a message or recording by its id"
            ),
            Self::TargetsMissing {} => write!(f, "name at least one extension to forward to"),
            Self::TooMany { field, most } => write!(f, "there are too many {field}; there may be at most {most}"),
            Self::BadLength { field, most } => write!(f, "the {field} must have 1 to {most} bytes"),
            Self::IdMissing { thing } => {
                write!(f, "the {thing} needs the call core's id, so that sending it twice makes one {thing}")
            }
            Self::BytesMissing {} => write!(f, "its bytes are missing"),
            Self::ZeroCharacter {} => write!(f, "a text may not hold the character of value zero"),
            Self::ScriptEmpty {} => write!(f, "the script is empty; type the words to be spoken"),
            Self::ScriptMissing {} => {
                write!(f, "this prompt was uploaded: it has no script that a voice could speak; send a script too")
            }
            Self::VoiceNotInstalled { voice, model } => {
                write!(f, "the voice {voice} is not installed here: it needs the model {model}")
            }
            Self::ExtensionMissing {} => write!(f, "a greeting or recorded name needs the mailbox's extension"),
            Self::UnknownPrompt {} => write!(f, "the domain has no such prompt"),
            Self::UnknownPlaylist {} => write!(f, "the domain has no play list of this name; make it first"),
            Self::WrongPromptKind { wanted } => {
                write!(f, "this takes a prompt of the kind {wanted}, and this one is of another")
            }
            Self::UnknownPromptKind { value } => write!(
                f,
                "{value:.40?} is no kind of prompt; use greeting, recorded_name, hold_music, hold_introduction, \
                 hold_message or service_message"
            ),
            Self::OperatorKey {} => write!(
                f,
                "operators' keys, and no others, are made at /v1/keys; those of a domain are core, media, portal and compliance"
            ),
            Self::BadLabel { field, most } => {
                write!(f, "the {field} must have 1 to {most} characters, none of them a control character")
            }
            Self::MailboxesOfRole {} => {
                write!(f, "a user's token names the mailboxes that it opens; a manager's opens all, and names none")
            }
            Self::BadWebhookName { most } => {
                write!(f, "a webhook's name must have 1 to {most} characters, none of them a control character")
            }
            Self::NamedTwice {} => write!(f, "name each entry once"),
            Self::UnknownEventType { value } => {
                write!(f, "there are no events of the type {value:.110?}; the types are {}", TYPES.join(", "))
            }
            Self::BadListCursor {} => write!(
                f,
                "this is no cursor of this list; send the next_cursor of its last page, with the filters that the page was asked with"
            ),
            Self::BadCursor {} => {
                write!(f, "this is no cursor; send the next_cursor of a page, or the id of an event in a stream")
            }
            Self::EventsMissing {} => write!(f, "say which events: by their ids, their types, or from when on"),
            Self::UnknownField {} => write!(f, "there is no field of this name; leave it out, or correct its name"),
            Self::NotAnObject {} => write!(f, "it must be a JSON object: {{ … }}"),
            Self::BadJson { cause } => write!(f, "it is no JSON: {cause}"),
            Self::FileMissing {} => {
                write!(f, "there is no file; send the audio as a part named \"file\" with a file name")
            }
            Self::FileTwice {} => write!(f, "there are two files; send one"),
            Self::FileEncoded {} => write!(f, "the file has a Content-Transfer-Encoding; send the bytes as they are"),
            Self::FieldTooLong { most } => write!(
                f,
                "the field is longer than {most} bytes; if it is the audio, send it as a part named \"file\" with a file \
                 name"
            ),
            Self::FormTooLarge { most } => {
                write!(f, "more than {most} bytes of it are no file; send less beside the file")
            }
            Self::FormBroken {} => write!(f, "it breaks off, or is not as RFC 7578 has it; send it again"),
            Self::BoundaryMissing {} => {
                write!(f, "its Content-Type names no boundary; let your HTTP library set the header")
            }
            Self::BoundaryTooLong { most } => {
                write!(f, "its Content-Type is longer than {most} bytes; a boundary has at most 70 characters")
            }
            Self::BadNumber { cause }
            | Self::BadQuietHours { cause }
            | Self::BadScript { cause }
            | Self::UnknownVoice { cause }
            | Self::BadPronunciation { cause }
            | Self::BadTemplate { cause }
            | Self::BadWebhookAddress { cause }
            | Self::BadReport { cause }
            | Self::BadValue { cause } => f.write_str(cause),
        }
    }
}

impl fmt::Display for RequestRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyMissing {} => {
                write!(f, "send a key: Authorization: Bearer KEY, or Basic with the key as password")
            }
            Self::UnknownKey {} => write!(f, "this key is not known, or not good any more"),
            Self::WrongKey { needed } => {
                let names: Vec<_> = needed.iter().map(|role| key_of(*role)).collect();
                write!(f, "this needs {}", names.join(", or "))
            }
            Self::WrongAddress {} => write!(
                f,
                "this key may not be used from your address; have the operator make one that may, or ask from another address"
            ),
            Self::KeyInAddress {} => {
                write!(
                    f,
                    "addresses end up in logs: only a media key may stand there; send others as Authorization: Bearer KEY"
                )
            }
            Self::ActsForNobody {} => {
                write!(
                    f,
                    "only a portal's key acts for a mailbox, whose extension Voicemill-Act-For names; leave it out"
                )
            }
            Self::RateLimited { per_second, burst } => write!(
                f,
                "this key asks too often: {per_second} requests a second on the whole, and {burst} at once, are what it may; \
                 wait as long as Retry-After says"
            ),
            Self::MethodNotAllowed { method, allowed } if allowed.is_empty() => {
                write!(f, "{method} means nothing at this address; Allow names what it takes")
            }
            Self::MethodNotAllowed { method, allowed } => {
                write!(f, "{method} means nothing at this address; it takes {}", allowed.join(", "))
            }
            Self::BadIdempotencyKey { most } => write!(
                f,
                "the Idempotency-Key must have 1 to {most} visible ASCII characters; use a new UUID for each thing to be made"
            ),
            Self::InFlight {} => {
                write!(f, "a request with this idempotency key is under way; ask again when Retry-After says")
            }
            Self::AnswerNotKept { effect } => write!(
                f,
                "a request with this idempotency key was done, and its answer is not kept: look at {effect}, or use another key"
            ),
            Self::IdempotencyKeyReused {} => {
                write!(f, "this idempotency key was used for another request; use a new key for each")
            }
            Self::OtherOrigin {} => write!(f, "only the message's own page can say that it was played"),
            Self::TooManyFailures {} => write!(f, "too many wrong keys came from your network; try again later"),
            Self::TooManyStreams { most } => {
                write!(f, "this key holds {most} streams open already; close one first")
            }
            Self::HostMissing {} => write!(f, "the request has no Host header; HTTP/1.1 needs one"),
            Self::HostTwice {} => write!(f, "the request has several Host headers; send one"),
            Self::BadHost {} => write!(f, "the Host header is no host name or address, with or without a port"),
            Self::NotJson {} => write!(f, "the body must be JSON: send it with Content-Type: application/json"),
            Self::ContentTypeMissing {} => write!(f, "the request has no Content-Type; {SEND_A_FORM}"),
            Self::NotAForm { value } => write!(f, "the body is {value:.60}; {SEND_A_FORM}"),
            Self::FormAsAudio {} => write!(
                f,
                "the body is a form, but its Content-Type does not say so; send multipart/form-data with its boundary, or \
                 the audio alone"
            ),
            Self::UnknownEncoding { value } => write!(
                f,
                "the Content-Encoding {value:.60?} is not read here; send the body as it is, or as gzip or deflate"
            ),
            Self::BadBody {} => write!(f, "the body cannot be taken"),
            Self::BadForm {} => write!(f, "the form cannot be taken"),
            Self::BadQuery {} => write!(f, "the query cannot be taken"),
            Self::BodyTooLarge {} => write!(f, "the body is larger than this address takes; send less"),
            Self::BodyTooSlow {} => write!(f, "the body came too slowly; send it again"),
            Self::RangeOutside {} => write!(f, "the range lies outside the file"),
        }
    }
}

/// How uploads by form are made.
const SEND_A_FORM: &str = "send multipart/form-data, as HTML forms do: the fields, and the audio as a part \"file\"";

fn key_of(role: Role) -> &'static str {
    match role {
        Role::Core => "a core's key",
        Role::Media => "a media key",
        Role::Portal => "a portal's key",
        Role::Compliance => "a compliance key",
        Role::Operator => "the operators' key",
        Role::User => "a user's token",
        Role::Manager => "a manager's token",
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, mark) = match self {
            Self::DomainExists { name } => return write!(f, "there is a domain {name} already; use another name"),
            Self::WrongMove {} => {
                return write!(
                    f,
                    "no message becomes new again; mark it as not read with \"read\": false, or forward it to its own mailbox"
                );
            }
            Self::OnHold {} => {
                return write!(f, "this must be kept: it is under a legal hold, which the operators can release");
            }
            Self::NotInTrash {} => {
                return write!(
                    f,
                    "only what lies in the trash is deleted for good; move the message there, or delete it with ?now=true"
                );
            }
            Self::ChangedMeanwhile {} => {
                return write!(f, "somebody else replaced this prompt just now; look at it and try again");
            }
            Self::InUse { by } => {
                return write!(
                    f,
                    "this is in use by {}; choose another there first, or send force=true",
                    by.join(", ")
                );
            }
            Self::NotPlayable {} => {
                return write!(f, "nothing of this greeting can be heard; give it other audio or another script first");
            }
            Self::PromptExists {} => {
                return write!(f, "the mailbox has one already; replace its audio or its script");
            }
            Self::NotRetryable {} => {
                return write!(f, "the job is no dead letter, or another with its key is under way");
            }
            Self::NotDiscarded {} => return write!(f, "the job is no dead letter; cancel it first"),
            Self::AlreadyDiscarded {} => return write!(f, "the job is given up already"),
            Self::KeysFull { most } => {
                return write!(f, "there are {most} keys, as many as there may be; revoke one first");
            }
            Self::KeyRevoked {} => return write!(f, "this key is revoked for good; make another"),
            Self::TokensFull { most } => {
                return write!(
                    f,
                    "{most} tokens are good in this domain, as many as there may be; revoke some, or let them end"
                );
            }
            Self::WebhooksFull { most } => {
                return write!(f, "a domain has at most {most} webhooks; delete one first");
            }
            Self::WebhookDisabled {} => return write!(f, "this webhook is disabled; enable it first"),
            Self::StoreOfAnother { mark } => ("the store belongs to another database", mark),
            Self::StoreIsKnown { mark } => {
                ("the store belongs to a database, and this one is new, or older than the store", mark)
            }
            Self::StoreIsUnknown { mark } => {
                ("the database belongs to another store: nothing of what lies in this one is known", mark)
            }
        };
        write!(
            f,
            "store and database were not compared, and nothing was removed: {what}; check database.url and storage, and \
             restore the database that belongs to this store; if this is meant, remove {mark} from the store"
        )
    }
}

impl fmt::Display for WorkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMedia {} => write!(f, "There is no media: the core sent no leg."),
            Self::NotSpoken { cause } => write!(f, "The script cannot be spoken: {cause}."),
            Self::GivenUp {} => write!(
                f,
                "The work on it was given up for a reason of ours, which is kept for the operators. The original is kept \
                 too, so that they can start it anew."
            ),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work(failure) => failure.fmt(f),
            Self::Audio(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(thing) => write!(f, "there is no such {thing}"),
            Self::Unproven { missing } => f.write_str(missing),
            Self::Gone => write!(f, "the link has expired"),
            Self::Invalid { rule, .. } => rule.fmt(f),
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::ChangedMeanwhile => write!(
                f,
                "it is not as your If-Match or If-None-Match has it: somebody changed, made or deleted it meanwhile; get it, \
                 look at it, and send its ETag as If-Match"
            ),
            Self::PreconditionMissing => write!(
                f,
                "this would replace all of what stands; to change some of it use PATCH, and to replace it send its ETag as \
                 If-Match (or If-Match: *)"
            ),
            Self::Audio(fault) => fault.fmt(f),
            Self::MailboxFull { extension, stored, quota, more } => write!(
                f,
                "mailbox {extension} is full: it holds {stored} of {quota} bytes, and {more} more do not fit; delete \
                 messages or raise its quota"
            ),
            Self::TooLarge { limit } => write!(
                f,
                "the body is larger than the limit of {limit} bytes; send a shorter recording or a compressed format"
            ),
            Self::BodyBroken => write!(f, "the body broke off before its end; send it again"),
            Self::Full => write!(f, "the store is full; nothing was kept, try again later"),
            Self::Unavailable(_) => write!(f, "this cannot be done at the moment; try again in a few seconds"),
            Self::Internal(_) => write!(f, "this failed for a reason of our own; it has been logged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    /// Makes the reason of each code from parameters that suit them all, and checks its words.
    fn each_has_words<R: DeserializeOwned + fmt::Display>(codes: &[&str], code_of: impl Fn(&R) -> &'static str) {
        let mut sentences = BTreeSet::new();
        for code in codes {
            let reason: R = serde_json::from_value(json!({
                "code": code, "thing": {"code": "mailbox"}, "value": "text", "given": 7, "address": "a@b", "cause": format!("cause of {code}"),
                "field": "pauses", "least": 1.0, "most": 5, "voice": "v", "model": "m", "name": "n", "mark": "k", "by": ["x"], "wanted": "w", "needed": ["core"],
                "method": "PUT", "allowed": ["GET"], "per_second": 50, "burst": 100, "effect": "prompts/7",
            }))
            .unwrap_or_else(|error| panic!("{code}: {error}"));
            assert_eq!(code_of(&reason), *code);
            let sentence = reason.to_string();
            assert!(sentence.chars().filter(|letter| letter.is_alphabetic()).count() > 3, "{code}: {sentence:?}");
            assert!(sentences.insert(sentence.clone()), "{code} has the words of another: {sentence}");
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(code.bytes().all(plain), "{code} is no snake_case");
        }
        assert!(!codes.is_empty());
    }

    #[test]
    fn every_code_has_words_of_its_own() {
        each_has_words::<Thing>(Thing::CODES, Thing::code);
        each_has_words::<Conflict>(Conflict::CODES, Conflict::code);
        each_has_words::<WorkFailure>(WorkFailure::CODES, WorkFailure::code);
        each_has_words::<Rule>(Rule::CODES, Rule::code);
        each_has_words::<RequestRefusal>(RequestRefusal::CODES, RequestRefusal::code);
    }
}
