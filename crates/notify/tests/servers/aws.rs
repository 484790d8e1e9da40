//! SMS by AWS End User Messaging, with a server in this process that answers as AWS documents: no real one can be had.

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use voicemill_notify::{
    NotifyError, Receipt, Recipient, Rendered,
    sms::{AwsConfig, Call, Callback, Provider, SmsConfig, SmsGateway},
};
use voicemill_types::{NoticeId, Time};

type Asked = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Computes the signature of a request anew, with AWS's own library, as the service does.
const SIGNATURE: &str = r#"
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
asked = json.load(sys.stdin)
auth = SigV4Auth(Credentials("AKIDEXAMPLE", "swordfish"), "sms-voice", "us-east-1")
request = AWSRequest("POST", asked["url"], asked["headers"], asked["body"].encode())
request.context["timestamp"] = asked["headers"]["x-amz-date"]
canonical = auth.canonical_request(request)
print(auth.signature(auth.string_to_sign(request, canonical), request))
"#;

/// What AWS would find the signature of this request to be, of the headers that it names as signed.
fn signature(url: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let authorization = headers["authorization"].to_str().unwrap();
    let signed = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let signed: Value =
        signed.split(';').map(|name| (name.to_owned(), Value::from(headers[name].to_str().unwrap()))).collect();
    let asked = json!({"url": url, "headers": signed, "body": std::str::from_utf8(body).unwrap()});
    let mut python = Command::new(voicemill_testing::python::python())
        .args(["-c", SIGNATURE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(python.stdin.take().unwrap(), &asked).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn answer(State(asked): State<Asked>, headers: HeaderMap, body: Bytes) -> Response {
    let told: Value = serde_json::from_slice(&body).unwrap();
    let to = told["DestinationPhoneNumber"].as_str().unwrap().to_owned();
    asked.lock().unwrap().push((headers, body));
    let refuse = |status: StatusCode, kind: &str, more: Value| {
        let mut body = json!({"__type": kind, "Message": format!("about {to}")});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (status, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
    };
    let bad = StatusCode::BAD_REQUEST;
    let field = |name: &str| json!({"Reason": "FIELD_VALIDATION_FAILED", "Fields": [{"Name": name, "Message": "bad"}]});
    match &to[to.len() - 2..] {
        "11" => refuse(bad, "ValidationException", field("DestinationPhoneNumber")),
        "12" => refuse(bad, "ValidationException", field("OriginationIdentity")),
        "13" => refuse(bad, "ConflictException", json!({"Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"})),
        "14" => refuse(bad, "ServiceQuotaExceededException", json!({"Reason": "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"})),
        "15" => refuse(bad, "AccessDeniedException", json!({})),
        "16" => refuse(StatusCode::FORBIDDEN, "InvalidSignatureException", json!({})),
        "22" => refuse(bad, "ThrottlingException", json!({})),
        "23" => refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException", json!({})),
        "99" => {
            tokio::time::sleep(std::time::Duration::from_secs(30)).await;
            StatusCode::OK.into_response()
        }
        _ => {
            ([("content-type", "application/x-amz-json-1.0")], json!({"MessageId": "m-1"}).to_string()).into_response()
        }
    }
}

fn config(base_url: String) -> SmsConfig {
    let mut config = SmsConfig::new(Provider::Aws, "+15550100");
    config.user = Some("AKIDEXAMPLE".to_owned());
    config.secret = Some("swordfish".into());
    config.base_url = Some(base_url);
    config.timeout_seconds = 1;
    config.aws = Some(AwsConfig { region: Some("us-east-1".into()), configuration_set: Some("reports".into()) });
    config
}

async fn send(gateway: &SmsGateway, to: &str) -> (NoticeId, Result<Receipt, NotifyError>) {
    let notice_id = NoticeId::new();
    let message = Rendered {
        notice_id,
        sender: "+15550100".to_owned(),
        queued_at: Time::from_microseconds(0),
        bytes: "Voicemail for Zoë".into(),
    };
    (notice_id, gateway.channel.deliver(&Recipient::new(to), &message).await)
}

#[tokio::test]
async fn aws_is_asked_and_its_answers_are_told_apart() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let routes = Router::new().fallback(answer).with_state(asked.clone());
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let gateway = SmsGateway::new(&config(base_url.clone()), "https://vm.example.com").unwrap();

    let (notice, sent) = send(&gateway, "+14155550133").await;
    assert_eq!(sent.unwrap().reference.as_deref(), Some("m-1"));
    let (headers, body) = asked.lock().unwrap()[0].clone();
    assert_eq!(headers["x-amz-target"], "PinpointSMSVoiceV2.SendTextMessage");
    let authorization = headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    for signed in ["host", "x-amz-date", "x-amz-target", "content-type"] {
        assert!(authorization.contains(signed), "{authorization}");
    }
    let given = authorization.split("Signature=").nth(1).unwrap();
    assert_eq!(signature(&format!("{base_url}/"), &headers, &body), given);
    let changed = [&body[..body.len() - 1], b" }"].concat();
    assert_ne!(signature(&format!("{base_url}/"), &headers, &changed), given);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({
        "DestinationPhoneNumber": "+14155550133", "OriginationIdentity": "+15550100", "MessageBody": "Voicemail for Zoë",
        "MessageType": "TRANSACTIONAL", "ConfigurationSetName": "reports", "Context": {"notice": notice.to_string()},
    });
    assert_eq!(body, expected);

    for (end, expected) in [
        ("11", "refused"),
        ("12", "ours"),
        ("13", "refused"),
        ("14", "ours"),
        ("15", "ours"),
        ("16", "ours"),
        ("22", "retry"),
        ("23", "retry"),
        ("99", "unknown"),
    ] {
        let before = asked.lock().unwrap().len();
        let (_, sent) = send(&gateway, &format!("+141555501{end}")).await;
        let error = sent.unwrap_err();
        let found = match &error {
            NotifyError::Refused(_) => "refused",
            NotifyError::Misconfigured(_) => "ours",
            NotifyError::Retry(_) => "retry",
            NotifyError::Unknown(_) => "unknown",
            NotifyError::Busy(_) => "busy",
            NotifyError::TooLarge(_) => "too large",
        };
        assert_eq!(found, expected, "{end}: {error}");
        assert_eq!(asked.lock().unwrap().len(), before + 1, "{end}: the library tries nothing again by itself");
        assert!(!format!("{error:?}").contains("+1415"), "{error:?}");
    }
    server.abort();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    // Nobody listens any more: nothing was sent.
    let unreachable = SmsGateway::new(&config("http://127.0.0.1:9".to_owned()), "https://vm.example.com").unwrap();
    let (_, sent) = send(&unreachable, "+14155550133").await;
    assert!(matches!(sent, Err(NotifyError::Retry(_))), "{sent:?}");
}

#[tokio::test]
async fn reports_and_replies_come_through_sns() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let gateway = SmsGateway::new(&config("http://127.0.0.1:9".to_owned()), "https://vm.example.com").unwrap();
    let notice = NoticeId::new();
    let through_sns = |message: Value| {
        let body = json!({"Type": "Notification", "Message": message.to_string()}).to_string();
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, "text/plain; charset=UTF-8".parse().unwrap())]);
        let at = "2026-11-26T12:00:00Z".parse().unwrap();
        let call = Call { url: "https://vm.example.com/hooks/sms", headers: &headers, body: body.as_bytes(), at };
        gateway.parse(&call).unwrap()
    };
    let report = json!({
        "eventType": "TEXT_UNREACHABLE", "messageId": "m-1", "context": {"notice": notice.to_string()},
        "messageStatusDescription": "Phone is unreachable",
    });
    assert_eq!(
        through_sns(report),
        [Callback::Report {
            notice: Some(notice),
            reference: Some("m-1".into()),
            delivered: false,
            answer: "TEXT_UNREACHABLE: Phone is unreachable".into(),
        }]
    );
    assert_eq!(through_sns(json!({"eventType": "TEXT_SENT", "messageId": "m-1"})), [], "on its way");
    let reply = json!({"originationNumber": "+14155550133", "destinationNumber": "+15550100", "messageBody": "STOP"});
    let said = Callback::Reply { from: "+14155550133".into(), to: "+15550100".into(), text: "STOP".into() };
    assert_eq!(through_sns(reply), [said]);
}
