//! Calls with the signatures that the providers' own documentation and libraries have as examples.

use super::*;

fn check(
    proof: Proof,
    secret: &str,
    url: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Result<(), &'static str> {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let at = Timestamp::from_second(1_795_000_100).unwrap();
    proof.check(&Call { url, headers: &headers, body: body.as_bytes(), at }, &secret.into())
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Tests of twilio-python and its siblings.
#[test]
fn twilio_signs_the_address_and_every_field() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let body = "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
    let right = ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    let with = |token: &str, url: &str, body: &str, headers: &[_]| check(Proof::Twilio, token, url, headers, body);
    with("12345", url, body, &[FORM, right]).unwrap();
    let repeated = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
    with("12345", url, repeated, &[FORM, ("x-twilio-signature", "IK+Dwps556ElfBT0I3Rgjkr1wJU=")]).unwrap();
    with("12345", "https://mycompany.com:443/myapp.php?foo=1&bar=2", body, &[FORM, right]).unwrap();
    for (token, url, body, headers) in [
        ("12346", url, body, vec![FORM, right]),
        ("12345", "https://mycompany.com/myapp.php?foo=1&bar=3", body, vec![FORM, right]),
        ("12345", url, &body.replace("1234&", "1235&"), vec![FORM, right]),
        ("12345", url, &format!("{body}&Body=STOP"), vec![FORM, right]),
        ("12345", url, body, vec![FORM]),
        ("12345", url, body, vec![FORM, ("x-twilio-signature", "")]),
        ("12345", url, body, vec![("content-type", "application/json"), right]),
    ] {
        let refused = with(token, url, body, &headers).unwrap_err();
        assert!(refused.contains("X-Twilio-Signature") && refused.contains("http.public_url"), "{refused}");
    }
}

/// Signed by PyNaCl in the way that Telnyx documents, with the secret key 00 01 02 … 1f.
#[test]
fn telnyx_signs_time_and_body() {
    const KEY: &str = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    const SIGNATURE: &str = "BgZa30tlkKSr/Wvd+S596DO27cBc7VyXMvQNFaf8AgyzApQFX42bEg1GkXTXlgEhyq9dyvl2SIRU/VE8sgiXAw==";
    let body = r#"{"data":{"event_type":"message.received","payload":{"from":{"phone_number":"+14155550132"},"text":"Stop","to":[{"phone_number":"+15550100"}]}}}"#;
    let with = |key: &str, at: &str, signature: &str, body: &str| {
        let headers = [("telnyx-timestamp", at), ("telnyx-signature-ed25519", signature)];
        check(Proof::Telnyx, key, "https://vm.example.com/hooks/sms/KEY", &headers, body)
    };
    with(KEY, "1795000000", SIGNATURE, body).unwrap();
    assert!(with(KEY, "1795000000", SIGNATURE, &body.replace("Stop", "Start")).is_err());
    assert!(with(KEY, "1795000001", SIGNATURE, body).is_err());
    assert!(with(&KEY.replace("A6", "B6"), "1795000000", SIGNATURE, body).is_err());
    assert!(with("no key", "1795000000", SIGNATURE, body).is_err());
    assert!(with(KEY, "1795000000", "", body).unwrap_err().contains("Telnyx-Signature-Ed25519"));
    let headers: HeaderMap = [("telnyx-timestamp", "1795000000"), ("telnyx-signature-ed25519", SIGNATURE)]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let at = Timestamp::from_second(1_795_000_301).unwrap();
    let late = Call { url: "https://vm.example.com/", headers: &headers, body: body.as_bytes(), at };
    assert!(Proof::Telnyx.check(&late, &KEY.into()).unwrap_err().contains("five minutes"));
}

/// Tests of vonage-python-sdk.
#[test]
fn vonage_signs_the_parameters_in_five_ways() {
    const URL: &str = "https://vm.example.com/hooks/sms/KEY";
    let with = |secret: &str, sig: &str| {
        check(Proof::Vonage, secret, &format!("{URL}?b=2&a=1&timestamp=1461605396&sig={sig}"), &[], "")
    };
    let signatures = [
        "6af838ef94998832dbfc29020b564830",
        "c15c21ced558c93a226c305f58f902f2",
        "3e19a4e6880fdc2c1426bfd0587c98b9532f0210",
        "a321e824b9b816be7c3f28859a31749a098713d39f613c80d455bbaffae1cd24",
        "812a18f76680fa0fe1b8bd9ee1625466ceb1bd96242e4d050d2cfd9a7b40166c63ed26ec9702168781b6edcf1633db8ff95af9341701004eec3fcf9550572ee8",
    ];
    for sig in signatures {
        with("secret", sig).unwrap();
        with("secret", &sig.to_uppercase()).unwrap();
        assert!(with("Secret", sig).unwrap_err().contains("sms.webhook_secret"));
        assert!(with("secret", &sig.replacen(&sig[..1], "0", 1)).is_err());
    }
    assert!(with("secret", "").is_err());
    // Our own part of the address goes unsigned; in a form and in JSON the signature is the same.
    let sig = signatures[3];
    let own = format!("{URL}?notice=0192f0c1-2345-7abc-8def-0123456789ab&b=2&a=1&timestamp=1461605396&sig={sig}");
    check(Proof::Vonage, "secret", &own, &[], "").unwrap();
    check(Proof::Vonage, "secret", URL, &[FORM], &format!("a=1&b=2&timestamp=1461605396&sig={sig}")).unwrap();
    let json = format!(r#"{{"a":"1","b":"2","timestamp":"1461605396","sig":"{sig}"}}"#);
    let is_json = ("content-type", "application/json");
    check(Proof::Vonage, "secret", URL, &[is_json], &json).unwrap();
    assert!(check(Proof::Vonage, "secret", URL, &[is_json], &json.replace("\"1\"", "\"2\"")).is_err());
    // The query says nothing of what stands in a body.
    assert!(check(Proof::Vonage, "secret", &own, &[FORM], "text=STOP").is_err());
}

/// RFC 7617, section 2.
#[test]
fn a_user_and_password_are_compared_whole() {
    let with = |value: &str| {
        check(Proof::Basic, "Aladdin:open sesame", "https://vm.example.com/", &[("authorization", value)], "")
    };
    with("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap();
    for wrong in ["", "Basic ", "Basic QWxhZGRpbjpvcGVuIHNlc2Ft", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] {
        assert!(with(wrong).is_err(), "{wrong}");
    }
}
