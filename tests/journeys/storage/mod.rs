//! The spool and the sweep, over a local folder and a real S3-compatible server.

mod outages;
mod sweep;

use voicemill_testing::s3_server::{self, S3Server};

/// The arguments that make this program the S3 server, if the environment says so too.
const AS_S3_SERVER: [&str; 3] = ["--exact", "storage::s3_server_process", "--nocapture"];

/// Not a test of its own: the server's process, when the environment asks for it.
#[test]
fn s3_server_process() {
    s3_server::serve_if_asked();
}

fn s3_server() -> S3Server {
    S3Server::start(&AS_S3_SERVER)
}
