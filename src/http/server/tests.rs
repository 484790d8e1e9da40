use axum::{body::Bytes, http::StatusCode, routing::post};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
    time::timeout,
};

use crate::http::server::*;

/// How long something is waited for that must not come.
const A_WHILE: Duration = Duration::from_millis(200);
/// How long something is waited for that must come.
const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

/// A server that says from which port it was asked, and how many bytes came.
async fn start(most: usize) -> Running {
    let router = Router::new()
        .route(
            "/",
            post(|ConnectInfo(from): ConnectInfo<SocketAddr>, body: Bytes| async move {
                format!("{} bytes from {}", body.len(), from.port())
            }),
        )
        .route("/full", post(|| async { (StatusCode::INSUFFICIENT_STORAGE, "no room") }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(serve(listener, router, most, shutdown.clone()));
    Running { address, shutdown, serving }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n";

/// Reads until the answer holds `text`, or the connection ends.
async fn answer(socket: &mut TcpStream, text: &str) -> String {
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains(text) {
        let mut piece = [0; 1024];
        match timeout(DEADLINE, socket.read(&mut piece)).await.expect("it answers") {
            Ok(0) | Err(_) => break,
            Ok(read) => got.extend_from_slice(&piece[..read]),
        }
    }
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn requests_follow_one_another_on_a_connection_and_know_where_they_come_from() {
    let server = start(10).await;
    let mut socket = server.connect().await;
    let expected = format!("6 bytes from {}", socket.local_addr().unwrap().port());
    for _ in 0..2 {
        socket.write_all(&[HEAD, b"abcdef"].concat()).await.unwrap();
        let answer = answer(&mut socket, &expected).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&expected), "{answer}");
    }
}

#[tokio::test]
async fn who_finds_no_place_gets_the_next() {
    let server = start(2).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for busy in [&mut first, &mut second] {
        busy.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n")
            .await
            .unwrap();
        assert!(answer(busy, "\r\n\r\n").await.starts_with("HTTP/1.1 100 "));
        busy.write_all(b"abc").await.unwrap();
    }
    let mut third = server.connect().await;
    third.write_all(&[HEAD, b"abcdef"].concat()).await.unwrap();
    let mut byte = [0];
    assert!(timeout(A_WHILE, third.peek(&mut byte)).await.is_err(), "there was no place for it");
    first.write_all(b"def").await.unwrap();
    assert!(answer(&mut first, "6 bytes").await.starts_with("HTTP/1.1 200 "));
    assert!(answer(&mut third, "6 bytes").await.starts_with("HTTP/1.1 200 "), "the first has nothing more to say");
    second.write_all(b"def").await.unwrap();
    assert!(answer(&mut second, "6 bytes").await.starts_with("HTTP/1.1 200 "), "a request in hand is not given up");
}

#[tokio::test]
async fn silent_connections_shut_nobody_out() {
    let server = start(50).await;
    let mut silent = Vec::new();
    for number in 0..200 {
        let mut socket = server.connect().await;
        // Some say half of a head.
        if number % 2 == 0 {
            socket.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
        }
        silent.push(socket);
    }
    let mut socket = server.connect().await;
    socket.write_all(&[HEAD, b"abcdef"].concat()).await.unwrap();
    assert!(answer(&mut socket, "6 bytes").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn who_speaks_http2_is_told_that_this_is_http_1() {
    let server = start(10).await;
    let mut socket = server.connect().await;
    socket.write_all(b"PRI").await.unwrap();
    tokio::task::yield_now().await;
    socket.write_all(b" * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, socket.read_to_end(&mut answer)).await.expect("it answers").unwrap();
    let (settings, goaway) = answer.split_at(9);
    assert_eq!(settings, [0, 0, 0, 4, 0, 0, 0, 0, 0], "no settings");
    assert_eq!((goaway[3], &goaway[9..17]), (7, &[0, 0, 0, 0, 0, 0, 0, 0xd][..]), "GOAWAY: HTTP_1_1_REQUIRED");
    assert_eq!(usize::from(goaway[2]), goaway.len() - 9);
    assert!(answer.ends_with(b"speaks HTTP/2"));
}

#[tokio::test]
async fn a_head_that_does_not_fit_is_refused() {
    let server = start(10).await;
    let mut socket = server.connect().await;
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(2 * BUFFER));
    // It may be refused before it is written.
    drop(socket.write_all(head.as_bytes()).await);
    assert!(answer(&mut socket, "\r\n\r\n").await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_request_in_hand_is_answered_before_the_end() {
    let server = start(10).await;
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    busy.write_all(&[HEAD, b"abc"].concat()).await.unwrap();
    tokio::time::sleep(A_WHILE).await;
    server.shutdown.cancel();
    assert_eq!(answer(&mut idle, "\n").await, "", "nobody waits for whom has nothing to say");
    assert!(!server.serving.is_finished(), "a request is in hand");
    busy.write_all(b"def").await.unwrap();
    assert!(answer(&mut busy, "6 bytes").await.starts_with("HTTP/1.1 200 "));
    timeout(DEADLINE, server.serving).await.expect("it ends").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

/// The buffers are as small as they are meant to be: what hyper reads in one go fits into two of them.
#[tokio::test]
async fn a_connection_reads_no_more_at_a_time_than_it_may_hold() {
    use futures_util::StreamExt;

    let router = Router::new().route(
        "/",
        post(|body: axum::body::Body| async move {
            // Whoever waits for the disk lets bytes pile up.
            tokio::time::sleep(A_WHILE).await;
            let pieces = body.into_data_stream().map(|piece| piece.unwrap().len());
            let largest = pieces.fold(0, async |largest, piece| largest.max(piece)).await;
            largest.to_string()
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router, 10, CancellationToken::new()));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let bytes = 4_000_000;
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&vec![7; bytes]).await.unwrap();
    let answer = answer(&mut socket, "never").await;
    let largest: usize = answer.rsplit("\r\n").next().unwrap().parse().unwrap();
    assert!((1..=2 * BUFFER).contains(&largest), "{largest} bytes at once");
}

/// More than fits into the buffers of a connection on the way.
const MUCH: usize = 20_000_000;

#[tokio::test]
async fn who_is_refused_in_the_middle_of_a_body_gets_the_whole_answer() {
    let server = start(10).await;
    for _ in 0..20 {
        let mut socket = server.connect().await;
        let head = format!("POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: {MUCH}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&vec![7; MUCH]).await.expect("all of it is taken");
        let answer = answer(&mut socket, "never").await;
        assert!(answer.starts_with("HTTP/1.1 507 ") && answer.ends_with("no room"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn who_asks_before_sending_is_not_told_to_send_what_is_refused() {
    let server = start(10).await;
    let mut socket = server.connect().await;
    let head = format!("POST /full HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {MUCH}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let answer = answer(&mut socket, "never").await;
    assert!(answer.starts_with("HTTP/1.1 507 ") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn who_was_refused_may_ask_again_at_once() {
    let server = start(10).await;
    crate::app::choose_tls();
    let client = reqwest::Client::new();
    let address = format!("http://{}", server.address);
    for _ in 0..50 {
        let refused = client.post(format!("{address}/full")).body(vec![7; 300_000]).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
        let taken = client.post(&address).body("abcdef").send().await.unwrap();
        assert!(taken.text().await.unwrap().starts_with("6 bytes from "));
    }
}
