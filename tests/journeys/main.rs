//! Journeys: what people, cores and operators do, against the whole service.

#![allow(clippy::unwrap_used, reason = "a journey that cannot go on fails")]

/// The same journey on both databases.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(voicemill_sql::Kind::Sqlite).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(voicemill_sql::Kind::Postgres).await;
            })+
        }
    };
}

mod boundaries;
mod cli;
mod conventions;
mod harness;
mod intake;
mod keys;
mod links;
mod machines;
mod mail;
mod mail_field;
mod mail_kill;
mod mail_trees;
mod operators;
mod prompts;
mod recordings;
mod rules;
mod signals;
mod sms;
mod sms_kannel;
mod sms_provider;
mod sms_smpp;
mod storage;
mod storm;
mod tokens;
mod voicemail;
mod webhooks;
