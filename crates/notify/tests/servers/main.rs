//! The channels beside real servers, and beside servers that answer as their makers document.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(feature = "aws-sms")]
mod aws;
mod bounces;
mod dkim;
mod smtp;
