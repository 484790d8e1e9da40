//! The files that pages refer to, compiled in. Each has a digest of its bytes in its address, so that browsers may keep it
//! for ever and still never show an old one under a new page.

use std::{io::Write, sync::LazyLock};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    /// Its name in the folder `assets`.
    pub name: &'static str,
    /// Where it is fetched.
    pub path: String,
    /// Its Content-Type.
    pub content_type: &'static str,
    /// All of it.
    pub body: &'static str,
    /// The same, as gzip.
    pub packed: Vec<u8>,
}

macro_rules! assets {
    ($($name:literal),+) => {
        LazyLock::new(|| vec![$(Asset::new($name, include_str!(concat!("assets/", $name)))),+])
    };
}

/// Every file; a page refers to no other.
pub(super) static ALL: LazyLock<Vec<Asset>> = assets!("icon.svg", "listen.css", "listen.js");

impl Asset {
    fn new(name: &'static str, body: &'static str) -> Self {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let digest = Sha256::digest(body);
        let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let content_type = match extension {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "application/octet-stream",
        };
        Self { name, path: format!("/static/{stem}.{digest}.{extension}"), content_type, body, packed: packed(body) }
    }
}

fn packed(body: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory cannot fail.
    drop(encoder.write_all(body.as_bytes()));
    encoder.finish().unwrap_or_default()
}

/// Where a page finds the file of that name; nowhere if there is none, which a test of every page rules out.
pub(super) fn path(name: &str) -> &'static str {
    ALL.iter().find(|asset| asset.name == name).map_or("", |asset| asset.path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served_under_an_address_of_its_own() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/pages/assets");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let names: Vec<_> = ALL.iter().map(|asset| asset.name).collect();
        assert_eq!(names, files);
        for asset in ALL.iter() {
            assert!(asset.content_type != "application/octet-stream", "{}", asset.name);
        }
        let changed = Asset::new("listen.css", "other bytes");
        assert_ne!(changed.path, path("listen.css"));
    }
}
