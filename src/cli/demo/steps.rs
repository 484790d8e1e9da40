//! The main job, step by step, each with what must come out of it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use mail_parser::{MessageParser, MimeHeaders};
use reqwest::{
    Method, StatusCode, header,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tokio::time::sleep;
use voicemill_audio::{decode, format::AudioBlock};
use voicemill_speech::{
    accuracy::{word_error_rate, words},
    transcribe::{SpeechSource, TranscribeControl},
};

use crate::{
    app::App,
    cli::demo::{
        DemoArgs, STEP,
        client::{Client, problem},
        report::Report,
    },
    mailboxes::EmailMode,
};

const DOMAIN: &str = "demo.example";

/// Runs every step; an error means that the rest could not be tried.
pub(super) async fn run(app: &App, client: &Client, args: &DemoArgs, report: &mut Report) -> anyhow::Result<()> {
    let expected = std::fs::read_to_string(args.samples.join("expected.json"))?;
    let expected: Value = serde_json::from_str(&expected).context("samples/expected.json cannot be read")?;
    report.start("making a domain, its keys and five mailboxes");
    client.set_up(DOMAIN).await?;
    for (number, mode) in EmailMode::ALL.into_iter().enumerate() {
        let recipient = args.mail_to.clone().unwrap_or_else(|| format!("owner{number}@{DOMAIN}"));
        let settings = json!({"name": "Dana Miller", "email_mode": mode, "recipients": [recipient]});
        let path = format!("/v1/mailboxes/{}", 100 + number);
        let _: Value = client.expect(client.portal(Method::PUT, &path).json(&settings)).await?;
    }
    report.check("a domain with five mailboxes", true, "made");

    let message = voicemail(app, client, args, &expected, report).await?;
    modes(app, client, args, report).await?;
    if args.mail_to.is_none() {
        link(app, client, &message, report).await?;
    }
    hold_music(client, args, report).await?;
    greeting(app, client, report).await?;
    recording(client, args, report).await?;
    bad_input(client, args, &expected, report).await
}

/// A core drops a voicemail; its owner gets mail.
async fn voicemail(
    app: &App,
    client: &Client,
    args: &DemoArgs,
    expected: &Value,
    report: &mut Report,
) -> anyhow::Result<Value> {
    report.start("a core drops a voicemail");
    let dropped = Instant::now();
    let message = drop_message(client, args, "voicemail.wav", EmailMode::Link).await?;
    report.check("voicemail dropped", true, "201: durable, work queued");
    let id = text(&message, "id")?;
    let message = settle(client, &format!("/v1/messages/{id}"), |message| message["state"] != "pending").await?;
    let seconds = message["duration_ms"].as_f64().unwrap_or(0.0) / 1000.0;
    let renditions = message["renditions"].as_array().map_or(0, Vec::len);
    let brief = message["brief_end_ms"].as_f64().unwrap_or(0.0) - message["brief_start_ms"].as_f64().unwrap_or(0.0);
    let holds = message["state"] == "available" && renditions == 8 && brief > 0.0 && brief <= 33_000.0;
    let result = format!("{renditions} renditions of {seconds:.1} s, a brief clip of {:.1} s", brief / 1000.0);
    report.check_audio("rendered for phone, browser, mail", holds, result, seconds);

    let message =
        settle(client, &format!("/v1/messages/{id}"), |message| message["transcript_state"] != "pending").await?;
    let heard = message["transcript"]["text"].as_str().unwrap_or_default().trim();
    let said = expected["voicemail.wav"]["text"].as_str().unwrap_or_default();
    let errors = word_error_rate(said, heard);
    let result = format!("{:.1} % of {} words wrong", errors * 100.0, words(said).len());
    report.check_audio("transcribed", !heard.is_empty() && errors <= 0.15, result, seconds);

    let message = settle(client, &format!("/v1/messages/{id}"), settled).await?;
    let took = dropped.elapsed().as_secs_f64();
    let accepted = message["notices"][0]["state"] == "accepted";
    report.check_since(dropped, "mail is out after the drop", accepted && took <= 5.0, "accepted, within 5 s", seconds);
    if args.mail_to.is_none() {
        let mail = mails(app)?.pop().context("the outbox is empty")?;
        let page = link_in(&mail, client.base()).context("the mail has no link")?;
        client.remember_page(&page);
    }
    Ok(message)
}

/// The other four modes.
async fn modes(app: &App, client: &Client, args: &DemoArgs, report: &mut Report) -> anyhow::Result<()> {
    report.start("the same voicemail in the other four modes");
    for mode in EmailMode::ALL.into_iter().filter(|mode| *mode != EmailMode::Link) {
        let message = drop_message(client, args, "voicemail.wav", mode).await?;
        let path = format!("/v1/messages/{}", text(&message, "id")?);
        let message = settle(client, &path, |message| {
            message["transcript_state"] != "pending" && message["state"] != "pending" && settled(message)
        })
        .await?;
        let notices = message["notices"].as_array().map_or(0, Vec::len);
        let wanted = usize::from(mode != EmailMode::None);
        let accepted = notices == wanted && (wanted == 0 || message["notices"][0]["state"] == "accepted");
        let name = serde_json::to_value(mode)?;
        let name = format!("mail mode {}", name.as_str().unwrap_or_default());
        if args.mail_to.is_some() || wanted == 0 {
            report.check(&name, accepted, if wanted == 0 { "nothing sent" } else { "accepted" });
            continue;
        }
        let mail = mails(app)?.pop().context("the outbox is empty")?;
        let parsed = MessageParser::new().parse(&mail).context("the mail cannot be parsed")?;
        let audio = parsed.attachments().find(|part| {
            part.content_type().is_some_and(|kind| kind.ctype() == "audio" && kind.subtype() == Some("wav"))
        });
        let (right, result) = match audio {
            Some(part) => {
                let seconds = hound::WavReader::new(part.contents())
                    .map_or(0.0, |wav| f64::from(wav.duration()) / f64::from(wav.spec().sample_rate));
                (
                    mode.attaches() && seconds > 1.0,
                    format!("a WAV of {seconds:.1} s inside, {:.1} KB", mail.len() as f64 / 1000.0),
                )
            }
            None => {
                let linked = link_in(&mail, client.base()).is_some();
                (!mode.attaches() && linked, format!("a link inside, {:.1} KB", mail.len() as f64 / 1000.0))
            }
        };
        report.check(&name, accepted && right, result);
    }
    Ok(())
}

/// Somebody opens the mail's link; only a play counts as reading.
async fn link(app: &App, client: &Client, message: &Value, report: &mut Report) -> anyhow::Result<()> {
    report.start("the link is opened");
    let page = client.page().context("no page is known")?.to_owned();
    let path = format!("/v1/messages/{}", text(message, "id")?);
    let read = async || -> anyhow::Result<bool> {
        let message: Value = client.expect(client.portal(Method::GET, &path)).await?;
        Ok(!message["read_at"].is_null())
    };
    let response = client.browser(Method::GET, &page).send().await?;
    let (status, html) = (response.status(), response.text().await?);
    let sources: Vec<&str> = html
        .split("src=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|src| src.contains("/audio/"))
        .collect();
    let holds = status == StatusCode::OK && !sources.is_empty() && !read().await?;
    report.check("link opened by a scanner", holds, format!("{status}, {} sources, still unread", sources.len()));

    for source in sources {
        let response = client.browser(Method::GET, source).header(header::RANGE, "bytes=0-1").send().await?;
        let range =
            response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok()).map(str::to_owned);
        let ranged = response.status() == StatusCode::PARTIAL_CONTENT && response.bytes().await?.len() == 2;
        let whole = client.browser(Method::GET, source).send().await?.error_for_status()?.bytes().await?;
        let seconds = decoded(&whole, "ogg")?.seconds();
        let result = format!("206 {}, then {seconds:.1} s", range.unwrap_or_default());
        report.check("audio played with Range", ranged && seconds > 1.0, result);
    }
    let played = format!("{page}/played");
    let foreign =
        client.browser(Method::POST, &played).header(header::ORIGIN, "https://elsewhere.example").send().await?;
    let refused = foreign.status() == StatusCode::FORBIDDEN && !read().await?;
    report.check("play claimed from another site", refused, foreign.status().to_string());
    let own =
        client.browser(Method::POST, &played).header(header::ORIGIN, app.config.http.public_url.clone()).send().await?;
    report.check("read after play", own.status().is_success() && read().await?, "read");
    Ok(())
}

/// A person uploads hold music.
async fn hold_music(client: &Client, args: &DemoArgs, report: &mut Report) -> anyhow::Result<()> {
    report.start("hold music is uploaded");
    let prompt = upload(client, args, "hold-music.mp3", "hold_music").await??;
    let seconds = prompt["duration_ms"].as_f64().unwrap_or(0.0) / 1000.0;
    let renditions = prompt["renditions"].as_array().cloned().unwrap_or_default();
    report.check_audio(
        "hold music",
        renditions.len() == 9,
        format!("{} renditions of {seconds:.1} s", renditions.len()),
        seconds,
    );
    for rendition in renditions.iter().filter(|rendition| rendition["purpose"] == "phone") {
        let lufs = lufs(&client.media(rendition).await?, extension(rendition))?;
        let name = rendition["name"].as_str().unwrap_or_default();
        report.check(&format!("  {name}"), (lufs + 24.0).abs() <= 0.5, format!("{lufs:.1} LUFS (-24.0)"));
    }
    Ok(())
}

/// A person types a greeting.
async fn greeting(app: &App, client: &Client, report: &mut Report) -> anyhow::Result<()> {
    const SCRIPT: &str = "Hello, you have reached Dana Miller. I am away until Monday, March 3rd at 9:30 AM. \
                          Please leave a message after the tone, or call 415-555-0132.";
    const HEARD: &str = "hello you have reached dana miller i am away until monday march third at nine thirty am \
                         please leave a message after the tone or call four one five five five five zero one three two";
    report.start("a greeting is typed");
    let body = json!({"kind": "greeting", "name": "Away", "extension": "101", "script": SCRIPT, "voice": "heart"});
    let prompt: Value = client.expect(client.portal(Method::POST, "/v1/prompts/text").json(&body)).await?;
    let id = text(&prompt, "id")?;
    let prompt = settle(client, &format!("/v1/prompts/{id}"), |prompt| prompt["state"] != "pending").await?;
    let seconds = prompt["duration_ms"].as_f64().unwrap_or(0.0) / 1000.0;
    let available = prompt["state"] == "available";
    report.check_audio("greeting spoken", available, format!("{seconds:.1} s by heart"), seconds);

    let phone = prompt["renditions"].as_array().into_iter().flatten().find(|one| one["name"] == "phone-ulaw-8k");
    let bytes = client.media(phone.context("the greeting has no phone rendition")?).await?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), bytes)?;
    let engine = app.transcribers.for_language(None).await?;
    let transcript = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        let mut audio = SpeechSource::new(decode::open(file.path(), Some("ulaw"))?.source)?;
        Ok(engine.transcribe(&mut audio, &TranscribeControl::default())?)
    })
    .await??;
    let said = spelled_digits(&transcript.text);
    let errors = word_error_rate(HEARD, &said);
    let result = format!("{:.1} % of {} words wrong", errors * 100.0, words(HEARD).len());
    report.check_audio("greeting understood at 8 kHz µ-law", errors <= 0.25, result, seconds);
    Ok(())
}

/// A core records a call.
async fn recording(client: &Client, args: &DemoArgs, report: &mut Report) -> anyhow::Result<()> {
    report.start("a call is recorded");
    let path = "/core/v1/recordings/demo-call-1";
    let query = [("caller_number", "4155550132"), ("callee_number", "101")];
    let announced: Value = client.expect(client.core(Method::PUT, path).query(&query)).await?;
    for (role, file) in [("caller", "call-caller.wav"), ("callee", "call-callee.wav")] {
        let body = std::fs::read(args.samples.join(file))?;
        let _: Value = client.expect(client.core(Method::PUT, &format!("{path}/legs/{role}")).body(body)).await?;
    }
    let pending: Value = client.expect(client.core(Method::POST, &format!("{path}/complete"))).await?;
    let holds = announced["state"] == "pending" && pending["state"] == "pending";
    report.check("recording of two legs", holds, "pending");
    let recording = settle(client, &format!("/v1/recordings/{}", text(&announced, "id")?), |recording| {
        recording["state"] != "pending"
    })
    .await?;
    let seconds = recording["duration_ms"].as_f64().unwrap_or(0.0) / 1000.0;
    let stereo = recording["renditions"].as_array().into_iter().flatten().find(|one| one["name"] == "phone-wav-8k");
    let sound = decoded(&client.media(stereo.context("the recording has no stereo WAV")?).await?, "wav")?;
    let caller = decoded(&std::fs::read(args.samples.join("call-caller.wav"))?, "wav")?;
    let (left, right) = (sound.likeness(0, &caller), sound.likeness(1, &caller));
    let holds = recording["state"] == "available" && sound.channels == 2 && left > 0.9 && right < 0.5;
    let result = format!("available, {seconds:.1} s, caller left ({left:.2}) not right ({right:.2})");
    report.check_audio("recording stored in stereo by role", holds, result, seconds);
    Ok(())
}

/// What nobody should send, and everybody does.
async fn bad_input(client: &Client, args: &DemoArgs, expected: &Value, report: &mut Report) -> anyhow::Result<()> {
    report.start("bad files are sent");
    let folder = args.samples.join("bad");
    let mut names: Vec<_> = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let name = name.to_string_lossy().into_owned();
        let relative = format!("bad/{name}");
        let message = drop_message(client, args, &relative, EmailMode::None).await?;
        let path = format!("/v1/messages/{}", text(&message, "id")?);
        let message = settle(client, &path, |message| message["state"] != "pending").await?;
        let recovered = expected[&relative]["recovered_seconds"].as_f64();
        let (holds, result) = match (recovered, message["failure"]["detail"].as_str()) {
            (Some(wanted), _) => {
                let seconds = message["duration_ms"].as_f64().unwrap_or(0.0) / 1000.0;
                ((seconds - wanted).abs() < 0.1, format!("{seconds:.2} s recovered"))
            }
            (None, Some(reason)) => (true, format!("failed: {reason}")),
            (None, None) => (false, format!("{}, without a reason", message["state"])),
        };
        report.check(&format!("core drops {name}"), holds, result);
        let (same, words) = match upload(client, args, &relative, "hold_music").await? {
            Ok(_) => (recovered.is_some(), "taken".to_owned()),
            Err(error) => (recovered.is_none(), error.to_string()),
        };
        report.check(&format!("person uploads {name}"), same, words);
    }
    let healthy = client.browser(Method::GET, "/healthz").send().await?.status();
    report.check("the service after all that", healthy == StatusCode::OK, healthy.to_string());
    Ok(())
}

async fn drop_message(client: &Client, args: &DemoArgs, file: &str, mode: EmailMode) -> anyhow::Result<Value> {
    let number = EmailMode::ALL.iter().position(|one| *one == mode).unwrap_or(0);
    let body = std::fs::read(args.samples.join(file)).with_context(|| format!("cannot read the sample {file}"))?;
    let path = format!("/core/v1/mailboxes/{}/messages/{}", 100 + number, uuid::Uuid::new_v4());
    let query = [("caller_number", "4155550132"), ("caller_name", "Robin Stone")];
    client.expect(client.core(Method::PUT, &path).query(&query).body(body)).await
}

/// Uploads a prompt as a person would; the inner error is the service's own refusal.
async fn upload(
    client: &Client,
    args: &DemoArgs,
    file: &str,
    kind: &str,
) -> anyhow::Result<Result<Value, anyhow::Error>> {
    let bytes = std::fs::read(args.samples.join(file)).with_context(|| format!("cannot read the sample {file}"))?;
    let form = Form::new()
        .text("kind", kind.to_owned())
        .text("name", file.to_owned())
        .part("file", Part::bytes(bytes).file_name(file.to_owned()));
    let response = client.portal(Method::POST, "/v1/prompts").multipart(form).send().await?;
    if response.status() == StatusCode::UNPROCESSABLE_ENTITY {
        let (status, detail) = problem(response).await;
        return Ok(Err(anyhow::anyhow!("{}: {detail}", status.as_u16())));
    }
    let prompt: Value = response.error_for_status()?.json().await?;
    let path = format!("/v1/prompts/{}", text(&prompt, "id")?);
    Ok(Ok(settle(client, &path, |prompt| prompt["state"] != "pending").await?))
}

/// Looks at an address until what it says has settled.
async fn settle(client: &Client, path: &str, done: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let began = Instant::now();
    loop {
        let value: Value = client.expect(client.portal(Method::GET, path)).await?;
        if done(&value) {
            return Ok(value);
        }
        anyhow::ensure!(began.elapsed() < STEP, "still not settled after {} s: {value}", STEP.as_secs());
        sleep(Duration::from_millis(20)).await;
    }
}

fn settled(message: &Value) -> bool {
    let notices = message["notices"].as_array();
    notices.is_some_and(|notices| notices.iter().all(|notice| !notice["settled_at"].is_null()))
}

fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value[key].as_str().with_context(|| format!("the answer has no {key}"))
}

/// The mails in the outbox, oldest first.
fn mails(app: &App) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut files: Vec<_> = std::fs::read_dir(app.config.storage.folder.join("outbox"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    files.sort();
    files.into_iter().map(|file| Ok(std::fs::read(file)?)).collect()
}

/// The link in a mail's text.
fn link_in(mail: &[u8], base: &str) -> Option<String> {
    let parsed = MessageParser::new().parse(mail)?;
    let body = parsed.body_text(0)?;
    let start = body.find(&format!("{base}/l/"))?;
    let link: String = body[start..].chars().take_while(|letter| !letter.is_whitespace() && *letter != '>').collect();
    Some(link)
}

fn extension(rendition: &Value) -> &str {
    match rendition["format"].as_str() {
        Some("ulaw") => "ulaw",
        Some("alaw") => "alaw",
        _ => "wav",
    }
}

/// Decoded audio, small enough to hold.
struct Sound {
    samples: Vec<f32>,
    rate_hz: u32,
    channels: usize,
}

impl Sound {
    fn seconds(&self) -> f64 {
        self.samples.len() as f64 / self.channels as f64 / f64::from(self.rate_hz)
    }

    /// The normalised correlation of one channel with another sound's first, 0 to 1.
    fn likeness(&self, channel: usize, other: &Self) -> f64 {
        let own = self.samples.iter().skip(channel).step_by(self.channels);
        let theirs = other.samples.iter().step_by(other.channels);
        let (mut product, mut own_energy, mut their_energy) = (0.0, 1e-12, 1e-12);
        for (a, b) in own.zip(theirs) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            product += a * b;
            own_energy += a * a;
            their_energy += b * b;
        }
        product.abs() / (own_energy * their_energy).sqrt()
    }
}

/// Integrated loudness, as a listener at the far end would measure it.
fn lufs(bytes: &[u8], hint: &str) -> anyhow::Result<f64> {
    let sound = decoded(bytes, hint)?;
    let mut meter = ebur128::EbuR128::new(u32::try_from(sound.channels)?, sound.rate_hz, ebur128::Mode::I)?;
    meter.add_frames_f32(&sound.samples)?;
    Ok(meter.loudness_global()?)
}

fn decoded(bytes: &[u8], hint: &str) -> anyhow::Result<Sound> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), bytes)?;
    decoded_file(file.path(), hint)
}

fn decoded_file(path: &Path, hint: &str) -> anyhow::Result<Sound> {
    let mut source = decode::open(path, Some(hint))?.source;
    let spec = source.spec();
    let (mut samples, mut block) = (Vec::new(), AudioBlock::default());
    while source.next_block(&mut block)? {
        samples.extend_from_slice(&block.samples);
    }
    Ok(Sound { samples, rate_hz: spec.rate_hz, channels: usize::from(spec.channels) })
}

/// Digits read one by one, as the greeting says them.
fn spelled_digits(text: &str) -> String {
    const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    text.chars()
        .map(|letter| match letter.to_digit(10) {
            Some(digit) => format!(" {} ", NAMES[digit as usize]),
            None => letter.to_string(),
        })
        .collect()
}
