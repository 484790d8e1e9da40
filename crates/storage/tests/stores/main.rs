//! Every store keeps one set of promises; what each has beside them; and what is done when a store fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod marks;
mod stores;

use voicemill_testing::s3_server::{self, S3Server};

/// The arguments that make this program the S3 server, if the environment says so too.
const AS_S3_SERVER: [&str; 3] = ["--exact", "s3_server_process", "--nocapture"];

/// Not a test of its own: the server's process, when the environment asks for it.
#[test]
fn s3_server_process() {
    s3_server::serve_if_asked();
}

fn s3_server() -> S3Server {
    S3Server::start(&AS_S3_SERVER)
}
