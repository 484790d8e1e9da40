//! SMS: what one costs, the providers that take it, and what comes back from them.
//!
//! A provider with an HTTP interface is a [`rest::Template`], a file of settings; the others are a file of code each. All
//! of them are a [`Channel`] for what goes out, and bring [`Callback`] for what comes back: reports of delivery, and replies.

mod answer;
#[cfg(feature = "aws-sms")]
mod aws;
mod callbacks;
mod config;
mod outbox;
mod proof;
mod rest;
#[cfg(feature = "smpp")]
mod smpp;
mod template;
mod text;
mod words;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::oneshot;

pub use callbacks::Callback;
pub use config::{AwsConfig, Provider, SmppConfig, SmsConfig};
pub use outbox::SmsOutbox;
pub use proof::Call;
pub use template::Template;
pub use text::{Coding, MOST_PARTS, measure, plain};
pub use words::{FullWords, MessageWords, ReminderWords, UnheardWords};

use super::{Channel, NotifyError};

/// The way SMS go out, and what comes back.
pub struct SmsGateway {
    /// What SMS are handed to.
    pub channel: Arc<dyn Channel>,
    /// How the provider's calls to our webhook are read, if it makes any.
    callbacks: Option<callbacks::CallbackFormat>,
    /// What those calls are proved by.
    secret: Option<SecretString>,
    /// What comes back over the connection that SMS leave by, if there is one.
    line: Option<Box<dyn Line>>,
}

/// A connection over which things come back.
#[async_trait]
trait Line: Send + Sync {
    /// The next one.
    async fn next(&self) -> Option<Incoming>;
}

/// A callback over a connection; the provider is told that we have it once `taken` says so.
pub struct Incoming {
    /// What it is.
    pub callback: Callback,
    /// True when it is durable with us.
    pub taken: oneshot::Sender<bool>,
}

/// Why a call to our webhook says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCallback {
    /// It does not prove that it is the provider's; what is missing, and where to look.
    Unproven(&'static str),
    /// It is none that this provider makes.
    Unreadable(&'static str),
}

impl SmsGateway {
    /// The provider that is configured; nothing is sent to it yet.
    pub fn new(config: &SmsConfig, public_url: &str) -> Result<Self, NotifyError> {
        config.check()?;
        match config.provider {
            #[cfg(feature = "aws-sms")]
            Provider::Aws => aws::gateway(config),
            #[cfg(not(feature = "aws-sms"))]
            Provider::Aws => {
                config::unfit("this build has no AWS End User Messaging; build it with the feature `aws-sms`")
            }
            #[cfg(feature = "smpp")]
            Provider::Smpp => smpp::gateway(config),
            #[cfg(not(feature = "smpp"))]
            Provider::Smpp => config::unfit("this build does not speak SMPP; build it with the feature `smpp`"),
            _ => rest::gateway(config, public_url),
        }
    }

    /// A folder in place of a provider.
    pub fn outbox(outbox: SmsOutbox) -> Self {
        Self { channel: Arc::new(outbox), callbacks: None, secret: None, line: None }
    }

    /// Reads a call of the provider to our webhook; nothing in it that concerns us gives nothing.
    ///
    /// # Errors
    /// When it is not the provider's, or none that it makes.
    pub fn parse(&self, call: &Call<'_>) -> Result<Vec<Callback>, BadCallback> {
        let Some(callbacks) = &self.callbacks else {
            return Err(BadCallback::Unreadable(
                "this provider reports over its own connection, not by calls to an address",
            ));
        };
        if let Some(secret) = &self.secret {
            callbacks.proof.check(call, secret).map_err(BadCallback::Unproven)?;
        }
        callbacks.parse(call.query(), call.content_type(), call.body).map_err(BadCallback::Unreadable)
    }

    /// The next thing that comes back over the provider's connection; waits for ever where there is none.
    pub async fn next(&self) -> Incoming {
        if let Some(line) = &self.line
            && let Some(next) = line.next().await
        {
            return next;
        }
        std::future::pending().await
    }
}
