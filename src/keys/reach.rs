//! What lies within a grant: mailboxes, and what belongs to them.

use uuid::Uuid;

use super::{
    Boxes, Grant, OwnBox,
    rows::{self, Owned},
};
use crate::{
    app::App,
    db::Connection,
    domains::Domain,
    error::ServiceError,
    mailboxes::{self, groups},
    refusal::Thing,
};

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing that belongs to a mailbox alone.
    Domain,
    /// A list, of which everybody sees their part, or something that is made for a mailbox: its handler checks.
    Parts,
    /// The mailbox of this extension.
    Mailbox(String),
    /// A message.
    Message(Uuid),
    /// A prompt.
    Prompt(Uuid),
    /// A rendition of a message or prompt.
    Rendition(Uuid),
}

/// Checks that what a request is about lies within the grant's mailboxes.
///
/// # Errors
/// It does not, or is not there: who asks cannot tell which.
pub async fn check(app: &App, grant: &Grant, domain: &Domain, what: &Reach) -> Result<(), ServiceError> {
    let Boxes::Only(_) = &grant.boxes else { return Ok(()) };
    let (owned, thing) = match what {
        Reach::Parts => return Ok(()),
        Reach::Domain => return Err(ServiceError::NotFound(Thing::Address {})),
        Reach::Mailbox(extension) => {
            let mailbox = mailboxes::by_extension(app, domain, extension).await?;
            return match grant.boxes.holds(Some(mailbox.id)) {
                true => Ok(()),
                false => Err(ServiceError::NotFound(Thing::Mailbox {})),
            };
        }
        Reach::Message(id) => ((Owned::Message, *id), Thing::Message {}),
        Reach::Prompt(id) => ((Owned::Prompt, *id), Thing::Prompt {}),
        Reach::Rendition(id) => ((Owned::Rendition, *id), Thing::Rendition {}),
    };
    let boxes = rows::boxes_of(&mut app.database.read().await?, domain.id, owned).await?;
    match boxes.into_iter().any(|mailbox| grant.boxes.holds(mailbox)) {
        true => Ok(()),
        false => Err(ServiceError::NotFound(thing)),
    }
}

/// Mailboxes, and the groups that they are members of now.
pub(super) async fn with_groups(connection: &mut Connection, own: Vec<OwnBox>) -> Result<Vec<OwnBox>, ServiceError> {
    let mut all = own.clone();
    for one in own {
        for group in groups::of_member(connection, one.id).await? {
            if all.iter().all(|known| known.id != group.id) {
                all.push(OwnBox { id: group.id, extension: group.extension });
            }
        }
    }
    Ok(all)
}

/// The grant of a portal, narrowed to the owner of one mailbox of its domain, with the groups that it is a member of.
///
/// # Errors
/// There is no such mailbox.
pub async fn acting_for(app: &App, grant: Grant, domain: &Domain, extension: &str) -> Result<Grant, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, extension).await?;
    let own = OwnBox { id: mailbox.id, extension: mailbox.extension };
    let all = with_groups(&mut app.database.read().await?, vec![own]).await?;
    Ok(grant.acting_for(extension, all))
}
