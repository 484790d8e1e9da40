use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use voicemill_sql::Kind;

use super::*;

/// Asks on an open connection, and reads the answer until it holds `text`.
async fn ask(socket: &mut TcpStream, path: &str, text: &str) -> String {
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: voice.example\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.contains(text) {
        let mut piece = [0; 4_096];
        let read = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut piece)).await.unwrap().unwrap();
        assert!(read > 0, "it ended with {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_the_problem_of_its_request_alone() {
    let opened = crate::testing::open(Kind::Sqlite).await;
    // Beside the real routes, behind all that they are behind.
    let panicking = routes(&opened.app).route("/panics", get(async || -> &'static str { panic!("of 4155550132") }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, guarded(panicking, opened.app.clone()), 10, shutdown.clone()));

    let mut socket = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        let answer = ask(&mut socket, "/panics", "}").await;
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("it has been logged") && !answer.contains("4155550132"), "{answer}");
        assert!(ask(&mut socket, "/healthz", "ok\n").await.starts_with("HTTP/1.1 200 "), "on the same connection");
    }
    let mut another = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut another, "/healthz", "ok\n").await.starts_with("HTTP/1.1 200 "));
    shutdown.cancel();
    serving.await.unwrap();
}
