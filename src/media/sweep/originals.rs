//! Through the originals: each is read and measured, so that a byte that changed is noticed while there are backups.

use voicemill_storage::{BlobKey, StorageError};

use crate::{
    app::App,
    deadlines,
    error::ServiceError,
    media::{
        blobs,
        sweep::pages::{Counts, Page, known_faults},
    },
};

/// Originals of a page, and the bytes after which no further one is begun.
const ORIGINALS: i64 = 100;
const BYTES: u64 = 16 * 1024 * 1024;

/// What may be wrong; that one is not there, the pass over the rows says.
const CHANGED: &str = "its bytes are not those that came";

pub(crate) async fn page(app: &App, after: &str, counts: &mut Counts) -> Result<Page, ServiceError> {
    let originals = {
        let mut connection = app.database.read().await?;
        blobs::originals(&mut connection, after, ORIGINALS).await?
    };
    let known = known_faults(app).await?;
    let mut page = Page::default();
    let (mut bytes, whole) = (0, originals.len() as i64);
    for (at, original) in (1..).zip(&originals) {
        let key: BlobKey = original.key.parse().map_err(StorageError::from)?;
        let limit = deadlines::for_store(u64::try_from(original.bytes).unwrap_or(0));
        let late = |_| Err(ServiceError::Unavailable(anyhow::anyhow!("an original was not read within {limit:?}")));
        let measure = async { Ok(app.store.measure(&key).await) };
        let measured = tokio::time::timeout(limit, measure).await.unwrap_or_else(late)?;
        counts.seen += 1;
        let known = known.contains(&(original.key.clone(), CHANGED.to_owned()));
        match measured {
            Ok(content) if content.sha256 == original.sha256 => {
                bytes += content.bytes;
                if known {
                    page.mended.push((original.key.clone(), CHANGED));
                }
            }
            Ok(content) => {
                bytes += content.bytes;
                counts.faulty += 1;
                page.fault(app, &original.key, CHANGED);
            }
            Err(StorageError::NotFound) => counts.faulty += 1,
            Err(error) => return Err(error.into()),
        }
        if bytes >= BYTES || (at == whole && whole == ORIGINALS) {
            page.next = Some(original.key.clone());
            break;
        }
    }
    counts.bytes += bytes;
    Ok(page)
}
