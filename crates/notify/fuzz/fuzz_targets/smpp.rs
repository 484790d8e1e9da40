//! Frames of a message centre, each of its true length. What is made of a message is held by a test beside it.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use rusmpp::tokio_codec::CommandCodec;
use tokio_util::codec::Decoder;

fuzz_target!(|bytes: &[u8]| {
    let mut wire = BytesMut::from(&(bytes.len() as u32 + 4).to_be_bytes()[..]);
    wire.extend_from_slice(bytes);
    let _ = CommandCodec::new().decode(&mut wire);
});
