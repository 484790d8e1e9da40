//! The `[sms]` section of the configuration.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{proof::Proof, template::Template};
use crate::{Answer, NotifyError};

/// The provider that SMS leave through, and what it needs to know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsConfig {
    /// Which one it is.
    pub provider: Provider,
    /// The number or name that SMS come from, for domains without one of their own.
    pub sender: String,
    /// Our account there: Twilio's account SID, Bandwidth's account id.
    #[serde(default)]
    pub account: Option<String>,
    /// Who we log in as, where that is not the account: Bandwidth's API token, Vonage's API key, Kannel's user.
    #[serde(default)]
    pub user: Option<String>,
    /// Token, API secret or password.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// Bandwidth's application, Telnyx's messaging profile.
    #[serde(default)]
    pub application: Option<String>,
    /// Where the provider is, in place of its public address: a region's, a gateway's of our own.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Seconds that one SMS may take.
    #[serde(default = "SmsConfig::default_timeout_seconds")]
    pub timeout_seconds: u64,
    /// Most parts that a domain may send on one day of its calendar, unless it has a limit of its own.
    #[serde(default = "SmsConfig::default_daily_limit")]
    pub daily_limit: u32,
    /// Stands in the address that the provider reports to, /hooks/sms/KEY; without one nobody can report.
    #[serde(default)]
    pub webhook_key: Option<SecretString>,
    /// What those calls are proved by, beside the key in their address: Twilio's auth token, if `secret` is not it; Telnyx's
    /// public key; Vonage's signature secret; the `user:password` that Bandwidth is told to log in with.
    #[serde(default)]
    pub webhook_secret: Option<SecretString>,
    /// The settings of `provider = "rest"`.
    #[serde(default)]
    pub rest: Option<Template>,
    /// The settings of `provider = "smpp"`.
    #[serde(default)]
    pub smpp: Option<SmppConfig>,
    /// The settings of `provider = "aws"`.
    #[serde(default)]
    pub aws: Option<AwsConfig>,
}

/// A provider of SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Twilio.
    Twilio,
    /// Telnyx.
    Telnyx,
    /// Vonage, by its SMS API.
    Vonage,
    /// Bandwidth.
    Bandwidth,
    /// A Kannel of our own.
    Kannel,
    /// Any other with an HTTP interface, by the settings in `[sms.rest]`.
    Rest,
    /// AWS End User Messaging.
    Aws,
    /// A message centre that speaks SMPP 3.4.
    Smpp,
}

/// `[sms.smpp]`: the message centre.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmppConfig {
    /// Where it is: `smpp://host:2775`, or `smpps://host:2776` with TLS.
    pub address: String,
    /// Who we are.
    pub system_id: String,
    /// The password, at most eight characters.
    pub password: SecretString,
    /// What kind of system we are, if the centre wants to know.
    #[serde(default)]
    pub system_type: String,
    /// Most SMS that wait for their answers at once.
    #[serde(default = "SmppConfig::default_window")]
    pub window: u16,
    /// Seconds between signs of life.
    #[serde(default = "SmppConfig::default_enquire_seconds")]
    pub enquire_seconds: u64,
    /// Whether reports give as decimal numbers the ids that answers give as hexadecimal ones, as some centres do.
    #[serde(default)]
    pub decimal_reports: bool,
}

impl SmppConfig {
    fn default_window() -> u16 {
        10
    }

    fn default_enquire_seconds() -> u64 {
        30
    }
}

/// `[sms.aws]`: beside the credentials, which are `sms.user` and `sms.secret`, or else those of the standard chain.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AwsConfig {
    /// The region; the standard chain's if left out.
    pub region: Option<String>,
    /// The configuration set, whose event destination reports to us.
    pub configuration_set: Option<String>,
}

/// The shortest key that a webhook's address may have.
const SHORTEST_KEY: usize = 24;

impl SmsConfig {
    /// A provider with every other setting at its default.
    pub fn new(provider: Provider, sender: impl Into<String>) -> Self {
        Self {
            provider,
            sender: sender.into(),
            account: None,
            user: None,
            secret: None,
            application: None,
            base_url: None,
            timeout_seconds: Self::default_timeout_seconds(),
            daily_limit: Self::default_daily_limit(),
            webhook_key: None,
            webhook_secret: None,
            rest: None,
            smpp: None,
            aws: None,
        }
    }

    fn default_timeout_seconds() -> u64 {
        30
    }

    fn default_daily_limit() -> u32 {
        500
    }

    /// Refuses what cannot work; what a provider needs beside this it checks itself.
    pub(super) fn check(&self) -> Result<(), NotifyError> {
        if self.sender.is_empty() {
            return unfit("`sms.sender` is empty; give the number or name that SMS come from");
        }
        if self.timeout_seconds == 0 {
            return unfit("`sms.timeout_seconds` is 0; no SMS could ever be sent");
        }
        if self.webhook_key.as_ref().is_some_and(|key| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            key.expose_secret().len() < SHORTEST_KEY || !key.expose_secret().bytes().all(plain)
        }) {
            return unfit(
                "`sms.webhook_key` must be at least 24 letters, digits, - or _, since it stands in an address",
            );
        }
        for (section, given, provider) in
            [("[sms.rest]", self.rest.is_some(), Provider::Rest), ("[sms.smpp]", self.smpp.is_some(), Provider::Smpp)]
        {
            if given != (self.provider == provider) {
                return unfit(format!("{section} and its `sms.provider` go together; set both or none"));
            }
        }
        Ok(())
    }

    /// What the provider's calls are proved by, if they are.
    pub(super) fn proof_by(&self, proof: Proof) -> Result<Option<SecretString>, NotifyError> {
        match (proof, &self.webhook_secret) {
            (Proof::None, Some(_)) => unfit(
                "`sms.webhook_secret` is set, but the calls of this provider bear no proof beside the key in their address",
            ),
            // With a user, the secret is that of an API key, which signs nothing.
            (Proof::Twilio, None) if self.user.is_none() => Ok(self.secret.clone()),
            (_, secret) => Ok(secret.clone()),
        }
    }
}

/// What our configuration lacks.
pub(super) fn unfit<T>(why: impl Into<String>) -> Result<T, NotifyError> {
    Err(NotifyError::Misconfigured(Answer::own(why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut config = SmsConfig::new(Provider::Twilio, "+15550100");
        config.secret = Some("swordfish".into());
        config.webhook_key = Some("swordfish-in-the-address-of-a-webhook".into());
        assert!(config.check().is_ok());
        assert!(!format!("{config:?}").contains("swordfish"));
        config.webhook_key = Some("short".into());
        assert!(config.check().is_err());
    }
}
