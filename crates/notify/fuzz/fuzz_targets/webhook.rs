//! A provider's call to our webhook; the first byte chooses the provider and the form of the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use voicemill_notify::sms::{Call, Provider, SmsConfig, SmsGateway};

const PROVIDERS: [Provider; 4] = [Provider::Twilio, Provider::Telnyx, Provider::Vonage, Provider::Bandwidth];

fuzz_target!(
    init: drop(rustls::crypto::ring::default_provider().install_default()),
    |bytes: &[u8]| {
        let Some((choice, body)) = bytes.split_first() else { return };
        let mut config = SmsConfig::new(PROVIDERS[usize::from(choice & 3)], "+15550100");
        config.account = Some("ACCOUNT".to_owned());
        config.user = Some("USER".to_owned());
        config.secret = Some("SECRET".into());
        config.application = Some("APPLICATION".to_owned());
        config.webhook_key = Some("a-webhook-key-of-24-letters".into());
        let gateway = SmsGateway::new(&config, "https://vm.example").expect("it has all that it needs");
        let kind = if choice & 4 == 0 { "application/json" } else { "application/x-www-form-urlencoded" };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let _ = gateway.parse(&Call { url: "https://vm.example/hooks?x=1", headers: &headers, body, at: jiff::Timestamp::UNIX_EPOCH });
    }
);
