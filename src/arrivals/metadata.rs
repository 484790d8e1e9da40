//! What cores say of a call, in the form in which it is kept: none of it costs a message.
//!
//! Names and numbers come from networks that nobody vouches for. They are cut and cleaned, the same for every database:
//! PostgreSQL stores no NUL, and nobody reads the end of a SIP address of 300 characters.

use sha2::{Digest, Sha256};

/// A text without NULs and spaces around it, cut at a character's end to at most `most` bytes.
pub(crate) fn text(text: &str, most: usize) -> String {
    let clean: String = text.chars().filter(|character| *character != '\0').collect();
    let clean = clean.trim();
    clean[..clean.floor_char_boundary(most)].trim_end().to_owned()
}

/// An id without NULs; one of more than `most` bytes is cut, and its digest in hex stands for the rest, so that different ids
/// stay different. `most` is at least 65.
pub(crate) fn id(id: &str, most: usize) -> String {
    let clean: String = id.chars().filter(|character| *character != '\0').collect();
    if clean.len() <= most {
        return clean;
    }
    let digest = Sha256::digest(clean.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{}-{digest}", &clean[..clean.floor_char_boundary(most.saturating_sub(65))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_at_a_characters_end() {
        let name = "\u{4e2d}".repeat(67);
        assert_eq!(name.len(), 201);
        assert_eq!(text(&name, 200), "\u{4e2d}".repeat(66));
        assert_eq!(text(" Robin\0 Stone ", 200), "Robin Stone");
        assert_eq!(text("short", 200), "short");
    }

    #[test]
    fn long_ids_stay_different() {
        let (one, other) = (format!("{}1", "a".repeat(300)), format!("{}2", "a".repeat(300)));
        let (one, other) = (id(&one, 200), id(&other, 200));
        assert!(one != other && one.len() == 200 && other.len() == 200, "{one} {other}");
        assert_eq!(id("msg\0-1", 200), "msg-1");
    }
}
