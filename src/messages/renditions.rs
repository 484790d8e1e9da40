//! What the renditions of a message are called, and how a job finds the message.

use voicemill_types::{LinkId, MessageId, Time};

use crate::{
    app::App,
    db::{Connection, DbError},
    error::ServiceError,
    links::{Link, LinkSpan, tokens::Purpose},
    mailboxes::{self, Mailbox},
    media::{self, Rendition},
    messages::{Message, rows},
};

/// The version of a message's sound, which is never replaced.
pub(crate) const VERSION: i64 = 1;
/// The rendition that mails attach, in the form that the domain chose.
pub(crate) const MAIL: &str = "mail";
/// The rendition that the transcriber hears and people download.
pub(crate) const ARCHIVE: &str = "archive-wav-16k";
/// The rendition that browsers play.
pub(crate) const BROWSER: &str = "browser-opus";
/// The rendition that browsers without Opus play.
pub(crate) const BROWSER_MP3: &str = "browser-mp3";
/// The brief clip for mails, in the form that the domain chose.
pub(crate) const BRIEF: &str = "brief-mail";
/// The brief clip for browsers.
pub(crate) const BRIEF_BROWSER: &str = "brief-opus";
/// The brief clip for browsers without Opus, and for download.
pub(crate) const BRIEF_MP3: &str = "brief-mp3";

/// What mails attach, and where that was left out, what most programs play.
pub(crate) const MAILED: [&str; 4] = [MAIL, BROWSER_MP3, ARCHIVE, BROWSER];
/// What brief mails attach, and in place of it; never more than the clip.
pub(crate) const MAILED_BRIEF: [&str; 3] = [BRIEF, BRIEF_MP3, BRIEF_BROWSER];
/// What a page offers to play: a browser takes the first that it can.
pub(crate) const PLAYED: [&str; 3] = [BROWSER, BROWSER_MP3, ARCHIVE];
/// What a page offers to play of a clip.
pub(crate) const PLAYED_BRIEF: [&str; 3] = [BRIEF_BROWSER, BRIEF_MP3, BRIEF];

/// Those of a message's renditions that have one of `names`, in that order. Any may have been left out.
pub(crate) async fn of_names(
    connection: &mut Connection,
    message: &Message,
    names: &[&str],
) -> Result<Vec<Rendition>, DbError> {
    let mut made = media::rows::list(connection, message.media_id, VERSION).await?;
    let place = |made: &Rendition| names.iter().position(|name| *name == made.name);
    made.retain(|made| place(made).is_some());
    made.sort_by_key(place);
    Ok(made)
}

/// The message and its mailbox; none when the message is gone, which ends any job for it.
pub(crate) async fn load(app: &App, id: MessageId) -> Result<Option<(Message, Mailbox)>, ServiceError> {
    let mut connection = app.database.read().await?;
    let Some(message) = rows::by_id(&mut connection, id).await? else {
        return Ok(None);
    };
    let mailbox = mailboxes::rows::by_id(&mut connection, message.mailbox_id).await?;
    Ok(mailbox.map(|mailbox| (message, mailbox)))
}

/// A link to the message that is not stored yet, and its address.
pub(crate) fn minted(app: &App, message: &Message, span: LinkSpan) -> (Link, String) {
    let now = Time::from(app.clock.now());
    let link = Link {
        id: LinkId::random(),
        domain_id: message.domain_id,
        message_id: message.id,
        span,
        created_at: now,
        expires_at: now.after(Link::LIFETIME),
        revoked_at: None,
    };
    let url = format!("{}/l/{}", app.config.http.public_url, app.secrets().link_keys.mint(Purpose::Page, link.id));
    (link, url)
}
