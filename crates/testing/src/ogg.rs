//! Ogg pages as a forger makes them.

/// Writes the right checksum into every whole Ogg page.
pub fn repair_ogg_checksums(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(4).position(|magic| magic == b"OggS") {
        at += found;
        let Some(page_bytes) = ogg_page_bytes(&bytes[at..]) else {
            at += 4;
            continue;
        };
        let page = &mut bytes[at..at + page_bytes];
        page[22..26].fill(0);
        let checksum = page.iter().fold(0u32, |sum, byte| {
            (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| (sum << 1) ^ (0x04C1_1DB7 * (sum >> 31)))
        });
        page[22..26].copy_from_slice(&checksum.to_le_bytes());
        at += page_bytes;
    }
}

/// The length of the page at the front, if it is whole.
fn ogg_page_bytes(bytes: &[u8]) -> Option<usize> {
    let segments = usize::from(*bytes.get(26)?);
    let body: usize = bytes.get(27..27 + segments)?.iter().map(|lacing| usize::from(*lacing)).sum();
    Some(27 + segments + body).filter(|total| *total <= bytes.len())
}
