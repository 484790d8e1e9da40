//! A provider of voices and transcription elsewhere: a server that this test runs, reached over HTTP as a real one is.

use std::{
    f32::consts::TAU,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::spawn_blocking};
use voicemill_audio::{
    decode,
    format::{AudioBlock, AudioError, AudioSource, AudioSpec},
};
use voicemill_speech::{
    SpeechError,
    synthesize::{
        CloudVoices, CloudVoicesConfig, Manner, Pcm, Phonetic, Pronunciation, Pronunciations, Speech, Synthesizer,
        VoiceId,
    },
    transcribe::{
        CloudTranscriber, CloudTranscriptionConfig, SpeechSource, TranscribeControl, Transcriber, Transcript,
    },
};

const KEY: &str = "a key that nobody may see";
static ALLOY: VoiceId = VoiceId::from_static("cloud-alloy");

/// What the server was sent.
#[derive(Default)]
struct Seen {
    authorizations: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

/// A server that answers every request alike; returns its address and what it saw.
async fn provider<A>(answer: impl Fn() -> A + Clone + Send + Sync + 'static) -> (String, Arc<Mutex<Seen>>)
where
    A: Future<Output = Response> + Send,
{
    let seen = Arc::new(Mutex::new(Seen::default()));
    let record = seen.clone();
    let handler = move |headers: HeaderMap, body: Bytes| {
        let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let mut seen = record.lock().unwrap();
        seen.authorizations.extend(authorization);
        seen.bodies.push(body.to_vec());
        answer()
    };
    let router = Router::new()
        .route("/v1/audio/speech", post(handler.clone()))
        .route("/v1/audio/transcriptions", post(handler))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, seen)
}

fn voices(base: &str, timeout_seconds: u64) -> Arc<CloudVoices> {
    let config = json!({
        "base_url": base, "key": KEY, "model": "tts-1", "voices": ["alloy"], "timeout_seconds": timeout_seconds,
    });
    let config: CloudVoicesConfig = serde_json::from_value(config).unwrap();
    assert!(!format!("{config:?}").contains(KEY), "the key shows");
    Arc::new(CloudVoices::new(config).unwrap())
}

async fn say(voices: &Arc<CloudVoices>, text: &'static str) -> Result<Pcm, SpeechError> {
    let voices = voices.clone();
    spawn_blocking(move || voices.synthesize(&Speech::new(text, &ALLOY))).await.unwrap()
}

/// A second of a tone as a provider sends it.
fn tone() -> Vec<u8> {
    let sample = |index: u32| ((TAU * 440.0 * index as f32 / 24_000.0).sin() * 9_000.0) as i16;
    (0..24_000).flat_map(|index| sample(index).to_le_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_voice_speaks_sentence_by_sentence() {
    let (base, seen) = provider(|| async { tone().into_response() }).await;
    let voices = voices(&base, 10);
    let spoken = spawn_blocking(move || {
        let entry = Pronunciation { word: "Nguyen".to_owned(), phonetic: Phonetic::Respelling("win".to_owned()) };
        let pronunciations = Pronunciations::new([&entry]).unwrap();
        let manner = Manner::new(Some(1.5), None).unwrap();
        let speech = Speech::new("Dr. Nguyen is out. Press 1.", &ALLOY);
        voices.synthesize(&Speech { manner, pronunciations: &pronunciations, ..speech }).unwrap()
    });
    let spoken = spoken.await.unwrap();
    assert!((spoken.seconds() - 2.6).abs() < 0.01, "two seconds and two pauses: {} s", spoken.seconds());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.authorizations, [format!("Bearer {KEY}"), format!("Bearer {KEY}")]);
    let asked: Vec<Value> = seen.bodies.iter().map(|body| serde_json::from_slice(body).unwrap()).collect();
    let wanted = |input: &str| json!({"model": "tts-1", "voice": "alloy", "input": input, "speed": 1.5, "response_format": "pcm"});
    assert_eq!(asked, [wanted("Doctor win is out."), wanted("Press one.")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_answers_is_told_in_words_and_never_with_the_key() {
    for (status, words, transient) in [
        (StatusCode::UNAUTHORIZED, "does not take our key", false),
        (StatusCode::TOO_MANY_REQUESTS, "is busy", true),
        (StatusCode::BAD_GATEWAY, "has a problem", true),
        (StatusCode::BAD_REQUEST, "no such model", false),
        (StatusCode::FOUND, "refused", false),
    ] {
        let body = json!({"error": {"message": format!("no such model{}", if status == 401 { KEY } else { "" })}});
        let (base, _) = provider(move || {
            let body = body.clone();
            async move { (status, axum::Json(body)).into_response() }
        })
        .await;
        let error = say(&voices(&base, 10), "Hello.").await.unwrap_err();
        assert!(error.to_string().contains(words), "{status}: {error}");
        assert!(!error.to_string().contains(KEY), "{error}");
        assert_eq!(error.is_transient(), transient, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_slow_or_gone_or_sends_too_much_is_given_up() {
    let (base, _) = provider(|| async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        tone().into_response()
    })
    .await;
    let error = say(&voices(&base, 1), "Hello.").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("in time"), "{error}");

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = say(&voices(&format!("http://{gone}"), 5), "Hello.").await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("cannot be reached"), "{error}");
    assert!(!error.to_string().contains(&gone.to_string()), "{error}");

    let (base, _) = provider(|| async { vec![0; 30_000_000].into_response() }).await;
    let error = say(&voices(&base, 30), "Hello.").await.unwrap_err();
    assert!(error.to_string().contains("more than"), "{error}");

    let (base, _) = provider(|| async { "x".into_response() }).await;
    let error = say(&voices(&base, 10), "Hello.").await.unwrap_err();
    assert!(error.to_string().contains("no 16-bit samples"), "{error}");
}

/// Speech that is quiet for one second in every ten.
struct Voice {
    speech: Vec<f32>,
    at: usize,
    length: usize,
}

impl Voice {
    /// So many seconds of it.
    fn new(seconds: usize) -> Self {
        let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/voicemail.wav");
        let mut source = SpeechSource::new(decode::open(&sample, None).unwrap().source).unwrap();
        let (mut block, mut speech) = (AudioBlock::default(), Vec::new());
        while source.next_block(&mut block).unwrap() {
            speech.extend_from_slice(&block.samples);
        }
        Self { speech, at: 0, length: seconds * 16_000 }
    }
}

impl AudioSource for Voice {
    fn spec(&self) -> AudioSpec {
        AudioSpec::mono(16_000)
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        let end = (self.at + 8_000).min(self.length);
        let sample = |index: usize| match index / 16_000 % 10 {
            9 => 0.0,
            _ => self.speech[index % 160_000],
        };
        block.samples.clear();
        block.samples.extend((self.at..end).map(sample));
        self.at = end;
        Ok(!block.samples.is_empty())
    }
}

async fn transcribe(base: &str, seconds: usize) -> Result<Transcript, SpeechError> {
    let config = json!({"base_url": base, "key": KEY, "model": "whisper-1"});
    let config: CloudTranscriptionConfig = serde_json::from_value(config).unwrap();
    let transcriber = CloudTranscriber::new(&config).unwrap();
    let work = move || {
        let mut audio = Voice::new(seconds);
        transcriber.transcribe(&mut audio, &TranscribeControl::default())
    };
    spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_transcript_has_segments_and_words_with_times() {
    let (base, seen) = provider(|| async {
        axum::Json(json!({
            "text": "Hello there. Call me.", "language": "english", "duration": 9.0,
            "segments": [
                {"start": 0.5, "end": 2.0, "text": " Hello there.", "avg_logprob": -0.1},
                {"start": 3.0, "end": 4.0, "text": " Call me.", "avg_logprob": -0.2},
            ],
            "words": [
                {"word": "Hello", "start": 0.5, "end": 1.0}, {"word": "there.", "start": 1.1, "end": 2.0},
                {"word": "Call", "start": 3.0, "end": 3.5}, {"word": "me.", "start": 3.5, "end": 4.0},
            ],
        }))
        .into_response()
    })
    .await;
    let transcript = transcribe(&base, 9).await.unwrap();
    assert_eq!((&*transcript.text, transcript.language.as_deref()), ("Hello there. Call me.", Some("en")));
    assert_eq!((transcript.duration_seconds, transcript.no_speech), (9.0, false));
    let words: Vec<&str> = transcript.segments[1].words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words, ["Call", "me."]);
    assert!((transcript.segments[0].words[0].confidence - 0.905).abs() < 0.001);
    let seen = seen.lock().unwrap();
    let form = String::from_utf8_lossy(&seen.bodies[0]);
    for part in ["whisper-1", "verbose_json", "audio.wav", "WAVEfmt "] {
        assert!(form.contains(part), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_audio_goes_to_the_cloud_in_windows_that_end_where_it_is_quiet() {
    let (base, seen) = provider(|| async { axum::Json(json!({"text": "One more."})).into_response() }).await;
    let transcript = transcribe(&base, 620).await.unwrap();
    assert_eq!(seen.lock().unwrap().bodies.len(), 3);
    assert_eq!(transcript.text, "One more. One more. One more.");
    let begins: Vec<f64> = transcript.segments.iter().map(|segment| segment.start_seconds).collect();
    assert!(begins[1..].iter().all(|begin| (9.0..10.0).contains(&(begin % 10.0))), "{begins:?}");
    let words: Vec<f64> =
        transcript.segments.iter().flat_map(|segment| &segment.words).map(|word| word.start_seconds).collect();
    assert!(words.len() == 6 && words.is_sorted(), "{words:?}");
    assert_eq!(transcript.duration_seconds, 620.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_in_the_cloud_has_no_words_and_nonsense_is_refused() {
    let (base, _) = provider(|| async { axum::Json(json!({"text": "", "language": "english"})).into_response() }).await;
    let transcript = transcribe(&base, 5).await.unwrap();
    assert!(transcript.no_speech && transcript.language.is_none() && transcript.segments.is_empty());
    let (base, _) = provider(|| async { "no JSON".into_response() }).await;
    let error = transcribe(&base, 5).await.unwrap_err();
    assert!(error.to_string().contains("no verbose transcript"), "{error}");
}
