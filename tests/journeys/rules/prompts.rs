//! What the rules of prompts have in common.

use reqwest::{Method, RequestBuilder, StatusCode, multipart};
use serde_json::Value;

use crate::harness::{TestApp, ok, sample_bytes};

pub(super) fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_else(|| panic!("no id: {value:#}"))
}

pub(super) fn address(prompt: &Value) -> String {
    format!("/v1/prompts/{}", id(prompt))
}

/// A prompt spoken from text, once it can be heard.
pub(super) async fn spoken(test: &TestApp, wanted: Value) -> Value {
    let made = ok(test.portal(Method::POST, "/v1/prompts/text").json(&wanted)).await;
    ready(test, &made).await
}

/// A prompt once it can be heard: on a busy machine it is answered before.
pub(super) async fn ready(test: &TestApp, prompt: &Value) -> Value {
    test.until(&address(prompt), |prompt| prompt["state"] == "available").await
}

pub(super) fn form(kind: &str, name: &str, sample: &str) -> multipart::Form {
    let part = multipart::Part::bytes(sample_bytes(sample)).file_name(sample.to_owned());
    multipart::Form::new().text("kind", kind.to_owned()).text("name", name.to_owned()).part("file", part)
}

pub(super) async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

pub(super) async fn refusal(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The audio at an address that a core was told.
pub(super) async fn heard(test: &TestApp, address: &Value) -> Vec<u8> {
    let address = address.as_str().unwrap_or_else(|| panic!("no address: {address:#}"));
    let answer = test.http.get(address).bearer_auth(&test.core_key).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{address}");
    answer.bytes().await.unwrap().to_vec()
}

/// The types of the domain's events so far.
pub(super) async fn events(test: &TestApp, of: &str) -> Vec<Value> {
    let page = ok(test.portal(Method::GET, &format!("/v1/events?types={of}&limit=500"))).await;
    page["items"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect()
}
