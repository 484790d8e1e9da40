//! The `[smtp]` section of the configuration.

use std::path::PathBuf;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::SecretString;
use serde::Deserialize;

use crate::{Answer, NotifyError, tls::Tls};

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

/// An account to log in with.
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: SecretString,
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
        if self
            .hello_name
            .as_ref()
            .is_some_and(|name| name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return refuse("`smtp.hello_name` must be a name such as vm.example.com, or left out");
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

    pub(super) fn login(&self) -> Option<Login> {
        let (username, password) = self.username.as_ref().zip(self.password.as_ref())?;
        Some(Login { username: username.clone(), password: password.clone() })
    }

    pub(super) fn tls(&self) -> Result<Tls, NotifyError> {
        let unfit = |why: String| NotifyError::Misconfigured(Answer::own(why));
        let mut more = Vec::new();
        if let Some(path) = &self.trusted_certificate {
            let pem = std::fs::read(path)
                .map_err(|error| unfit(format!("`smtp.trusted_certificate` cannot be read: {error}")))?;
            let certificate = CertificateDer::from_pem_slice(&pem)
                .map_err(|error| unfit(format!("`smtp.trusted_certificate` is no PEM certificate: {error}")))?;
            more.push(certificate);
        }
        Tls::trusting(more).map_err(|error| unfit(format!("`smtp.trusted_certificate` cannot be trusted: {error}")))
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
