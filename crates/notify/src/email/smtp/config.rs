//! The `[smtp]` section of the configuration.

use std::path::PathBuf;

use lettre::transport::smtp::{
    authentication::Credentials,
    client::{Certificate, TlsParameters},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::{Answer, NotifyError};

/// The next SMTP server and how to talk to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name, which its certificate has to show.
    pub host: String,
    /// Its port: 587 with STARTTLS, 465 with TLS and 25 without, unless set.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: Security,
    /// The account to log in with, if it wants one.
    #[serde(default)]
    pub username: Option<String>,
    /// The account's password.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// The name we give in EHLO; the machine's address unless set.
    #[serde(default)]
    pub hello_name: Option<String>,
    /// A PEM file with the one certificate to trust beside the public ones.
    #[serde(default)]
    pub trusted_certificate: Option<PathBuf>,
    /// Seconds that one mail may take, and one more for every 64 KiB of it.
    #[serde(default = "SmtpConfig::default_timeout_seconds")]
    pub timeout_seconds: u64,
}

/// How the connection to the server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS begun by STARTTLS; a server that lacks it is refused.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None: for a server on the same machine or network.
    None,
}

impl SmtpConfig {
    /// A server with every other setting at its default.
    pub fn new(host: impl Into<String>, security: Security) -> Self {
        Self {
            host: host.into(),
            port: None,
            security,
            username: None,
            password: None,
            hello_name: None,
            trusted_certificate: None,
            timeout_seconds: Self::default_timeout_seconds(),
        }
    }

    fn default_timeout_seconds() -> u64 {
        60
    }

    /// Refuses what cannot work, or would show the password to the network.
    pub(super) fn check(&self) -> Result<(), NotifyError> {
        let refuse = |why: &str| Err(NotifyError::Misconfigured(Answer::own(why)));
        if self.host.is_empty() {
            return refuse("`smtp.host` is empty; name the server to send through");
        }
        if self.username.is_some() != self.password.is_some() {
            return refuse("`smtp.username` and `smtp.password` go together; set both or none");
        }
        let is_local = matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if self.password.is_some() && self.security == Security::None && !is_local {
            return refuse("`smtp.password` would cross the network in clear; set `smtp.security` to starttls or tls");
        }
        if self.timeout_seconds == 0 {
            return refuse("`smtp.timeout_seconds` is 0; no mail could ever be sent");
        }
        Ok(())
    }

    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::StartTls => 587,
            Security::Tls => 465,
            Security::None => 25,
        })
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        let (username, password) = self.username.as_ref().zip(self.password.as_ref())?;
        Some(Credentials::new(username.clone(), password.expose_secret().to_owned()))
    }

    pub(super) fn tls(&self) -> Result<TlsParameters, NotifyError> {
        let unfit = |why: String| NotifyError::Misconfigured(Answer::own(why));
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(path) = &self.trusted_certificate {
            let pem = std::fs::read(path)
                .map_err(|error| unfit(format!("`smtp.trusted_certificate` cannot be read: {error}")))?;
            let certificate = Certificate::from_pem(&pem)
                .map_err(|error| unfit(format!("`smtp.trusted_certificate` is no PEM certificate: {error}")))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build().map_err(|error| unfit(format!("TLS cannot be set up: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_neither_shown_nor_sent_in_clear() {
        let mut config = SmtpConfig::new("mail.example.com", Security::None);
        config.username = Some("user".to_owned());
        assert!(config.check().is_err(), "half an account");
        config.password = Some("swordfish".into());
        assert!(config.check().is_err(), "clear text across the network");
        config.security = Security::StartTls;
        assert!(config.check().is_ok());
        assert!(!format!("{config:?}").contains("swordfish"));
    }

    #[test]
    fn the_port_follows_the_protection() {
        let port = |security| SmtpConfig::new("mail.example.com", security).port();
        assert_eq!([Security::StartTls, Security::Tls, Security::None].map(port), [587, 465, 25]);
    }
}
