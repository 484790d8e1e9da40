//! Providers with an HTTP interface: one way to ask them, and a file of settings for each.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    SmsGateway,
    answer::body_of,
    callbacks::{self, CallbackFormat},
    config::{Provider, SmsConfig, unfit},
    template::{Encoding, Facts, Login, Template, Verdict},
    text::{Coding, coding},
};
use crate::{Answer, Channel, NotifyError, Receipt, Recipient, Rendered};

/// A provider that is asked over HTTP.
struct Rest {
    client: Client,
    template: Template,
    config: SmsConfig,
    /// What it reports to, without the notice's id.
    callback: String,
    timeout: Duration,
}

/// The ready settings of the providers we know.
fn ready(provider: Provider) -> Option<&'static str> {
    Some(match provider {
        Provider::Twilio => include_str!("rest/twilio.toml"),
        Provider::Telnyx => include_str!("rest/telnyx.toml"),
        Provider::Vonage => include_str!("rest/vonage.toml"),
        Provider::Bandwidth => include_str!("rest/bandwidth.toml"),
        Provider::Kannel => include_str!("rest/kannel.toml"),
        Provider::Rest | Provider::Aws | Provider::Smpp => return None,
    })
}

/// The gateway of such a provider.
pub(super) fn gateway(config: &SmsConfig, public_url: &str) -> Result<SmsGateway, NotifyError> {
    let template: Template = match (ready(config.provider), &config.rest) {
        (Some(settings), _) => toml::from_str(settings)
            .or_else(|error| unfit(format!("the ready settings of this provider cannot be read: {error}")))?,
        (None, Some(template)) => template.clone(),
        (None, None) => return unfit("`sms.provider` is rest; say how to ask it in [sms.rest]"),
    };
    for (placeholder, given, what) in [
        ("{account}", config.account.is_some(), "sms.account"),
        ("{user}", config.user.is_some(), "sms.user"),
        ("{secret}", config.secret.is_some(), "sms.secret"),
        ("{application}", config.application.is_some(), "sms.application"),
        ("{base}", config.base_url.is_some() || !template.base.is_empty(), "sms.base_url"),
    ] {
        if template.needs(placeholder) && !given {
            return unfit(format!("this provider of SMS needs `{what}`"));
        }
    }
    let base = config.base_url.as_deref().unwrap_or(&template.base);
    if !base.starts_with("https://") && !base.starts_with("http://") {
        return unfit("`sms.base_url` must begin with https://, or http:// for a gateway of our own network");
    }
    let callbacks: CallbackFormat = template.callbacks.clone();
    let secret = config.proof_by(callbacks.proof)?;
    let callback = config.webhook_key.as_ref().map(|key| format!("{public_url}/hooks/sms/{}", key.expose_secret()));
    // No redirect is followed: it would carry the secret elsewhere.
    let client =
        Client::builder().redirect(Policy::none()).user_agent(concat!("voicemill/", env!("CARGO_PKG_VERSION")));
    let client =
        client.build().or_else(|error| unfit(format!("no HTTP client can be made: {}", error.without_url())))?;
    let timeout = Duration::from_secs(config.timeout_seconds);
    let rest = Rest { client, template, config: config.clone(), callback: callback.unwrap_or_default(), timeout };
    Ok(SmsGateway { channel: std::sync::Arc::new(rest), callbacks: Some(callbacks), secret, line: None })
}

#[async_trait]
impl Channel for Rest {
    async fn deliver(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let text = std::str::from_utf8(&message.bytes)
            .map_err(|_| NotifyError::Refused(Answer::own("the text is not UTF-8")))?;
        let request = self.request(to.address(), &message.sender, text, message)?;
        let sent = tokio::time::timeout(self.timeout, self.send(request)).await;
        match sent {
            Ok(judged) => judged,
            Err(_) => {
                let seconds = self.timeout.as_secs();
                Err(NotifyError::Unknown(Answer::own(format!("no answer within {seconds} s"))))
            }
        }
    }
}

impl Rest {
    fn request(&self, to: &str, from: &str, text: &str, message: &Rendered) -> Result<reqwest::Request, NotifyError> {
        let notice = message.notice_id.to_string();
        let optional = |value: &'_ Option<String>| value.clone().unwrap_or_default();
        let (account, user) = (optional(&self.config.account), optional(&self.config.user));
        let application = optional(&self.config.application);
        let secret = self.config.secret.as_ref().map(SecretString::expose_secret).unwrap_or_default();
        let facts = Facts {
            base: self.config.base_url.as_deref().unwrap_or(&self.template.base),
            account: &account,
            user: &user,
            application: &application,
            secret,
            to,
            from,
            text,
            notice: &notice,
            callback: &self.callback,
            unicode: coding(text) == Coding::Ucs2,
        };
        let url = self.template.address(&facts);
        let mut request = match self.template.encoding {
            Encoding::Query => self.client.get(url).query(&self.template.pairs(&facts)),
            Encoding::Form => {
                let mut form = reqwest::Url::parse("http://form/").map_err(|_| broken())?;
                form.query_pairs_mut().extend_pairs(self.template.pairs(&facts));
                let content_type = "application/x-www-form-urlencoded";
                self.client
                    .post(url)
                    .header("content-type", content_type)
                    .body(form.query().unwrap_or_default().to_owned())
            }
            Encoding::Json => self.client.post(url).json(&self.template.json(&facts)),
        };
        request = match self.template.login {
            Login::None => request,
            Login::Bearer => request.bearer_auth(secret),
            Login::Basic => {
                let user = self.config.user.as_ref().or(self.config.account.as_ref());
                request.basic_auth(user.map(String::as_str).unwrap_or_default(), Some(secret))
            }
        };
        request.build().map_err(|_| broken())
    }

    async fn send(&self, request: reqwest::Request) -> Result<Receipt, NotifyError> {
        let response = self.client.execute(request).await.map_err(|error| {
            // What was not connected was not sent; afterwards nobody knows. An error's address may hold a password.
            if error.is_connect() {
                NotifyError::Retry(Answer::own("the provider cannot be reached"))
            } else {
                NotifyError::Unknown(Answer::own("the connection broke off before the provider answered"))
            }
        })?;
        let status = response.status().as_u16();
        let body = body_of(response).await;
        self.judge(status, &body)
    }

    /// What an answer means for the SMS.
    fn judge(&self, status: u16, body: &[u8]) -> Result<Receipt, NotifyError> {
        let told = serde_json::from_slice(body).unwrap_or(Value::Null);
        let places = &self.template.answer;
        let code = callbacks::found(&told, &places.code);
        let said = callbacks::found(&told, &places.text)
            .unwrap_or_else(|| String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned());
        let answer = Answer::coded(status, code.as_deref(), &self.scrubbed(&said));
        match self.template.verdict(status, code.as_deref()) {
            Verdict::Accepted => {
                let reference = callbacks::found(&told, &places.reference);
                Ok(Receipt { answer, reference })
            }
            Verdict::Retry => Err(NotifyError::Retry(answer)),
            Verdict::Refused => Err(NotifyError::Refused(answer)),
            Verdict::Ours => Err(NotifyError::Misconfigured(answer)),
        }
    }

    /// What a provider says, without what it may repeat of ours.
    fn scrubbed(&self, said: &str) -> String {
        let secrets = [&self.config.secret, &self.config.webhook_key, &self.config.webhook_secret]
            .into_iter()
            .flatten()
            .map(SecretString::expose_secret);
        secrets.filter(|secret| !secret.is_empty()).fold(said.to_owned(), |said, secret| said.replace(secret, "…"))
    }
}

fn broken() -> NotifyError {
    NotifyError::Misconfigured(Answer::own(
        "no request can be made of the settings of this provider; check its address",
    ))
}

#[cfg(test)]
mod tests;
