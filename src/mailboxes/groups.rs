//! Groups: a mailbox with members, who see its messages and deal with them together.
//!
//! There is one message, with one folder and one mark of being read, whoever of them looks. Who leaves takes nothing away.

use voicemill_types::MailboxId;

use crate::{
    app::App,
    db::{Connection, DbError, on, statements},
    domains::Domain,
    error::ServiceError,
    events::Event,
    mailboxes::{self, Mailbox},
    refusal::Rule,
};

/// Most members of a group.
const MOST_MEMBERS: usize = 100;

statements! {
    CLEAR = "DELETE FROM group_member WHERE group_id = $1";
    ADD = "INSERT INTO group_member (group_id, mailbox_id) VALUES ($1, $2)";
    MEMBERS = "SELECT mailbox.extension FROM mailbox JOIN group_member ON group_member.mailbox_id = mailbox.id \
               WHERE group_member.group_id = $1 ORDER BY mailbox.extension";
    OF_MEMBER = "SELECT mailbox.* FROM mailbox JOIN group_member ON group_member.group_id = mailbox.id \
                 WHERE group_member.mailbox_id = $1 ORDER BY mailbox.extension";
}

/// The extensions of the group's members; none if it is no group.
pub async fn members(app: &App, domain: &Domain, extension: &str) -> Result<Vec<String>, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, extension).await?;
    Ok(members_of(&mut app.database.read().await?, mailbox.id).await?)
}

/// Gives a mailbox these members and no others; none at all makes it one person's again.
///
/// # Errors
/// `Invalid` with a pointer to an extension that there is not, or that is the group's own.
pub async fn set_members(
    app: &App,
    domain: &Domain,
    extension: &str,
    members: &[String],
) -> Result<Vec<String>, ServiceError> {
    if members.len() > MOST_MEMBERS {
        let rule = Rule::TooMany { field: "members".to_owned(), most: MOST_MEMBERS };
        return Err(ServiceError::invalid("/members", rule));
    }
    let group = mailboxes::by_extension(app, domain, extension).await?;
    let mut tx = app.begin().await?;
    tx.connection().lock(group.id.0).await?;
    clear(tx.connection(), group.id).await?;
    for (index, member) in members.iter().enumerate() {
        let pointer = format!("/members/{index}");
        if members[..index].contains(member) {
            return Err(ServiceError::invalid(&pointer, Rule::NamedTwice {}));
        }
        let found = mailboxes::rows::by_extension(tx.connection(), domain.id, member).await?;
        let rule = || Rule::UnknownMailbox { value: member.clone() };
        let found = found.filter(|member| member.id != group.id);
        add(tx.connection(), group.id, found.ok_or_else(|| ServiceError::invalid(&pointer, rule()))?.id).await?;
    }
    tx.emit(domain.id, Event::MailboxChanged { mailbox: group.id }).await?;
    let members = members_of(tx.connection(), group.id).await?;
    tx.commit().await?;
    Ok(members)
}

/// The groups that the mailbox is a member of.
pub(crate) async fn of_member(connection: &mut Connection, mailbox: MailboxId) -> Result<Vec<Mailbox>, DbError> {
    Ok(on!(connection, sqlx::query_as(OF_MEMBER).bind(mailbox).fetch_all(connection).await?))
}

/// The extensions of a group's members.
pub(crate) async fn members_of(connection: &mut Connection, group: MailboxId) -> Result<Vec<String>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(MEMBERS).bind(group).fetch_all(connection).await?))
}

async fn clear(connection: &mut Connection, group: MailboxId) -> Result<(), DbError> {
    on!(connection, sqlx::query(CLEAR).bind(group).execute(connection).await?.rows_affected());
    Ok(())
}

async fn add(connection: &mut Connection, group: MailboxId, member: MailboxId) -> Result<(), DbError> {
    on!(connection, sqlx::query(ADD).bind(group).bind(member).execute(connection).await?.rows_affected());
    Ok(())
}
