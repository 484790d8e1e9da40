//! Who may look into the folders and files that hold numbers, names, words and sound.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::Findings;
use crate::{config::Config, db::DatabaseUrl};

/// Tells the modes of what the service keeps, and which of them let others of this machine in.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let folder = &config.storage.folder;
    let mut places = vec![folder.clone(), folder.join("operator-key")];
    places.extend(config.storage.spool_folder.clone());
    if let DatabaseUrl::Sqlite(file) = config.database.address(folder) {
        places.push(file);
    }
    match open_ones(&places) {
        Ok((told, open)) if open.is_empty() => findings.good("files", told),
        Ok((_, open)) => findings.bad("files", format!("others of this machine may look into {}", open.join(", "))),
        Err(error) => findings.bad("files", error.to_string()),
    }
}

/// The mode of each place that is there, and what to do about those that are open to others.
fn open_ones(places: &[PathBuf]) -> io::Result<(String, Vec<String>)> {
    let (mut told, mut open) = (Vec::new(), Vec::new());
    for place in places {
        let Some(mode) = mode(place)? else { continue };
        told.push(format!("{} {mode:04o}", place.display()));
        if mode & 0o077 != 0 {
            open.push(format!("{} ({mode:04o}): run `chmod go= {0}`", place.display()));
        }
    }
    Ok((told.join(", "), open))
}

fn mode(place: &Path) -> io::Result<Option<u32>> {
    match fs::metadata(place) {
        Ok(data) => Ok(Some(data.permissions().mode() & 0o7777)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_may_look_into_is_told_with_what_to_do() {
        let parent = tempfile::tempdir().unwrap();
        let place = |name: &str, mode: u32| {
            let place = parent.path().join(name);
            fs::write(&place, "").unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
            place
        };
        let places = [place("ours", 0o600), place("group", 0o640), place("all", 0o604), parent.path().join("none")];
        let (told, open) = open_ones(&places).unwrap();
        assert!(told.contains("ours 0600") && told.contains("group 0640") && !told.contains("none"), "{told}");
        assert_eq!(open.len(), 2, "{open:?}");
        assert!(open[0].contains("group (0640): run `chmod go= "), "{open:?}");
    }
}
