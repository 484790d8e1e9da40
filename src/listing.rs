//! Pages of a list: where the next begins is told by a cursor, which outlives what it points at.
//!
//! A cursor holds the place in the order of the list, not a row: what is removed meanwhile moves nothing, and what comes is seen
//! if it lies beyond. It holds a digest of what was asked for, too, so that it is not used for another list.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{error::ServiceError, refusal::Rule};

/// The form of the cursors that are made here.
const VERSION: u8 = 1;

/// Longest text that is read as a cursor, in bytes.
const LONGEST: usize = 1_024;

/// Some entries of a list, and where the rest begins.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// What to go on with; none after the last entry.
    pub next_cursor: Option<String>,
}

/// A place in the order of a list: what it is sorted by, and the identity that decides between equals.
pub(crate) type Place<K> = (K, Uuid);

#[derive(Serialize, Deserialize)]
struct Cursor<K>(u8, K, Uuid, String);

/// The digest of what a list is asked for.
fn digest(asked: &impl std::fmt::Debug) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(format!("{asked:?}"))[..9])
}

/// Where a page begins: after the place of a cursor that was made for the same list, or at its beginning without one.
///
/// # Errors
/// `BadCursor` for what is none, and for one of another list.
pub(crate) fn begin<K: DeserializeOwned>(
    cursor: Option<&str>,
    asked: &impl std::fmt::Debug,
) -> Result<Option<Place<K>>, ServiceError> {
    let Some(cursor) = cursor else { return Ok(None) };
    let refused = || ServiceError::invalid("/cursor", Rule::BadListCursor {});
    let text = Some(cursor).filter(|cursor| cursor.len() <= LONGEST).ok_or_else(refused)?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
    let Cursor(version, key, id, made_for) = serde_json::from_slice(&bytes).map_err(|_| refused())?;
    if version != VERSION || made_for != digest(asked) {
        return Err(refused());
    }
    Ok(Some((key, id)))
}

/// Cuts what was read, one entry more than is asked for, into a page.
pub(crate) fn page<T, K: Serialize>(
    mut items: Vec<T>,
    limit: u16,
    asked: &impl std::fmt::Debug,
    place: impl Fn(&T) -> Place<K>,
) -> Page<T> {
    let is_more = items.len() > usize::from(limit);
    items.truncate(usize::from(limit));
    let last = items.last().filter(|_| is_more).map(place);
    let next_cursor = last.and_then(|(key, id)| {
        let cursor = serde_json::to_vec(&Cursor(VERSION, key, id, digest(asked)));
        cursor.ok().map(|cursor| BASE64_URL_SAFE_NO_PAD.encode(cursor))
    });
    Page { items, next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_on_in_its_own_list_only() {
        let ids = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
        let made = page(ids.to_vec(), 2, &("101", "newest"), |id| (7_i64, *id));
        assert_eq!(made.items, ids[..2]);
        let cursor = made.next_cursor.unwrap();
        assert_eq!(begin::<i64>(Some(&cursor), &("101", "newest")).unwrap(), Some((7, ids[1])));
        assert_eq!(begin::<i64>(None, &"anything").unwrap(), None);
        assert!(begin::<i64>(Some(&cursor), &("102", "newest")).is_err(), "of another list");
        for text in ["", "x", "!", &cursor[1..], &"a".repeat(LONGEST + 1)] {
            assert!(begin::<i64>(Some(text), &("101", "newest")).is_err(), "{text:.20}");
        }
        let last = page(ids.to_vec(), 3, &"all", |id| (7_i64, *id));
        assert_eq!((last.items.len(), last.next_cursor), (3, None));
    }
}
