//! Tokens for people: made by a portal, used in a browser, gone after a day at most.

use uuid::Uuid;
use voicemill_types::{Time, UserTokenId};

use super::{Bearer, Boxes, Grant, OwnBox, Secret, TokenRole, UserToken, reach::with_groups, rows};
use crate::{
    app::App,
    checks::{check_label, check_range},
    domains::{self, Domain},
    error::ServiceError,
    mailboxes,
    refusal::{Conflict, Rule, Thing},
};

/// How long a token that ended is still listed.
const LISTED: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Most tokens that are removed at once.
const BATCH: i64 = 1_000;

/// What a new token needs.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The person, as the portal calls them.
    pub subject: String,
    /// What they may do.
    pub role: TokenRole,
    /// The extensions of the mailboxes that it opens; none of a manager's.
    pub mailboxes: Vec<String>,
    /// How long it is good.
    pub ttl_seconds: i64,
}

/// Makes a token and returns it with its text, which is shown this once. `maker` is who asks for it.
///
/// # Errors
/// A person's name, mailboxes or a time that may not be, or as many tokens as there may be.
pub async fn create(
    app: &App,
    domain: &Domain,
    maker: &Grant,
    new: NewToken,
) -> Result<(UserToken, String), ServiceError> {
    check_label("subject", &new.subject, UserToken::LONGEST_SUBJECT)?;
    check_range("ttl_seconds", new.ttl_seconds, UserToken::TTL_SECONDS)?;
    let is_named = !new.mailboxes.is_empty();
    if is_named != (new.role == TokenRole::User) {
        return Err(ServiceError::invalid("/mailboxes", Rule::MailboxesOfRole {}));
    }
    if new.mailboxes.len() > UserToken::MOST_MAILBOXES {
        let rule = Rule::TooMany { field: "mailboxes".to_owned(), most: UserToken::MOST_MAILBOXES };
        return Err(ServiceError::invalid("/mailboxes", rule));
    }
    let mut own = Vec::new();
    for extension in &new.mailboxes {
        let mailbox = mailboxes::by_extension(app, domain, extension).await?;
        own.push(OwnBox { id: mailbox.id, extension: mailbox.extension });
    }
    let now = Time::from(app.clock.now());
    let (secret, text) = Secret::new(UserToken::PREFIX)?;
    let token = UserToken {
        id: UserTokenId::new(),
        domain_id: domain.id,
        key_id: match maker.bearer {
            Bearer::Key(key) => Some(key),
            Bearer::Configured | Bearer::Token(_) => None,
        },
        subject: new.subject,
        role: new.role,
        mailboxes: own,
        created_at: now,
        expires_at: now.after(std::time::Duration::from_secs(new.ttl_seconds.unsigned_abs())),
        revoked_at: None,
    };
    let mut tx = app.begin().await?;
    if rows::live_tokens(tx.connection(), domain.id, now).await? >= UserToken::MOST {
        return Err(ServiceError::Conflict(Conflict::TokensFull { most: UserToken::MOST }));
    }
    rows::insert_token(tx.connection(), &token, &secret).await?;
    tx.about(Some(domain.id), format!("tokens/{}", token.id)).await?;
    tx.commit().await?;
    Ok((token, text))
}

/// A page of a domain's tokens, or of those of one person, the latest first; those that ended are there for a day more.
pub async fn list(
    app: &App,
    domain: &Domain,
    subject: Option<&str>,
    before: Option<UserTokenId>,
    limit: u16,
) -> Result<Vec<UserToken>, ServiceError> {
    let before = before.map_or(Uuid::max(), Uuid::from);
    let mut connection = app.database.read().await?;
    Ok(rows::list_tokens(&mut connection, domain.id, before, subject, i64::from(limit)).await?)
}

/// Revokes a token: from the answer on it opens nothing. Once more changes nothing.
pub async fn revoke(app: &App, domain: &Domain, id: UserTokenId) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    if !rows::revoke_token(tx.connection(), domain.id, id, Time::from(app.clock.now())).await? {
        return match rows::token_is_there(tx.connection(), domain.id, id).await? {
            true => Ok(()),
            false => Err(ServiceError::NotFound(Thing::Token {})),
        };
    }
    Ok(tx.commit().await?)
}

/// Revokes every token of one person, wherever they are signed in; returns how many were good.
pub async fn revoke_all(app: &App, domain: &Domain, subject: &str) -> Result<usize, ServiceError> {
    let now = Time::from(app.clock.now());
    let mut tx = app.begin().await?;
    let tokens = rows::tokens_of(tx.connection(), domain.id, subject, now).await?;
    for token in &tokens {
        rows::revoke_token(tx.connection(), domain.id, *token, now).await?;
        tx.about(Some(domain.id), format!("tokens/{token}")).await?;
    }
    tx.commit().await?;
    Ok(tokens.len())
}

/// What a token opens now; none if it is not good.
pub(super) async fn grant(app: &App, text: &str) -> Result<Option<Grant>, ServiceError> {
    let mut connection = app.database.read().await?;
    let now = Time::from(app.clock.now());
    let Some(token) = rows::token_by_hash(&mut connection, &Secret::of(text), now).await? else { return Ok(None) };
    let Some(domain) = domains::rows::by_id(&mut connection, token.domain_id).await? else { return Ok(None) };
    let boxes = match token.role {
        TokenRole::User => Boxes::Only(with_groups(&mut connection, token.mailboxes).await?),
        TokenRole::Manager => Boxes::All,
    };
    let (role, bearer) = (token.role.into(), Bearer::Token(token.id));
    Ok(Some(Grant { domain: Some(domain), boxes, role, subject: Some(token.subject), bearer }))
}

/// Removes tokens that ended more than a day ago.
pub(crate) async fn prune(app: &App) -> Result<(), ServiceError> {
    let before = app.clock.now().saturating_sub(LISTED).map_or(Time::from_microseconds(0), Time::from);
    loop {
        let mut tx = app.begin().await?;
        let removed = rows::prune_tokens(tx.connection(), before, BATCH).await?;
        tx.commit().await?;
        if removed < BATCH.unsigned_abs() {
            return Ok(());
        }
    }
}
