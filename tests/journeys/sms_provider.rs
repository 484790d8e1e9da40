//! A provider of SMS with Twilio's interface, in this process: no real one can be had without a contract.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use voicemill_notify::sms::{Provider as Named, SmsConfig};

/// What the webhook's address ends in.
pub(crate) const KEY: &str = "the-webhook-key-of-the-journeys";

/// The end of a number says how it misbehaves: 11 is no number, 22 is throttled the first time, 99 never gets an answer.
pub(crate) struct Provider {
    base_url: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let routes =
            Router::new().route("/2010-04-01/Accounts/AC1/Messages.json", post(take)).with_state(asked.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { base_url, asked }
    }

    pub(crate) fn config(&self) -> SmsConfig {
        let mut config = SmsConfig::new(Named::Twilio, "+15550100");
        config.account = Some("AC1".to_owned());
        config.secret = Some("swordfish".into());
        config.base_url = Some(self.base_url.clone());
        config.webhook_key = Some(KEY.into());
        config.timeout_seconds = 1;
        config
    }

    /// Every request, in order, as its form.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

async fn take(State(asked): State<Arc<Mutex<Vec<Value>>>>, headers: HeaderMap, body: String) -> Response {
    // AC1:swordfish
    assert_eq!(headers["authorization"], "Basic QUMxOnN3b3JkZmlzaA==");
    let url = reqwest::Url::parse(&format!("http://form/?{body}")).unwrap();
    let form: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let to = form["To"].clone();
    let before = {
        let mut asked = asked.lock().unwrap();
        let before = asked.iter().filter(|ask| ask["To"] == to).count();
        asked.push(json!(form));
        before
    };
    let error = |status, code: u32, message: String| (status, Json(json!({"code": code, "message": message})));
    match (&to[to.len() - 2..], before) {
        ("11", _) => {
            error(StatusCode::BAD_REQUEST, 21_211, format!("The 'To' number {to} is not valid.")).into_response()
        }
        ("22", 0) => error(StatusCode::TOO_MANY_REQUESTS, 20_429, "Too many requests".to_owned()).into_response(),
        ("99", _) => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            StatusCode::OK.into_response()
        }
        _ => (StatusCode::CREATED, Json(json!({"sid": format!("SM{to}{before}"), "status": "queued"}))).into_response(),
    }
}
