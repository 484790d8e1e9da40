//! Why something was refused or failed: a code that stays, and its parameters. The words are made in [`crate::words`].

use serde::{Deserialize, Serialize};
use voicemill_audio::format::Fault;

use crate::keys::Role;

/// Defines reasons, so that variant, parameters and code of each stand together.
macro_rules! codes {
    ($(#[$doc:meta])* $enum:ident { $($(#[$one:meta])* $name:ident { $($field:ident: $type:ty),* } $code:literal)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "code")]
        #[non_exhaustive]
        pub enum $enum {
            $($(#[$one])* #[serde(rename = $code)] $name { $($field: $type),* },)*
        }

        impl $enum {
            /// Every code there is.
            pub const CODES: &'static [&'static str] = &[$($code),*];

            /// The name of the reason, which stays when its sentence changes.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }
        }
    };
}

codes! {
    /// Something that is looked for and may not be there.
    Thing {
        /// An address of the service.
        Address {} "address"
        /// The mail that a report of delivery is about.
        BouncedMail {} "bounced_mail"
        /// The recipient that a report of delivery is about.
        BouncedRecipient {} "bounced_recipient"
        /// A domain.
        Domain {} "domain"
        /// A legal hold.
        Hold {} "hold"
        /// Bytes in the store.
        File {} "file"
        /// An event that is kept.
        Event {} "event"
        /// An unfinished job.
        Job {} "job"
        /// A key that was handed out.
        Key {} "key"
        /// A mailed link.
        Link {} "link"
        /// A domain's own mail template.
        MailTemplate {} "mail_template"
        /// A mailbox.
        Mailbox {} "mailbox"
        /// A voicemail.
        Message {} "message"
        /// A missed call.
        MissedCall {} "missed_call"
        /// A mail or SMS.
        Notice {} "notice"
        /// A play list.
        Playlist {} "playlist"
        /// A prompt.
        Prompt {} "prompt"
        /// A version of a prompt that is kept.
        PromptVersion {} "prompt_version"
        /// How a word is said.
        Pronunciation {} "pronunciation"
        /// A call's recording.
        Recording {} "recording"
        /// An encoding of media.
        Rendition {} "rendition"
        /// A service number.
        ServiceNumber {} "service_number"
        /// A token that a portal made for a person.
        Token {} "token"
        /// What was said.
        Transcript {} "transcript"
        /// A voice.
        Voice {} "voice"
        /// An endpoint that events are sent to.
        Webhook {} "webhook"
    }
}

codes! {
    /// A rule that a request breaks. `cause` is what the crate that checked it says, in English.
    #[expect(missing_docs, reason = "the parameters are the words of the sentence that is made of them")]
    Rule {
        /// A name has characters, or a length, that names may not have.
        BadName { thing: Thing, value: String } "bad_name"
        /// A time zone that is not IANA's.
        UnknownTimeZone { value: String } "unknown_time_zone"
        /// A language tag that is none.
        BadLocale {} "bad_locale"
        /// A brand that is empty, too long, or not printable.
        BadBrand {} "bad_brand"
        /// A language that nobody transcribes.
        UnknownLanguage { value: String } "unknown_language"
        /// An address that no mail server takes.
        BadMailAddress { address: String, cause: String } "bad_mail_address"
        /// An address with letters that the next mail server does not take.
        NeedsSmtputf8 { address: String } "needs_smtputf8"
        /// An address with letters of which the next mail server does not say whether it takes them.
        SmtputfUnknown { address: String } "smtputf8_unknown"
        /// An address that no mail can come from.
        BadSender { address: String, cause: String } "bad_sender"
        /// A number or name that no SMS can come from.
        BadSmsSender { value: String } "bad_sms_sender"
        /// A telephone number that is none.
        BadNumber { cause: String } "bad_number"
        /// Hours that are none.
        BadQuietHours { cause: String } "bad_quiet_hours"
        /// A number that is too small or too large.
        OutOfRange { field: String, given: f64, least: f64, most: f64 } "out_of_range"
        /// An extension that nobody has, or that may not be named there.
        UnknownMailbox { value: String } "unknown_mailbox"
        /// Something that is to be kept, and that there is not.
        NothingToHold {} "nothing_to_hold"
        /// A message that is forwarded to nobody.
        TargetsMissing {} "targets_missing"
        /// More entries than there may be.
        TooMany { field: String, most: usize } "too_many"
        /// A text that is empty or too long.
        BadLength { field: String, most: usize } "bad_length"
        /// What a core hands over has no id.
        IdMissing { thing: Thing } "id_missing"
        /// What a core handed over has no bytes.
        BytesMissing {} "bytes_missing"
        /// A text with the character of value zero.
        ZeroCharacter {} "zero_character"
        /// A script without words.
        ScriptEmpty {} "script_empty"
        /// A script that cannot be spoken.
        BadScript { cause: String } "bad_script"
        /// Another voice or manner for a prompt without a script.
        ScriptMissing {} "script_missing"
        /// A voice that does not exist.
        UnknownVoice { cause: String } "unknown_voice"
        /// A voice whose model is not here.
        VoiceNotInstalled { voice: String, model: String } "voice_not_installed"
        /// A greeting or recorded name of nobody.
        ExtensionMissing {} "extension_missing"
        /// A prompt that the domain does not have.
        UnknownPrompt {} "unknown_prompt"
        /// A play list that the domain does not have.
        UnknownPlaylist {} "unknown_playlist"
        /// A prompt of another kind than is wanted.
        WrongPromptKind { wanted: String } "wrong_prompt_kind"
        /// A kind of prompt that does not exist.
        UnknownPromptKind { value: String } "unknown_prompt_kind"
        /// A pronunciation that no voice can say.
        BadPronunciation { cause: String } "bad_pronunciation"
        /// A mail template that does not work.
        BadTemplate { cause: String } "bad_template"
        /// An operator's key for a domain, or a domain's for none.
        OperatorKey {} "operator_key"
        /// A text for people that is empty, too long, or not printable.
        BadLabel { field: String, most: usize } "bad_label"
        /// A user's token without mailboxes, or a manager's with some.
        MailboxesOfRole {} "mailboxes_of_role"
        /// A mail that is no report of delivery.
        BadReport { cause: String } "bad_report"
        /// A webhook's name that is empty, too long, or not printable.
        BadWebhookName { most: usize } "bad_webhook_name"
        /// An address that events are not sent to.
        BadWebhookAddress { cause: String } "bad_webhook_address"
        /// A list with the same entry twice.
        NamedTwice {} "named_twice"
        /// A type of event that there is not.
        UnknownEventType { value: String } "unknown_event_type"
        /// A place in a list that is none.
        BadCursor {} "bad_cursor"
        /// A cursor that is none, or one of another list.
        BadListCursor {} "bad_list_cursor"
        /// A replay of nothing in particular.
        EventsMissing {} "events_missing"
        /// A field that the request may not have.
        UnknownField {} "unknown_field"
        /// A field whose value is not of its type.
        BadValue { cause: String } "bad_value"
        /// A body that is JSON, and no object.
        NotAnObject {} "not_an_object"
        /// A body that is no JSON.
        BadJson { cause: String } "bad_json"
        /// A form without a file.
        FileMissing {} "file_missing"
        /// A form with a second file.
        FileTwice {} "file_twice"
        /// A file that is wrapped once more.
        FileEncoded {} "file_encoded"
        /// A form's text that is too long.
        FieldTooLong { most: usize } "field_too_long"
        /// A form with too much beside its file.
        FormTooLarge { most: u64 } "form_too_large"
        /// A form that breaks off, or is none.
        FormBroken {} "form_broken"
        /// A form whose parts cannot be told apart.
        BoundaryMissing {} "boundary_missing"
        /// A form whose parts are told apart by too much.
        BoundaryTooLong { most: usize } "boundary_too_long"
    }
}

codes! {
    /// Why a request was refused before any subject saw it.
    #[expect(missing_docs, reason = "the parameters are the words of the sentence that is made of them")]
    RequestRefusal {
        /// There is no key.
        KeyMissing {} "key_missing"
        /// The key is nobody's.
        UnknownKey {} "unknown_key"
        /// The key or token is for something else.
        WrongKey { needed: Vec<Role> } "wrong_key"
        /// The key is good, but not where it was used.
        WrongAddress {} "wrong_address"
        /// A key in an address that is for no logs.
        KeyInAddress {} "key_in_address"
        /// Only a portal acts for somebody.
        ActsForNobody {} "acts_for_nobody"
        /// The key asks too often.
        RateLimited { per_second: u32, burst: u32 } "rate_limited"
        /// The address takes other methods; none is named where its answer's `Allow` alone does.
        MethodNotAllowed { method: String, allowed: Vec<String> } "method_not_allowed"
        /// An idempotency key is empty, too long, or not visible.
        BadIdempotencyKey { most: usize } "bad_idempotency_key"
        /// A request with this idempotency key is under way.
        InFlight {} "in_flight"
        /// A request with this idempotency key was done, and its answer is not there.
        AnswerNotKept { effect: String } "answer_not_kept"
        /// The idempotency key was another request's.
        IdempotencyKeyReused {} "idempotency_key_reused"
        /// The page is used by something else than itself.
        OtherOrigin {} "other_origin"
        /// Too many wrong keys came from a network.
        TooManyFailures {} "too_many_failures"
        /// The key holds as many streams as it may.
        TooManyStreams { most: usize } "too_many_streams"
        /// The request names no host.
        HostMissing {} "host_missing"
        /// The request names several hosts.
        HostTwice {} "host_twice"
        /// What the request names is no host.
        BadHost {} "bad_host"
        /// The body does not say that it is JSON.
        NotJson {} "not_json"
        /// The body does not say what it is.
        ContentTypeMissing {} "content_type_missing"
        /// The body does not say that it is a form.
        NotAForm { value: String } "not_a_form"
        /// The body is a form and says that it is something else.
        FormAsAudio {} "form_as_audio"
        /// The body is packed in a way that is not read.
        UnknownEncoding { value: String } "unknown_encoding"
        /// The body cannot be read as what it says it is.
        BadBody {} "bad_body"
        /// The form cannot be read, or not be used.
        BadForm {} "bad_form"
        /// What stands after the `?` cannot be read.
        BadQuery {} "bad_query"
        /// The body is larger than its address takes.
        BodyTooLarge {} "body_too_large"
        /// The body does not come.
        BodyTooSlow {} "body_too_slow"
        /// There is no such part of the file.
        RangeOutside {} "range_outside"
    }
}

codes! {
    /// How things stand, where that is against what was asked.
    #[expect(missing_docs, reason = "the parameters are the words of the sentence that is made of them")]
    Conflict {
        /// The name is taken.
        DomainExists { name: String } "domain_exists"
        /// A move that folders do not allow.
        WrongMove {} "wrong_move"
        /// Something that must be kept.
        OnHold {} "on_hold"
        /// A message that is to be deleted for good, and does not lie in the trash.
        NotInTrash {} "not_in_trash"
        /// Somebody else was quicker.
        ChangedMeanwhile {} "changed_meanwhile"
        /// A prompt or play list that something uses.
        InUse { by: Vec<String> } "in_use"
        /// A greeting of which nothing can be heard.
        NotPlayable {} "not_playable"
        /// The mailbox has a recorded name.
        PromptExists {} "prompt_exists"
        /// The job is no dead letter, or another with its key is under way.
        NotRetryable {} "job_not_retryable"
        /// The job is no dead letter.
        NotDiscarded {} "job_not_discarded"
        /// The job is a dead letter already.
        AlreadyDiscarded {} "job_already_discarded"
        /// There are as many keys as there may be.
        KeysFull { most: usize } "keys_full"
        /// The key is revoked.
        KeyRevoked {} "key_revoked"
        /// There are as many tokens as there may be.
        TokensFull { most: i64 } "tokens_full"
        /// The domain has as many webhooks as it may.
        WebhooksFull { most: usize } "webhooks_full"
        /// The webhook gets nothing until it is enabled.
        WebhookDisabled {} "webhook_disabled"
        /// The store is another database's.
        StoreOfAnother { mark: String } "store_of_another_database"
        /// The store is older than the database.
        StoreIsKnown { mark: String } "store_of_lost_database"
        /// The database is another store's.
        StoreIsUnknown { mark: String } "database_of_another_store"
    }
}

codes! {
    /// Why nothing could be made of media, or why there is none, where the sound itself is not to blame.
    #[expect(missing_docs, reason = "the parameters are the words of the sentence that is made of them")]
    WorkFailure {
        /// The core sent no leg.
        NoMedia {} "no_media"
        /// The script cannot be spoken.
        NotSpoken { cause: String } "not_spoken"
        /// The work was given up for a reason of ours, which the dead letter has.
        GivenUp {} "given_up"
    }
}

/// Why media has no sound: the fault of the sound, or of the work on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Failure {
    /// The work on it.
    Work(WorkFailure),
    /// The sound.
    Audio(Fault),
}

impl Failure {
    /// The name of the reason, which stays when its sentence changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Work(failure) => failure.code(),
            Self::Audio(fault) => fault.code(),
        }
    }
}

impl From<WorkFailure> for Failure {
    fn from(failure: WorkFailure) -> Self {
        Self::Work(failure)
    }
}

/// The parameters of a reason, without its code.
pub(crate) fn parameters(reason: &impl Serialize) -> serde_json::Map<String, serde_json::Value> {
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::to_value(reason) else { return serde_json::Map::new() };
    fields.remove("code");
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_comes_back_from_the_database_as_it_was_stored() {
        let failures = [
            Failure::Audio(Fault::NoBytes {}),
            Failure::Audio(Fault::ImpossibleRate { rate_hz: 5 }),
            WorkFailure::NoMedia {}.into(),
            WorkFailure::NotSpoken { cause: "no words".to_owned() }.into(),
        ];
        for failure in failures {
            let json = serde_json::to_value(&failure).unwrap();
            assert_eq!(json["code"], failure.code());
            assert_eq!(serde_json::from_value::<Failure>(json).unwrap(), failure);
        }
    }
}
