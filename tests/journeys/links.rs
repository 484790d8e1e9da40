//! Somebody, or something, opens the link in a mail.

use crate::harness::{Sound, TestApp, Wish};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use voicemill::config::Config;
use voicemill_types::clock::Clock;

/// A message whose mail is out: its id and the address of its page.
async fn mailed(test: &TestApp) -> (Value, String) {
    let settings = json!({"email_mode": "link", "recipients": ["dana@acme.example"], "transcribe": false});
    test.mailbox("101", settings).await;
    let dropped = test.leave("101", "m", "voicemail-short.wav").await;
    test.message(&dropped["id"], |message| message["notices"][0]["state"] == "accepted").await;
    (dropped["id"].clone(), test.link())
}

/// The addresses of the audio in a page.
fn sources(html: &str) -> Vec<String> {
    html.split("<source src=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn is_read(test: &TestApp, id: &Value) -> bool {
    !test.message(id, |_| true).await["read_at"].is_null()
}

/// What another process writes is seen within a second, though the player's next ranges ask no database.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_another_machine_revokes_is_shut_within_a_second() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    let html = test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    let audio = sources(&html).remove(0);
    let status = async || {
        let part = test.browser(Method::GET, &audio).header(header::RANGE, "bytes=0-99").send().await.unwrap();
        part.status()
    };
    assert_eq!(status().await, StatusCode::PARTIAL_CONTENT);
    test.execute("UPDATE link SET revoked_at = 1").await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(status().await, StatusCode::NOT_FOUND);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scanners_change_nothing_and_a_person_reads_once() {
    let test = TestApp::start().await;
    let (id, page) = mailed(&test).await;
    let mut html = String::new();
    for _ in 0..50 {
        html = test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
        for source in sources(&html) {
            assert_eq!(test.browser(Method::GET, &source).send().await.unwrap().status(), StatusCode::OK);
            assert_eq!(test.browser(Method::HEAD, &source).send().await.unwrap().status(), StatusCode::OK);
        }
    }
    assert_eq!(sources(&html).len(), 3);
    assert!(!is_read(&test, &id).await, "opening is not playing");

    let played = format!("{page}/played");
    assert_eq!(test.browser(Method::GET, &played).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let answer = test.browser(Method::POST, &played).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
    assert!(!is_read(&test, &id).await);

    let play = || test.browser(Method::POST, &played).header("origin", &test.base).send();
    assert_eq!(play().await.unwrap().status(), StatusCode::NO_CONTENT);
    let first = test.message(&id, |_| true).await["read_at"].clone();
    assert!(!first.is_null());
    assert_eq!(play().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(test.message(&id, |_| true).await["read_at"], first, "read once");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_is_served_in_ranges() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    let html = test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    for (source, hint) in sources(&html).iter().zip(["ogg", "mp3", "wav"]) {
        let whole = test.browser(Method::GET, source).send().await.unwrap();
        let length = whole.headers()["content-length"].to_str().unwrap().parse::<usize>().unwrap();
        let bytes = whole.bytes().await.unwrap();
        assert_eq!(bytes.len(), length);
        assert!(Sound::decode(&bytes, hint).seconds() > 1.0);

        let ask = |range: &'static str| test.browser(Method::GET, source).header(header::RANGE, range).send();
        let two = ask("bytes=0-1").await.unwrap();
        assert_eq!(two.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(two.headers()["content-range"], format!("bytes 0-1/{length}"));
        assert_eq!(two.bytes().await.unwrap(), bytes[..2]);
        let end = ask("bytes=-500").await.unwrap();
        assert_eq!(end.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(end.headers()["content-range"], format!("bytes {}-{}/{length}", length - 500, length - 1));
        assert_eq!(end.bytes().await.unwrap(), bytes[length - 500..]);
        let beyond = ask("bytes=999999999-").await.unwrap();
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(beyond.headers()["content-range"], format!("bytes */{length}"));
        let head = test.browser(Method::HEAD, source).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK);
        assert_eq!(head.headers()["content-length"], length.to_string());
        assert!(head.bytes().await.unwrap().is_empty());
    }
    test.stop().await;
}

/// The addresses of the files to keep in a page.
fn downloads(html: &str) -> Vec<&str> {
    html.split("class=\"download\" href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a11_a_page_has_the_number_to_tap_and_files_that_people_find_again() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    let html = test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    assert!(html.contains("<a class=\"call\" href=\"tel:+14155550132\">Call (415) 555-0132</a>"), "{html}");
    let downloads = downloads(&html);
    assert_eq!(downloads.len(), 2);
    for (download, form, content_type) in [(downloads[0], "mp3", "audio/mpeg"), (downloads[1], "wav", "audio/wav")] {
        let file = test.browser(Method::GET, download).send().await.unwrap();
        let disposition = file.headers()["content-disposition"].to_str().unwrap().to_owned();
        let day = test.clock.now().strftime("%Y-%m").to_string();
        let begins = format!("attachment; filename=\"Robin Stone {day}");
        assert!(disposition.starts_with(&begins) && disposition.ends_with(&format!(".{form}")), "{disposition}");
        assert_eq!(file.headers()["content-type"], content_type);
        assert_eq!(Sound::decode(&file.bytes().await.unwrap(), form).rate_hz, 16_000);
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k01_a_page_without_one_form_offers_the_others() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    let page_now = async || test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    let all = sources(&page_now().await);
    test.execute("DELETE FROM blob WHERE name = 'browser-opus'").await;
    assert_eq!(sources(&page_now().await), all[1..]);
    let old = test.browser(Method::GET, &all[0]).send().await.unwrap();
    assert_eq!((old.status(), &old.headers()["content-type"]), (StatusCode::OK, &"audio/mpeg".parse().unwrap()));
    test.execute("DELETE FROM blob WHERE name = 'browser-mp3'").await;
    let html = page_now().await;
    assert_eq!(sources(&html), all[2..]);
    assert_eq!(downloads(&html).len(), 1);
    test.execute("DELETE FROM blob WHERE role = 'rendition'").await;
    let html = page_now().await;
    assert!(html.contains("Listen to it by phone") && sources(&html).is_empty() && downloads(&html).is_empty());
    // What is written past the service counts within a second.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(test.browser(Method::GET, &all[0]).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_do_not_work_are_all_alike() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    let (start, token) = page.rsplit_once('/').unwrap();
    let html = test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    let audio = sources(&html)[0].clone();
    let audio_token = audio.split('/').nth(3).unwrap();
    let mut changed = token.to_owned();
    let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
    changed.push(last);
    let mut bodies = Vec::new();
    for wrong in [&changed, &"A".repeat(44), "short", audio_token] {
        let answer = test.browser(Method::GET, &format!("{start}/{wrong}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{wrong}");
        bodies.push(answer.text().await.unwrap());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "nothing tells them apart");
    let crossed = audio.replace(audio_token, token);
    let answer = test.browser(Method::GET, &crossed).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND, "a page's token is no audio token");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k27_a_link_works_with_what_mail_programs_add_to_it() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    for added in [".", ")", ",", ">", "/", "!", "%22", "'", "&gt;", "%C2%A0", "%E2%80%9D", ").", "]", ";"] {
        let answer = test.browser(Method::GET, &format!("{page}{added}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{added}");
        let html = answer.text().await.unwrap();
        assert_eq!(test.browser(Method::GET, &sources(&html)[0]).send().await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(test.browser(Method::GET, &format!("{page}x")).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a17_what_a_page_needs_is_kept_for_ever_and_never_old() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    let html = test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    let files: Vec<_> = html.split("\"/static/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        let request = test.browser(Method::GET, &format!("/static/{file}")).header("accept-encoding", "gzip");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{file}");
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lives_seven_days_to_the_second() {
    let clock = Clock::fixed("2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap());
    let test = TestApp::start_with(Wish { clock: clock.clone(), ..Wish::default() }).await;
    let (_, page) = mailed(&test).await;
    let html = test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    let audio = sources(&html)[0].clone();
    clock.advance(SignedDuration::from_hours(6 * 24 + 23));
    assert_eq!(test.browser(Method::GET, &page).send().await.unwrap().status(), StatusCode::OK);
    clock.advance(SignedDuration::from_secs(3_600 + 1));
    let gone = test.browser(Method::GET, &page).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::GONE);
    assert!(gone.text().await.unwrap().contains("expired"));
    assert_eq!(test.browser(Method::GET, &audio).send().await.unwrap().status(), StatusCode::GONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_die_with_their_message() {
    let test = TestApp::start().await;
    let (id, page) = mailed(&test).await;
    assert_eq!(test.browser(Method::GET, &page).send().await.unwrap().status(), StatusCode::OK);
    let path = format!("/v1/messages/{}", id.as_str().unwrap());
    crate::harness::ok(test.portal(Method::PATCH, &path).json(&json!({"folder": "trash"}))).await;
    assert_eq!(test.browser(Method::GET, &page).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_audio_tell_nobody_and_are_kept_by_nobody() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    let answer = test.browser(Method::GET, &page).send().await.unwrap();
    let headers = answer.headers().clone();
    let audio = sources(&answer.text().await.unwrap())[0].clone();
    let audio = test.browser(Method::GET, &audio).send().await.unwrap();
    for headers in [&headers, audio.headers()] {
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-robots-tag"], "noindex");
        assert_eq!(headers["cache-control"], "private, no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "media-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
    }
    let kept = page.replace(&test.base, "").replace("/l/", "/");
    assert!(!kept.contains("4155550132"), "no phone number in an address");
    test.stop().await;
}

/// Asks for a page through a proxy that says where it was asked from, as reverse proxies do.
async fn forwarded(test: &TestApp, page: &str, client: &str) -> reqwest::Response {
    test.browser(Method::GET, page).header("x-forwarded-for", client).send().await.unwrap()
}

/// An address of a page that no token leads to.
fn guess(number: u32) -> String {
    format!("/l/{number:A>44}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guesser_is_slowed_down_and_whoever_has_a_link_is_not() {
    let test = TestApp::start().await;
    let (_, page) = mailed(&test).await;
    let html = test.browser(Method::GET, &page).send().await.unwrap().text().await.unwrap();
    let audio = sources(&html)[0].clone();
    for number in 0..60 {
        let answer = forwarded(&test, &guess(number), &format!("203.0.113.{number}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    let slowed = forwarded(&test, &guess(60), "198.51.100.1").await;
    assert_eq!(slowed.status(), StatusCode::TOO_MANY_REQUESTS, "nobody vouches for that header");
    let retry_after = slowed.headers()["retry-after"].to_str().unwrap().parse::<u64>();
    assert!((1..=61).contains(&retry_after.unwrap()));
    let guessed = test.browser(Method::GET, &audio.replace("audio/", "audio/A")).send().await.unwrap();
    assert_eq!(guessed.status(), StatusCode::TOO_MANY_REQUESTS, "guesses of the audio's address count, too");
    for good in [&page, &audio] {
        assert_eq!(test.browser(Method::GET, good).send().await.unwrap().status(), StatusCode::OK);
    }
    let played = test.browser(Method::POST, &format!("{page}/played")).header("origin", &test.base).send();
    assert_eq!(played.await.unwrap().status(), StatusCode::NO_CONTENT);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_a_guesser_slows_down_nobody_else() {
    let configure = Box::new(|config: &mut Config| config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let test = TestApp::start_with(Wish { configure, ..Wish::default() }).await;
    let (_, page) = mailed(&test).await;
    for number in 0..60 {
        let forged = format!("198.51.100.{number}, 203.0.113.7");
        assert_eq!(forwarded(&test, &guess(number), &forged).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(forwarded(&test, &guess(60), "203.0.113.7").await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(forwarded(&test, &guess(61), "203.0.113.8").await.status(), StatusCode::NOT_FOUND, "another client");
    assert_eq!(forwarded(&test, &page, "203.0.113.8").await.status(), StatusCode::OK);
    assert_eq!(
        forwarded(&test, &page, "203.0.113.7").await.status(),
        StatusCode::OK,
        "a good link of the same network"
    );
    test.stop().await;
}
