//! What every provider is asked, and what its documented answers and reports mean.

use bytes::Bytes;
use reqwest::Request;

use super::*;
use crate::sms::Callback;
use voicemill_types::{NoticeId, Time};

const NOTICE: &str = "0192f0c1-2345-7abc-8def-0123456789ab";
const KEY: &str = "a-webhook-key-of-24-letters";

fn config(provider: Provider) -> SmsConfig {
    let mut config = SmsConfig::new(provider, "+15550100");
    config.account = Some("ACCOUNT".to_owned());
    config.user = Some("USER".to_owned());
    config.secret = Some("SWORDFISH".into());
    config.application = Some("APPLICATION".to_owned());
    config.webhook_key = Some(KEY.into());
    if provider == Provider::Kannel {
        config.base_url = Some("http://127.0.0.1:13013".to_owned());
    }
    config
}

fn rest(config: &SmsConfig) -> Rest {
    let template: Template = match (ready(config.provider), &config.rest) {
        (Some(settings), _) => toml::from_str(settings).unwrap(),
        (None, template) => template.clone().unwrap(),
    };
    // As the application does at its start; an error says that it is done already.
    drop(rustls::crypto::ring::default_provider().install_default());
    Rest {
        client: Client::new(),
        template,
        config: config.clone(),
        callback: format!("https://vm.example.com/hooks/sms/{KEY}"),
        timeout: Duration::from_secs(1),
    }
}

fn asked(config: &SmsConfig, text: &str) -> String {
    let message = Rendered {
        notice_id: NOTICE.parse().unwrap(),
        sender: "+15550100".to_owned(),
        queued_at: Time::from_microseconds(0),
        bytes: Bytes::new(),
    };
    let request: Request = rest(config).request("+14155550132", "+15550100", text, &message).unwrap();
    let header = |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap());
    let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
    format!(
        "{} {}\nAuthorization: {}\nContent-Type: {}\n\n{}\n",
        request.method(),
        request.url(),
        header("authorization"),
        header("content-type"),
        String::from_utf8_lossy(body)
    )
}

const REST: [Provider; 5] =
    [Provider::Twilio, Provider::Telnyx, Provider::Vonage, Provider::Bandwidth, Provider::Kannel];

#[test]
fn every_provider_is_asked_as_it_documents() {
    let all: String =
        REST.iter().map(|provider| asked(&config(*provider), "Hé & <hi> {to}")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(all);
    assert!(asked(&config(Provider::Vonage), "Ж").contains("type=unicode"));
    assert!(asked(&config(Provider::Kannel), "Ж").contains("coding=2"));
}

#[test]
fn what_is_optional_is_left_out() {
    let mut config = config(Provider::Telnyx);
    config.application = None;
    assert!(!asked(&config, "hi").contains("messaging_profile_id"));
    let mut quiet = rest(&config);
    quiet.callback = String::new();
    let message = Rendered {
        notice_id: NOTICE.parse().unwrap(),
        sender: String::new(),
        queued_at: Time::from_microseconds(0),
        bytes: Bytes::new(),
    };
    let request = quiet.request("+14155550132", "+15550100", "hi", &message).unwrap();
    assert!(!String::from_utf8_lossy(request.body().unwrap().as_bytes().unwrap()).contains("webhook_url"));
}

#[test]
fn what_a_provider_needs_is_named() {
    for (provider, forget, named) in [
        (Provider::Twilio, (|config| config.account = None) as fn(&mut SmsConfig), "sms.account"),
        (Provider::Twilio, |config| config.secret = None, "sms.secret"),
        (Provider::Vonage, |config| config.user = None, "sms.user"),
        (Provider::Bandwidth, |config| config.application = None, "sms.application"),
        (Provider::Kannel, |config| config.base_url = None, "sms.base_url"),
        (Provider::Rest, |_| (), "[sms.rest]"),
    ] {
        let mut config = config(provider);
        forget(&mut config);
        drop(rustls::crypto::ring::default_provider().install_default());
        let Err(error) = crate::sms::SmsGateway::new(&config, "https://vm.example.com") else {
            panic!("{provider:?} without {named}");
        };
        assert!(error.to_string().contains(named), "{provider:?}: {error}");
    }
}

#[test]
fn answers_are_told_apart() {
    // Bodies as the providers document them.
    let too_many = r#"{"code":20429,"message":"Too Many Requests","status":429}"#;
    let stopped = r#"{"code":21610,"message":"Attempt to send to unsubscribed recipient","status":400}"#;
    let bad_number =
        r#"{"code":21211,"message":"The 'To' number +14155550132 is not a valid phone number.","status":400}"#;
    let bad_sender = r#"{"code":21606,"message":"The From phone number is not valid","status":400}"#;
    let telnyx = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","title":"…","detail":"…"}}]}}"#);
    let vonage = |status: &str| {
        format!(r#"{{"message-count":"1","messages":[{{"status":"{status}","message-id":"0A01","error-text":"…"}}]}}"#)
    };
    for (provider, status, body, expected) in [
        (Provider::Twilio, 201, r#"{"sid":"SM1","status":"queued"}"#.to_owned(), "accepted SM1"),
        (Provider::Twilio, 429, too_many.to_owned(), "retry"),
        (Provider::Twilio, 400, stopped.to_owned(), "refused"),
        (Provider::Twilio, 400, bad_number.to_owned(), "refused"),
        (Provider::Twilio, 400, bad_sender.to_owned(), "ours"),
        (Provider::Twilio, 401, r#"{"code":20003,"message":"Authenticate"}"#.to_owned(), "ours"),
        (Provider::Twilio, 503, "<html>".to_owned(), "retry"),
        (Provider::Twilio, 307, String::new(), "ours"),
        (
            Provider::Telnyx,
            200,
            r#"{"data":{"id":"40385f64","to":[{"status":"queued"}]}}"#.to_owned(),
            "accepted 40385f64",
        ),
        (Provider::Telnyx, 400, telnyx("40310"), "refused"),
        (Provider::Telnyx, 403, telnyx("40300"), "refused"),
        (Provider::Telnyx, 400, telnyx("40305"), "ours"),
        (Provider::Telnyx, 429, telnyx("10011"), "retry"),
        (Provider::Telnyx, 403, telnyx("20100"), "ours"),
        (Provider::Vonage, 200, vonage("0"), "accepted 0A01"),
        (Provider::Vonage, 200, vonage("1"), "retry"),
        (Provider::Vonage, 200, vonage("4"), "ours"),
        (Provider::Vonage, 200, vonage("9"), "ours"),
        (Provider::Vonage, 200, vonage("7"), "refused"),
        (Provider::Vonage, 200, "not JSON".to_owned(), "refused"),
        (Provider::Bandwidth, 202, r#"{"id":"1589","to":["+14155550132"]}"#.to_owned(), "accepted 1589"),
        (Provider::Bandwidth, 400, r#"{"type":"request-validation","description":"…"}"#.to_owned(), "refused"),
        (Provider::Bandwidth, 403, r#"{"type":"forbidden","description":"…"}"#.to_owned(), "ours"),
        (Provider::Bandwidth, 429, r#"{"type":"too-many-requests","description":"…"}"#.to_owned(), "retry"),
        (Provider::Kannel, 202, "0: Accepted for delivery".to_owned(), "accepted -"),
        (Provider::Kannel, 202, "3: Queued for later delivery".to_owned(), "accepted -"),
        (Provider::Kannel, 403, "Authorization failed for sendsms".to_owned(), "ours"),
        (Provider::Kannel, 503, "Temporal failure, try again later.".to_owned(), "retry"),
    ] {
        let found = match rest(&config(provider)).judge(status, body.as_bytes()) {
            Ok(receipt) => format!("accepted {}", receipt.reference.as_deref().unwrap_or("-")),
            Err(NotifyError::Refused(_)) => "refused".to_owned(),
            Err(NotifyError::Retry(_)) => "retry".to_owned(),
            Err(NotifyError::Misconfigured(_)) => "ours".to_owned(),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, expected, "{provider:?} {status} {body}");
    }
}

#[test]
fn neither_secrets_nor_numbers_are_logged() {
    let body = br#"{"code":21211,"message":"SWORDFISH may not write to +14155550132"}"#;
    let error = rest(&config(Provider::Twilio)).judge(400, body).unwrap_err();
    let logged = format!("{error} {error:?}");
    assert!(!logged.contains("SWORDFISH") && !logged.contains("4155550132"), "{logged}");
    assert_eq!(error.to_string(), "refused for this recipient: 400 21211");
    let record = error.answer().unwrap().text();
    assert!(record.contains("+14155550132") && !record.contains("SWORDFISH"), "{record}");
    // A number in the place of a code is none.
    let error = rest(&config(Provider::Twilio)).judge(400, br#"{"code":"+14155550132"}"#).unwrap_err();
    assert_eq!(error.to_string(), "refused for this recipient: 400");
}

fn callback(provider: Provider, query: &str, content_type: &str, body: &str) -> Vec<Callback> {
    rest(&config(provider)).template.callbacks.parse(query, content_type, body.as_bytes()).unwrap()
}

fn report(notice: Option<&str>, reference: Option<&str>, delivered: bool, answer: &str) -> Callback {
    Callback::Report {
        notice: notice.map(|id| id.parse::<NoticeId>().unwrap()),
        reference: reference.map(str::to_owned),
        delivered,
        answer: answer.to_owned(),
    }
}

#[test]
fn reports_and_replies_are_read_as_documented() {
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    let notice = format!("notice={NOTICE}");
    let reply = |to: &str| Callback::Reply { from: "+14155550132".into(), to: to.into(), text: "Stop".into() };

    let twilio = |body: &str| callback(Provider::Twilio, &notice, FORM, body);
    let delivered = twilio("MessageSid=SM1&MessageStatus=delivered&To=%2B14155550132&From=%2B15550100");
    assert_eq!(delivered, [report(Some(NOTICE), Some("SM1"), true, "delivered")]);
    let failed = twilio("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005");
    assert_eq!(failed, [report(Some(NOTICE), Some("SM1"), false, "undelivered: 30005")]);
    assert_eq!(twilio("MessageSid=SM1&MessageStatus=sent"), [], "on its way");
    let said = callback(Provider::Twilio, "", FORM, "SmsStatus=received&From=%2B14155550132&To=%2B15550100&Body=Stop");
    assert_eq!(said, [reply("+15550100")]);

    let telnyx = r#"{"data":{"event_type":"message.finalized","payload":{"id":"40385f64","text":"hi",
        "from":{"phone_number":"+15550100"},"to":[{"phone_number":"+14155550132","status":"delivery_failed"}],
        "errors":[{"code":"40008","title":"Undeliverable"}]}}}"#;
    let failed = callback(Provider::Telnyx, &notice, JSON, telnyx);
    assert_eq!(failed, [report(Some(NOTICE), Some("40385f64"), false, "delivery_failed: 40008")]);
    let sent = telnyx.replace("message.finalized", "message.sent");
    assert_eq!(callback(Provider::Telnyx, &notice, JSON, &sent), [], "on its way");
    let said = r#"{"data":{"event_type":"message.received","payload":{"text":"Stop",
        "from":{"phone_number":"+14155550132"},"to":[{"phone_number":"+15550100","status":"webhook_delivered"}]}}}"#;
    assert_eq!(callback(Provider::Telnyx, "", JSON, said), [reply("+15550100")]);

    let query = format!("{notice}&messageId=0A01&status=failed&err-code=6&msisdn=14155550132");
    assert_eq!(callback(Provider::Vonage, &query, "", ""), [report(Some(NOTICE), Some("0A01"), false, "failed: 6")]);
    let said = r#"{"msisdn":"14155550132","to":"15550100","messageId":"0B","text":"Stop","type":"text"}"#;
    let Callback::Reply { from, to, text } = &callback(Provider::Vonage, "", JSON, said)[0] else { panic!() };
    assert_eq!((&**from, &**to, &**text), ("14155550132", "15550100", "Stop"));

    let bandwidth = format!(
        r#"[{{"type":"message-failed","errorCode":4720,"message":{{"id":"1589","tag":"{NOTICE}","from":"+15550100"}}}},
            {{"type":"message-sending","message":{{"id":"1590","tag":"{NOTICE}"}}}},
            {{"type":"message-received","message":{{"from":"+14155550132","to":["+15550100"],"text":"Stop"}}}}]"#
    );
    let told = callback(Provider::Bandwidth, "", JSON, &bandwidth);
    assert_eq!(told, [report(Some(NOTICE), Some("1589"), false, "message-failed: 4720"), reply("+15550100")]);

    let query = format!("{notice}&state=1&detail=");
    assert_eq!(callback(Provider::Kannel, &query, "", ""), [report(Some(NOTICE), None, true, "1")]);
    let said = callback(Provider::Kannel, "from=%2B14155550132&to=%2B15550100&text=Stop", "", "");
    assert_eq!(said, [reply("+15550100")]);
    assert_eq!(callback(Provider::Kannel, "from=1", "", ""), []);
}

#[test]
fn another_provider_is_described_in_the_configuration() {
    let mut config = config(Provider::Rest);
    config.base_url = None;
    config.rest = Some(
        toml::from_str(
            r#"
            base = "https://sms.example.net"
            url = "{base}/send/{account}"
            login = "bearer"
            encoding = "json"
            fields = { message = { to = ["{to_digits}"], body = "{text}" }, flash = false }
            answer = { reference = "result.id", code = "result.error" }
            codes = { refused = ["unknown-number"] }
            "#,
        )
        .unwrap(),
    );
    let asked = asked(&config, "hi");
    assert!(asked.starts_with("POST https://sms.example.net/send/ACCOUNT\nAuthorization: Bearer SWORDFISH"), "{asked}");
    assert!(asked.contains(r#"{"flash":false,"message":{"body":"hi","to":["14155550132"]}}"#), "{asked}");
    let answer = rest(&config).judge(400, br#"{"result":{"error":"unknown-number"}}"#);
    assert!(matches!(answer, Err(NotifyError::Refused(_))));
    assert!(crate::sms::SmsGateway::new(&config, "https://vm.example.com").is_ok());
}

proptest::proptest! {
    /// What AWS hands on by SNS is JSON within JSON; every provider's words are changed anywhere, and nested without end.
    #[test]
    fn whatever_a_provider_calls_with_is_answered(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        changes in proptest::collection::vec((0usize..500, proptest::prelude::any::<u8>()), 0..6),
        depth in 0usize..20_000,
    ) {
        let inner = r#"{"eventType":"TEXT_DELIVERED","messageId":"m","messageStatus":"DELIVERED","messageBody":"STOP"}"#;
        let outer = serde_json::json!({"Type": "Notification", "Message": inner}).to_string();
        let nested = format!("{{\"Message\":{}", "[".repeat(depth));
        let mut changed = outer.into_bytes();
        for (at, byte) in changes {
            let at = at % changed.len();
            changed[at] = byte;
        }
        for provider in [Provider::Twilio, Provider::Telnyx, Provider::Vonage, Provider::Bandwidth] {
            let rest = rest(&config(provider));
            for (kind, body) in [
                ("application/json", &bytes[..]),
                ("application/x-www-form-urlencoded", &bytes),
                ("text/plain", &changed),
                ("application/json", nested.as_bytes()),
            ] {
                let _ = rest.template.callbacks.parse("state=%ff&x", kind, body);
            }
        }
    }
}
