//! The demo's side of the wire: what cores, portals and people send.

use std::{sync::OnceLock, time::Duration};

use anyhow::Context;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Speaks to the service as an operator, a core, a portal and a browser.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    operator_key: String,
    keys: OnceLock<(String, String)>,
    page: OnceLock<String>,
}

impl Client {
    pub(super) fn new(base: String, operator_key: String) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { http, base, operator_key, keys: OnceLock::new(), page: OnceLock::new() })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn core_key(&self) -> &str {
        self.keys.get().map_or("", |keys| &keys.0)
    }

    pub(super) fn portal_key(&self) -> &str {
        self.keys.get().map_or("", |keys| &keys.1)
    }

    /// The page of the voicemail, once a mail told it.
    pub(super) fn page(&self) -> Option<&str> {
        self.page.get().map(String::as_str)
    }

    pub(super) fn remember_page(&self, page: &str) {
        drop(self.page.set(page.to_owned()));
    }

    /// Makes the domain and its keys, as an operator would.
    pub(super) async fn set_up(&self, domain: &str) -> anyhow::Result<()> {
        let body = json!({"name": domain, "time_zone": "America/New_York", "brand": "Demo Telephone"});
        let _: Value = self.expect(self.operator(Method::POST, "/v1/domains").json(&body)).await?;
        let mut keys = Vec::new();
        for scope in ["core", "portal"] {
            let request = self.operator(Method::POST, &format!("/v1/domains/{domain}/keys"));
            let made: Value = self.expect(request.json(&json!({"scope": scope, "name": "demo"}))).await?;
            keys.push(made["key"].as_str().context("the service gave no key")?.to_owned());
        }
        let (portal, core) = (keys.pop(), keys.pop());
        let (Some(core), Some(portal)) = (core, portal) else { anyhow::bail!("the service gave no keys") };
        drop(self.keys.set((core, portal)));
        Ok(())
    }

    fn operator(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.operator_key)
    }

    pub(super) fn core(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.core_key())
    }

    pub(super) fn portal(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.portal_key())
    }

    /// A request without any key, as from a browser.
    pub(super) fn browser(&self, method: Method, url: &str) -> RequestBuilder {
        let url = if url.starts_with('/') { format!("{}{url}", self.base) } else { url.to_owned() };
        self.http.request(method, url)
    }

    /// Sends, and reads the JSON of a 2xx answer; another answer is an error with its own words.
    pub(super) async fn expect<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = request.send().await?;
        let status = response.status();
        if !status.is_success() {
            let (_, detail) = problem(response).await;
            anyhow::bail!("{status}: {detail}");
        }
        Ok(response.json().await?)
    }

    /// The bytes of a rendition, as a phone fetches them.
    pub(super) async fn media(&self, rendition: &Value) -> anyhow::Result<Vec<u8>> {
        let id = rendition["id"].as_str().context("a rendition has no id")?;
        let response = self.core(Method::GET, &format!("/media/{id}/audio")).send().await?.error_for_status()?;
        Ok(response.bytes().await?.to_vec())
    }
}

/// Status and words of an answer that is a problem.
pub(super) async fn problem(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    (status, body["detail"].as_str().unwrap_or("the answer has no words").to_owned())
}
