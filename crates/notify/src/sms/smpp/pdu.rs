//! Our SMS as SMPP puts them, and what a message centre brings back.

use rusmpp::{
    CommandStatus,
    pdus::{BindTransceiver, DeliverSm, SubmitSm},
    tlvs::TlvValue,
    types::{COctetString, OctetString},
    values::{DataCoding, EsmClass, GsmFeatures, MessageState, MessageType, Npi, RegisteredDelivery, Ton},
};
use secrecy::ExposeSecret;

use crate::{
    Answer, NotifyError,
    sms::{
        Callback, Coding,
        config::{SmppConfig, unfit},
        text,
    },
};
use voicemill_types::digits;

/// One part of an SMS.
pub(super) struct Part<'a> {
    pub(super) parts: &'a [Vec<u8>],
    /// From 0.
    pub(super) number: usize,
    pub(super) coding: Coding,
    /// Tells the parts of this SMS from those of others.
    pub(super) concatenation: u8,
}

/// Our login.
pub(super) fn bind(config: &SmppConfig) -> Result<BindTransceiver, NotifyError> {
    let (Ok(system_id), Ok(password), Ok(system_type)) = (
        COctetString::from_string(config.system_id.clone()),
        COctetString::from_string(config.password.expose_secret().to_owned()),
        COctetString::from_string(config.system_type.clone()),
    ) else {
        return unfit("SMPP takes 15 characters of `system_id`, 8 of `password` and 12 of `system_type`, all in ASCII");
    };
    Ok(BindTransceiver::builder()
        .system_id(system_id)
        .password(password)
        .system_type(system_type)
        .addr_ton(Ton::Unknown)
        .addr_npi(Npi::Unknown)
        .address_range(COctetString::empty())
        .build())
}

/// The request to send one part. The last one asks for a report of delivery.
pub(super) fn submit(to: &str, from: &str, part: &Part<'_>) -> Result<SubmitSm, NotifyError> {
    let refused = |why: &str| NotifyError::Refused(Answer::own(why));
    let (ton, npi, sender) = sender(from);
    let sender = COctetString::from_string(sender)
        .map_err(|_| NotifyError::Misconfigured(Answer::own("the sender of SMS is too long for SMPP")))?;
    let recipient = COctetString::from_string(digits(to)).map_err(|_| refused("the number is too long for SMPP"))?;
    let mut octets = Vec::with_capacity(160);
    if part.parts.len() > 1 {
        octets.extend([5, 0, 3, part.concatenation, part.parts.len() as u8, part.number as u8 + 1]);
    }
    octets.extend(&part.parts[part.number]);
    let is_last = part.number + 1 == part.parts.len();
    // By number: the library's own default asks for an acknowledgement of the recipient's.
    let mut class = EsmClass::from(0);
    if part.parts.len() > 1 {
        class.gsm_features = GsmFeatures::UdhiIndicator;
    }
    Ok(SubmitSm::builder()
        .source_addr_ton(ton)
        .source_addr_npi(npi)
        .source_addr(sender)
        .dest_addr_ton(Ton::International)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(recipient)
        .esm_class(class)
        .registered_delivery(RegisteredDelivery::from(u8::from(is_last)))
        .data_coding(match part.coding {
            Coding::Gsm7 => DataCoding::McSpecific,
            Coding::Ucs2 => DataCoding::Ucs2,
        })
        .short_message(OctetString::from_vec(octets).map_err(|_| refused("a part of the SMS is too long"))?)
        .build())
}

/// A number of the world, a name, or a short code.
fn sender(from: &str) -> (Ton, Npi, String) {
    match from.strip_prefix('+') {
        Some(number) => (Ton::International, Npi::Isdn, number.to_owned()),
        None if from.bytes().all(|byte| byte.is_ascii_digit()) => (Ton::Unknown, Npi::Unknown, from.to_owned()),
        None => (Ton::Alphanumeric, Npi::Unknown, from.to_owned()),
    }
}

/// What a status other than "ok" means for the SMS.
pub(super) fn refusal(status: CommandStatus) -> NotifyError {
    let answer = Answer::own(format!("the message centre answered {:#x}", u32::from(status)));
    match status {
        CommandStatus::EsmeRthrottled | CommandStatus::EsmeRmsgqful | CommandStatus::EsmeRsyserr => {
            NotifyError::Retry(answer)
        }
        // The sender, the login, the kind of system or of service: ours.
        CommandStatus::EsmeRinvsrcadr
        | CommandStatus::EsmeRinvsrcton
        | CommandStatus::EsmeRinvsrcnpi
        | CommandStatus::EsmeRbindfail
        | CommandStatus::EsmeRinvbndsts
        | CommandStatus::EsmeRinvpaswd
        | CommandStatus::EsmeRinvsysid
        | CommandStatus::EsmeRinvsystyp
        | CommandStatus::EsmeRinvsertyp => NotifyError::Misconfigured(answer),
        // "Submitting failed" says nothing; and what begins at 0x400 is the centre's own, of which we know nothing.
        CommandStatus::EsmeRsubmitfail | CommandStatus::EsmeRunknownerr => NotifyError::Retry(answer),
        other if u32::from(other) == 0x64 => NotifyError::Retry(answer),
        _ => NotifyError::Refused(answer),
    }
}

/// The centre's name for an SMS, in the form that its reports have.
pub(super) fn reference(id: &str, decimal_reports: bool) -> String {
    match u128::from_str_radix(id, 16) {
        Ok(number) if decimal_reports => number.to_string(),
        _ => id.to_owned(),
    }
}

/// What a deliver_sm tells us; nothing, if it is only of something on its way.
pub(super) fn callback(deliver: &DeliverSm, decimal_reports: bool) -> Option<Callback> {
    let octets: &[u8] = deliver.short_message().as_ref();
    match deliver.esm_class.message_type {
        MessageType::ShortMessageContainsMCDeliveryReceipt => report(deliver, octets, decimal_reports),
        MessageType::Default => Some(Callback::Reply {
            from: deliver.source_addr.as_str().to_owned(),
            to: deliver.destination_addr.as_str().to_owned(),
            text: reply(deliver, octets),
        }),
        _ => None,
    }
}

/// A report in fields of its own, or in the customary text: `id:… stat:DELIVRD err:000 text:…`.
fn report(deliver: &DeliverSm, octets: &[u8], decimal_reports: bool) -> Option<Callback> {
    let text = String::from_utf8_lossy(octets);
    let after = |name: &str| {
        let at = text.find(name)? + name.len();
        text[at..].split_whitespace().next().map(str::to_owned)
    };
    let (mut id, mut state) = (after("id:"), after("stat:"));
    for tlv in deliver.tlvs() {
        match tlv.value() {
            Some(TlvValue::ReceiptedMessageId(given)) => id = Some(reference(given.as_str(), decimal_reports)),
            Some(TlvValue::MessageState(given)) if state.is_none() => {
                state = match given {
                    MessageState::Delivered => Some("DELIVRD".to_owned()),
                    MessageState::Expired => Some("EXPIRED".to_owned()),
                    MessageState::Deleted => Some("DELETED".to_owned()),
                    MessageState::Undeliverable => Some("UNDELIV".to_owned()),
                    MessageState::Rejected => Some("REJECTD".to_owned()),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    let state = state?;
    let delivered = match state.as_str() {
        "DELIVRD" => true,
        "EXPIRED" | "DELETED" | "UNDELIV" | "REJECTD" => false,
        _ => return None,
    };
    let error = after("err:").filter(|error| !error.trim_matches('0').is_empty());
    let answer = error.map_or(state.clone(), |error| format!("{state}: error {error}"));
    Some(Callback::Report { notice: None, reference: Some(id?), delivered, answer })
}

fn reply(deliver: &DeliverSm, octets: &[u8]) -> String {
    let headed = u8::from(deliver.esm_class) & 0x40 != 0;
    let header = if headed { octets.first().map_or(0, |length| usize::from(*length) + 1) } else { 0 };
    let octets = octets.get(header..).unwrap_or_default();
    match deliver.data_coding {
        DataCoding::Ucs2 => {
            let units: Vec<u16> = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        DataCoding::McSpecific => text::decode_gsm(octets),
        _ => octets.iter().map(|octet| char::from(*octet)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(parts: &[Vec<u8>], number: usize) -> Part<'_> {
        Part { parts, number, coding: Coding::Gsm7, concatenation: 7 }
    }

    #[test]
    fn parts_tell_how_they_belong_together() {
        let parts = vec![vec![b'a'; 153], vec![b'b'; 10]];
        let first = submit("+14155550132", "+15550100", &part(&parts, 0)).unwrap();
        let octets: &[u8] = first.short_message().as_ref();
        assert_eq!((&octets[..6], octets.len()), (&[5, 0, 3, 7, 2, 1][..], 159));
        assert_eq!((u8::from(first.esm_class), u8::from(first.registered_delivery)), (0x40, 0));
        let last = submit("+14155550132", "+15550100", &part(&parts, 1)).unwrap();
        let octets: &[u8] = last.short_message().as_ref();
        assert_eq!((&octets[..6], u8::from(last.registered_delivery)), (&[5, 0, 3, 7, 2, 2][..], 1));
        assert_eq!(last.destination_addr.as_str(), "14155550132");
        let alone = submit("+14155550132", "Acme", &part(&parts[1..], 0)).unwrap();
        assert_eq!((u8::from(alone.esm_class), alone.source_addr_ton), (0, Ton::Alphanumeric));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_centre_says_is_answered(
            octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
            class in 0u8..=255, coding in 0u8..=255, decimal_reports: bool,
        ) {
            use rusmpp::tokio_codec::CommandCodec;
            use tokio_util::codec::Decoder;

            // As a frame, as a frame of its true length, and as the text of a message.
            let framed = [&(octets.len() as u32 + 4).to_be_bytes()[..], &octets].concat();
            for bytes in [&octets, &framed] {
                let mut buffer = tokio_util::bytes::BytesMut::from(&bytes[..]);
                if let Ok(Some(command)) = CommandCodec::new().decode(&mut buffer)
                    && let Some(rusmpp::Pdu::DeliverSm(deliver)) = command.pdu()
                {
                    callback(deliver, decimal_reports);
                }
            }
            if let Ok(message) = OctetString::from_vec(octets) {
                let deliver = DeliverSm::builder().esm_class(EsmClass::from(class)).data_coding(coding.into());
                callback(&deliver.short_message(message).build(), decimal_reports);
            }
        }
    }

    fn receipt(text: &str) -> Option<Callback> {
        let class = EsmClass::from(4);
        let message = OctetString::from_string(text.to_owned()).unwrap();
        callback(&DeliverSm::builder().esm_class(class).short_message(message).build(), false)
    }

    #[test]
    fn receipts_are_read_in_their_customary_form() {
        let told =
            receipt("id:m42 sub:001 dlvrd:001 submit date:2611220000 done date:2611220000 stat:DELIVRD err:000 text:x");
        assert_eq!(
            told,
            Some(Callback::Report {
                notice: None,
                reference: Some("m42".to_owned()),
                delivered: true,
                answer: "DELIVRD".to_owned()
            })
        );
        let Some(Callback::Report { delivered, answer, .. }) = receipt("id:1 stat:UNDELIV err:012 text:") else {
            panic!()
        };
        assert_eq!((delivered, answer.as_str()), (false, "UNDELIV: error 012"));
        assert_eq!(receipt("id:1 stat:ENROUTE err:000"), None, "on its way");
        assert_eq!(receipt("nonsense"), None);
        assert_eq!(reference("1F", true), "31");
        assert_eq!(reference("1F", false), "1F");
    }

    #[test]
    fn replies_are_read_in_their_alphabet() {
        let said = |coding, octets: &[u8], class: u8| {
            let deliver = DeliverSm::builder()
                .source_addr(COctetString::from_string("14155550132".to_owned()).unwrap())
                .destination_addr(COctetString::from_string("15550100".to_owned()).unwrap())
                .esm_class(EsmClass::from(class))
                .data_coding(coding)
                .short_message(OctetString::from_slice(octets).unwrap())
                .build();
            let Some(Callback::Reply { text, .. }) = callback(&deliver, false) else { panic!() };
            text
        };
        assert_eq!(said(DataCoding::McSpecific, b"Stop\x00\x1b\x65", 0), "Stop@€");
        assert_eq!(said(DataCoding::Ucs2, &[0x04, 0x16, 0, b'!'], 0), "Ж!");
        assert_eq!(said(DataCoding::Latin1, &[0xe9], 0), "é");
        assert_eq!(said(DataCoding::McSpecific, &[5, 0, 3, 1, 1, 1, b'H'], 0x40), "H");
        assert_eq!(said(DataCoding::McSpecific, &[200], 0x40), "", "a header longer than the rest");
    }
}
