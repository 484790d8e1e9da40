//! What can be wrong with the facts a mail is made of.

use super::address::AddressError;

/// Why no mail could be made of the facts; the same facts fail again.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The recipient's address cannot be written to.
    #[error("the recipient's address: {0}")]
    Recipient(AddressError),
    /// The domain's sender address cannot be written from.
    #[error("the domain's sender address, `mail_from`: {0}")]
    Sender(AddressError),
    /// The attachment's media type cannot be read.
    #[error("the attachment's media type is not one")]
    ContentType,
    /// A template is wrong.
    #[error("the mail's template is wrong: {0}")]
    Template(String),
    /// The mail, read again, is not what was meant.
    #[error("the mail would be malformed: {0}")]
    Malformed(&'static str),
}

impl ComposeError {
    /// Keeps the kind and place of a template's error, but none of the text it worked on.
    pub(super) fn template(error: &minijinja::Error) -> Self {
        Self::Template(format!(
            "{} in {}, line {}",
            error.kind(),
            error.name().unwrap_or("a template"),
            error.line().unwrap_or_default()
        ))
    }
}
