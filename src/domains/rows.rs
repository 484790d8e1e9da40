//! Domains.

use voicemill_types::DomainId;

use crate::{
    db::{Connection, DbError, on, statements},
    domains::Domain,
};

statements! {
    INSERT = "INSERT INTO domain (id, name, time_zone, locale, brand, mail_from, mail_audio, speech_lufs, \
                  music_lufs, sms_sender, sms_daily_limit, language, transcribe_recordings, created_at, version) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    UPDATE = "UPDATE domain SET time_zone = $2, locale = $3, brand = $4, mail_from = $5, mail_audio = $6, \
                  speech_lufs = $7, music_lufs = $8, sms_sender = $9, sms_daily_limit = $10, language = $11, \
                  transcribe_recordings = $12, version = $13 WHERE id = $1";
    BY_NAME = "SELECT * FROM domain WHERE name = $1";
    BY_ID = "SELECT * FROM domain WHERE id = $1";
}

/// Stores a new domain; a taken name is a conflict.
pub(crate) async fn insert(connection: &mut Connection, domain: &Domain) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(domain.id)
            .bind(&domain.name)
            .bind(&domain.time_zone)
            .bind(&domain.locale)
            .bind(&domain.brand)
            .bind(&domain.mail_from)
            .bind(domain.mail_audio)
            .bind(domain.speech_lufs)
            .bind(domain.music_lufs)
            .bind(&domain.sms_sender)
            .bind(domain.sms_daily_limit)
            .bind(&domain.language)
            .bind(domain.transcribe_recordings)
            .bind(domain.created_at)
            .bind(domain.version)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Stores the domain's settings; its name stays.
pub(crate) async fn update(connection: &mut Connection, domain: &Domain) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(UPDATE)
            .bind(domain.id)
            .bind(&domain.time_zone)
            .bind(&domain.locale)
            .bind(&domain.brand)
            .bind(&domain.mail_from)
            .bind(domain.mail_audio)
            .bind(domain.speech_lufs)
            .bind(domain.music_lufs)
            .bind(&domain.sms_sender)
            .bind(domain.sms_daily_limit)
            .bind(&domain.language)
            .bind(domain.transcribe_recordings)
            .bind(domain.version)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The domain of that name.
pub(crate) async fn by_name(connection: &mut Connection, name: &str) -> Result<Option<Domain>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_NAME).bind(name).fetch_optional(connection).await?))
}

/// The domain with that id.
pub(crate) async fn by_id(connection: &mut Connection, id: DomainId) -> Result<Option<Domain>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}
