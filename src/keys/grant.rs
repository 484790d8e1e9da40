//! What somebody who proved who they are may do: the one value that every request with a key or token is judged by.

use uuid::Uuid;
use voicemill_types::{ApiKeyId, MailboxId, UserTokenId};

use super::{KeyScope, TokenRole};
use crate::{
    domains::Domain,
    error::ServiceError,
    refusal::{Rule, Thing},
};

/// In which part somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// A call core of one domain.
    Core,
    /// Fetches media of one domain.
    Media,
    /// A portal of one domain.
    Portal,
    /// Reads what was done in one domain.
    Compliance,
    /// The provider's own operators.
    Operator,
    /// A person with mailboxes of their own.
    User,
    /// A person who looks after all mailboxes, prompts and numbers of one domain.
    Manager,
}

impl From<KeyScope> for Role {
    fn from(scope: KeyScope) -> Self {
        match scope {
            KeyScope::Core => Self::Core,
            KeyScope::Media => Self::Media,
            KeyScope::Portal => Self::Portal,
            KeyScope::Compliance => Self::Compliance,
            KeyScope::Operator => Self::Operator,
        }
    }
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::User => Self::User,
            TokenRole::Manager => Self::Manager,
        }
    }
}

/// What proved who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bearer {
    /// The operators' key of the configuration.
    Configured,
    /// A key that was handed out.
    Key(ApiKeyId),
    /// A person's token.
    Token(UserTokenId),
}

impl Bearer {
    /// Which key or token it is; the configured key has the id of zeros.
    pub fn id(self) -> Uuid {
        match self {
            Self::Configured => Uuid::nil(),
            Self::Key(key) => key.0,
            Self::Token(token) => token.0,
        }
    }
}

/// One mailbox that somebody may open.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OwnBox {
    /// The mailbox.
    pub id: MailboxId,
    /// What it is called in addresses.
    pub extension: String,
}

/// The mailboxes that somebody may open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boxes {
    /// All of the domain, and what belongs to no mailbox.
    All,
    /// These, and nothing that belongs to none of them.
    Only(Vec<OwnBox>),
}

impl Boxes {
    /// Whether what belongs to this mailbox, or to none, may be seen.
    pub fn holds(&self, mailbox: Option<MailboxId>) -> bool {
        match self {
            Self::All => true,
            Self::Only(own) => mailbox.is_some_and(|mailbox| own.iter().any(|one| one.id == mailbox)),
        }
    }

    /// Their extensions between commas, for statements; empty if they are all.
    pub(crate) fn listed(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Only(own) => own.iter().fold(",".to_owned(), |listed, one| listed + &one.extension + ","),
        }
    }
}

/// What somebody may do, and who they are.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Where; an operator has a domain only where an address names one.
    pub domain: Option<Domain>,
    /// On which of its mailboxes.
    pub boxes: Boxes,
    /// In which part.
    pub role: Role,
    /// Whom a token was made for, or whom a portal's key acts for.
    pub subject: Option<String>,
    /// What proved it.
    pub bearer: Bearer,
}

impl Grant {
    /// The same, narrowed to what the owner of one mailbox has: what a portal does for them.
    #[must_use]
    pub fn acting_for(self, extension: &str, boxes: Vec<OwnBox>) -> Self {
        Self { role: Role::User, subject: Some(format!("mailbox {extension}")), boxes: Boxes::Only(boxes), ..self }
    }

    /// Checks that something may be made for the mailbox `extension`, or for the whole domain if none is named.
    ///
    /// # Errors
    /// There is no such mailbox for who asks; or none is named, and the whole domain is not theirs.
    pub fn check_extension(&self, extension: Option<&str>) -> Result<(), ServiceError> {
        match (&self.boxes, extension) {
            (Boxes::All, _) => Ok(()),
            (Boxes::Only(own), Some(extension)) if own.iter().any(|one| one.extension == extension) => Ok(()),
            (Boxes::Only(_), Some(_)) => Err(ServiceError::NotFound(Thing::Mailbox {})),
            (Boxes::Only(_), None) => Err(ServiceError::invalid("/extension", Rule::ExtensionMissing {})),
        }
    }
}
