//! A speech service elsewhere, reached over HTTP: what cloud voices and cloud transcription share.
//!
//! Both speak the API that many providers and self-hosted servers have in common. Nothing is sent anywhere unless an
//! operator configures it.

use std::{fmt, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::runtime::Handle;

use crate::{
    SpeechError,
    error::{ProviderProblem, Refusal},
};

/// Longest explanation of a provider that is passed on, in characters.
const MAX_EXPLANATION: usize = 200;

/// One address of a provider, called from threads that may block.
pub(super) struct Endpoint {
    client: Client,
    url: String,
    key: Option<SecretString>,
    timeout: Duration,
    runtime: Handle,
}

impl Endpoint {
    /// `path` below `base_url`; must be made on the runtime that its calls will run on.
    pub(super) fn new(
        base_url: &str,
        path: &str,
        key: Option<SecretString>,
        timeout: Duration,
    ) -> Result<Self, SpeechError> {
        if !base_url.starts_with("http://") && !base_url.starts_with("https://") {
            return Err(Refusal::BadAddress { address: base_url.to_owned() }.into());
        }
        let unusable = |error: &dyn fmt::Display| SpeechError::Engine(format!("no HTTP client could be made: {error}"));
        // A redirect could take the key elsewhere.
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).tls_backend_preconfigured(tls());
        Ok(Self {
            client: client.build().map_err(|error| unusable(&error))?,
            url: format!("{}{path}", base_url.trim_end_matches('/')),
            key,
            timeout,
            runtime: Handle::try_current().map_err(|error| unusable(&error))?,
        })
    }

    /// Posts what `fill` puts into the request and returns the answer's body, of at most `most_bytes`. Blocks.
    pub(super) fn post(
        &self,
        most_bytes: usize,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Vec<u8>, SpeechError> {
        let mut request = self.client.post(&self.url).timeout(self.timeout);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        self.runtime.block_on(answer(fill(request), most_bytes))
    }
}

/// TLS as everywhere in this program: rustls with ring, trusting the public authorities.
fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions();
    let config = config.expect("ring has the default protocol versions");
    config.with_root_certificates(roots).with_no_client_auth()
}

async fn answer(request: RequestBuilder, most_bytes: usize) -> Result<Vec<u8>, SpeechError> {
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(unreachable)? {
        if body.len() + part.len() > most_bytes {
            return Err(ProviderProblem::TooMuch { most_bytes }.into());
        }
        body.extend_from_slice(&part);
    }
    let code = status.as_u16();
    let problem = match status {
        status if status.is_success() => return Ok(body),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ProviderProblem::KeyRefused { status: code },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => ProviderProblem::Busy { status: code },
        status if status.is_server_error() => ProviderProblem::Failed { status: code },
        status => ProviderProblem::Refused { explanation: explanation(status, &body) },
    };
    Err(problem.into())
}

/// Without the request's address, which an operator may have put a secret into.
fn unreachable(error: reqwest::Error) -> SpeechError {
    let problem = match error.is_timeout() {
        true => ProviderProblem::TooSlow,
        false => ProviderProblem::Unreachable { reason: error.without_url().to_string() },
    };
    problem.into()
}

/// The message of an answer of the usual form, else its status.
fn explanation(status: StatusCode, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Answer {
        error: Problem,
    }
    #[derive(Deserialize)]
    struct Problem {
        message: String,
    }
    let message = serde_json::from_slice::<Answer>(body).map(|answer| answer.error.message);
    let message = message.unwrap_or_else(|_| status.to_string());
    message.chars().filter(|character| !character.is_control()).take(MAX_EXPLANATION).collect()
}
