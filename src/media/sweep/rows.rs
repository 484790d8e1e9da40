//! From the database to the store: blobs that rows name and that are not there, or not as long as they were.

use futures_util::{StreamExt, TryStreamExt, stream};
use voicemill_storage::{BlobKey, StorageError};

use crate::{
    app::App,
    error::ServiceError,
    media::{
        blobs::{self, NamedBlob},
        sweep::pages::{Counts, Page, known_faults},
    },
};

/// Rows of a page, and how many of them are asked for at once.
const ROWS: i64 = 200;
const AT_ONCE: usize = 8;

/// What may be wrong.
const MISSING: &str = "it is not in the store";
const WRONG_SIZE: &str = "it is not as long as its row says";

pub(crate) async fn page(app: &App, after: &str, counts: &mut Counts) -> Result<Page, ServiceError> {
    let rows = {
        let mut connection = app.database.read().await?;
        blobs::page(&mut connection, after, ROWS).await?
    };
    let known = known_faults(app).await?;
    let mut page = Page::default();
    if rows.len() as i64 == ROWS {
        page.next = rows.last().map(|row| row.key.clone());
    }
    let checked: Vec<(NamedBlob, Option<&str>)> =
        stream::iter(rows).map(|row| check(app, row)).buffered(AT_ONCE).try_collect().await?;
    for (row, found) in checked {
        counts.seen += 1;
        counts.bytes += u64::try_from(row.bytes).unwrap_or(0);
        if let Some(fault) = found {
            counts.faulty += 1;
            page.fault(app, &row.key, fault);
        }
        for fault in [MISSING, WRONG_SIZE] {
            if found != Some(fault) && known.contains(&(row.key.clone(), fault.to_owned())) {
                page.mended.push((row.key.clone(), fault));
            }
        }
    }
    Ok(page)
}

async fn check(app: &App, row: NamedBlob) -> Result<(NamedBlob, Option<&'static str>), ServiceError> {
    let key: BlobKey = row.key.parse().map_err(StorageError::from)?;
    let found = match app.store.head(&key).await {
        Ok(blob) if u64::try_from(row.bytes).is_ok_and(|bytes| bytes != blob.bytes) => Some(WRONG_SIZE),
        Ok(_) => None,
        Err(StorageError::NotFound) => {
            // The row may be gone by now, and its blob with it.
            let mut connection = app.database.read().await?;
            let named = blobs::named(&mut connection, &[&row.key]).await?;
            (!named.is_empty()).then_some(MISSING)
        }
        Err(error) => return Err(error.into()),
    };
    Ok((row, found))
}
