//! Who acts on events in the transaction that they happen in, so that it is done exactly once. Who need not, reads later.

use voicemill_types::DomainId;

use crate::{error::ServiceError, events::Event, notices, transaction::Tx};

/// Tells every subscriber of an event, in order.
pub(crate) async fn tell(tx: &mut Tx<'_>, domain: DomainId, event: &Event) -> Result<(), ServiceError> {
    notices::subscriber::on(tx, domain, event).await
}
