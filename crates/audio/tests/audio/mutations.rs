//! Two thousand damaged files through the real converter, each decoded from probe to the last sample in a process of its
//! own: none may hang, take much memory, look as if it were worth another try, or panic anywhere in our own code.
//!
//! Every file is determined by its number. Those that made a library panic, and those that broke a rule, are written to
//! the folder that the test names, to be looked at with `voicemill transcode`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use voicemill_testing::ogg as ogg_pages;

use futures_util::StreamExt;
use voicemill_audio::encode::{self, EncoderOptions, OutputFormat};
use voicemill_audio::format::{AudioBlock, AudioError, AudioSpec, Fault};
use voicemill_audio::sandbox::Sandbox;
use voicemill_audio::spec::{RenderSpec, SourceSpec};

const MUTATIONS: u64 = 2_000;
/// What a job may take beyond what an intact small file takes, in bytes.
const MEMORY_BYTES: u64 = 64 << 20;
const DEADLINE: Duration = Duration::from_secs(5);

/// An intact file to damage.
struct Original {
    name: String,
    bytes: Vec<u8>,
    /// The format's name, where bytes don't tell.
    hint: Option<String>,
}

impl Original {
    fn new(name: String, bytes: Vec<u8>) -> Self {
        let extension = name.rsplit('.').next().unwrap();
        let headerless = ["ulaw", "alaw", "sln", "sln16", "gsm", "g722"].contains(&extension);
        Self { hint: headerless.then(|| extension.to_owned()), bytes, name }
    }
}

/// One file of everything that is decoded: those of ffmpeg beside the tests, and all that we encode ourselves.
fn originals() -> Vec<Original> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            all.push(Original::new(name, std::fs::read(path).unwrap()));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for format in OutputFormat::all() {
        let name = format!("own-{format:?}.{}", format.extension());
        let path = folder.path().join(&name);
        let spec = AudioSpec::mono(format.fixed_rate_hz().unwrap_or(8_000));
        let mut encoder = encode::create(&path, format, spec, &EncoderOptions::default()).unwrap();
        let samples =
            (0..spec.rate_hz / 4).map(|n| 0.4 * (n as f32 * 0.2 + n as f32 * n as f32 * 1e-4).sin()).collect();
        encoder.write(&AudioBlock { samples }).unwrap();
        encoder.finish().unwrap();
        all.push(Original::new(name, std::fs::read(path).unwrap()));
    }
    // The order of a folder's files is anyone's guess; that of the numbers must not be.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// SplitMix64: the same numbers on every machine, for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where there is none.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A place in `length` bytes, as often in the header as anywhere.
    fn place(&mut self, length: usize) -> usize {
        let within = if self.one_in(2) { length.min(128) } else { length };
        self.below(within)
    }
}

const EXTREMES: [u64; 16] = [
    0,
    1,
    2,
    7,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    i64::MAX as u64,
    u64::MAX,
];

/// The original of this number and what became of it.
fn mutation(number: u64, originals: &[Original]) -> (&Original, Vec<u8>) {
    let original = &originals[(number % originals.len() as u64) as usize];
    let mut random = Random(number);
    let mut bytes = original.bytes.clone();
    for _ in 0..=random.below(3) {
        match random.below(6) {
            0 => flip_bits(&mut bytes, &mut random),
            1 => bytes.truncate(1 + random.below(bytes.len())),
            2 => edit_length_of_chunk(&mut bytes, &mut random),
            3 => splice(&mut bytes, &originals[random.below(originals.len())].bytes, &mut random),
            4 => move_part(&mut bytes, &mut random),
            _ => set_field(&mut bytes, &mut random),
        }
    }
    // Else hardly anything would get past an Ogg page's checksum; some still has to fail there.
    if !random.one_in(4) {
        ogg_pages::repair_ogg_checksums(&mut bytes);
    }
    (original, bytes)
}

fn flip_bits(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(16) {
        let at = random.place(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << random.below(8);
        }
    }
}

/// Finds what may be the name of a chunk, a box or an element, and writes another length before or behind it.
fn edit_length_of_chunk(bytes: &mut [u8], random: &mut Random) {
    let is_name = |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ');
    let names: Vec<usize> = (0..bytes.len().saturating_sub(12)).filter(|at| is_name(&bytes[*at..*at + 4])).collect();
    if names.is_empty() {
        return set_field(bytes, random);
    }
    let name = random.pick(&names);
    let at = if random.one_in(2) { name + 4 } else { name.saturating_sub(4) };
    let old = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let near = random.pick(&[old.wrapping_sub(1), old.wrapping_add(1), old.swap_bytes(), old / 2, old.wrapping_mul(2)]);
    let new = if random.one_in(2) { near } else { random.pick(&EXTREMES) as u32 };
    bytes[at..at + 4].copy_from_slice(&if random.one_in(2) { new.to_be_bytes() } else { new.to_le_bytes() });
}

/// Puts a part of another file over or between the bytes.
fn splice(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let from = random.below(other.len());
    let part = &other[from..(from + 1 + random.below(512)).min(other.len())];
    let at = random.place(bytes.len());
    let end = if random.one_in(2) { at } else { (at + part.len()).min(bytes.len()) };
    bytes.splice(at..end, part.iter().copied());
}

/// Leaves a part out, or repeats it.
fn move_part(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.place(bytes.len());
    let end = (at + 1 + random.below(256)).min(bytes.len());
    let part: Vec<u8> = if random.one_in(2) { Vec::new() } else { bytes[at..end].repeat(2 + random.below(8)) };
    bytes.splice(at..end, part);
}

/// Writes an extreme number of any width and order, as often aligned as not.
fn set_field(bytes: &mut [u8], random: &mut Random) {
    let width = random.pick(&[1, 2, 4, 8]);
    let mut at = random.place(bytes.len());
    if random.one_in(2) {
        at -= at % 2;
    }
    let extreme = random.pick(&EXTREMES).to_le_bytes();
    let backwards = random.one_in(2);
    for index in 0..width {
        if let Some(byte) = bytes.get_mut(at + index) {
            *byte = extreme[if backwards { width - 1 - index } else { index }];
        }
    }
}

/// What is left of a file once the converter had it.
enum Fate {
    Decoded,
    /// Refused in a sentence that is no one's fault but the file's.
    Refused,
    /// A library panicked, and the job ended with a reason.
    Contained(String),
    /// A rule was broken.
    Broken(String),
}

fn judge(result: Result<f64, AudioError>) -> Fate {
    match result {
        Ok(seconds) if seconds.is_finite() && seconds > 0.0 => Fate::Decoded,
        Ok(seconds) => Fate::Broken(format!("decoded to {seconds} seconds")),
        Err(error) if error.is_transient() => Fate::Broken(format!("would be tried again: {error}")),
        Err(AudioError::Limit(fault)) if !matches!(fault, Fault::HeaderAsksTooMuch { .. }) => {
            Fate::Broken(fault.to_string())
        }
        Err(AudioError::Malformed(fault @ Fault::StoppedConverter { .. })) => {
            let sentence = fault.to_string();
            // Ours are bugs, and so is a crash by signal, which only C or an abort can cause.
            if sentence.contains("(symphonia-") { Fate::Contained(sentence) } else { Fate::Broken(sentence) }
        }
        Err(error) if error.to_string().ends_with('.') => Fate::Refused,
        Err(error) => Fate::Broken(format!("refused in no sentence: {error}")),
    }
}

/// Decodes to the end, within `memory_bytes`.
async fn decode(path: PathBuf, hint: Option<String>, memory_bytes: u64) -> Result<f64, AudioError> {
    let mut sandbox = Sandbox::new(crate::CHILD.into());
    sandbox.limits.memory_bytes = memory_bytes;
    let spec = RenderSpec::of(vec![SourceSpec { path, hint, role: None }]);
    sandbox.render(&spec, DEADLINE).await.map(|report| report.duration_seconds)
}

/// The least memory, to a megabyte, in which an intact file is decoded.
async fn least_memory_bytes(path: &Path) -> u64 {
    let (mut too_little, mut enough) = (0, 512u64);
    assert!(decode(path.into(), None, enough << 20).await.is_ok());
    while enough - too_little > 1 {
        let middle = too_little.midpoint(enough);
        match decode(path.into(), None, middle << 20).await {
            Ok(_) => enough = middle,
            Err(_) => too_little = middle,
        }
    }
    enough << 20
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_damaged_files_end_in_sound_or_a_sentence() {
    let originals = originals();
    assert!(originals.len() > 40, "only {} files to damage", originals.len());
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("intact.wav");
    std::fs::write(&wav, &originals.iter().find(|original| original.name == "pcm-s16.wav").unwrap().bytes).unwrap();
    let memory_bytes = least_memory_bytes(&wav).await + MEMORY_BYTES;

    // What is not decoded intact would not be decoded damaged either, and prove nothing.
    for original in &originals {
        let path = folder.path().join(&original.name);
        std::fs::write(&path, &original.bytes).unwrap();
        let decoded = decode(path, original.hint.clone(), memory_bytes).await;
        assert!(matches!(decoded, Ok(seconds) if (0.08..0.7).contains(&seconds)), "{}: {decoded:?}", original.name);
    }

    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let fates: Vec<_> = futures_util::stream::iter(0..MUTATIONS)
        .map(|number| {
            let (original, bytes) = mutation(number, &originals);
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, bytes).unwrap();
            let hint = original.hint.clone();
            async move {
                let fate = judge(decode(path.clone(), hint, memory_bytes).await);
                (number, &original.name, path, fate)
            }
        })
        .buffer_unordered(workers)
        .collect()
        .await;

    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    std::fs::create_dir_all(&kept).unwrap();
    let keep =
        |number: u64, name: &str, path: &Path| std::fs::copy(path, kept.join(format!("{number}-{name}"))).unwrap();
    let (mut decoded, mut refused) = (0, 0);
    let (mut contained, mut broken) = (BTreeMap::<String, Vec<String>>::new(), Vec::new());
    for (number, name, path, fate) in fates {
        match fate {
            Fate::Decoded => decoded += 1,
            Fate::Refused => refused += 1,
            Fate::Contained(sentence) => {
                keep(number, name, &path);
                contained.entry(sentence).or_default().push(format!("{number}-{name}"));
            }
            Fate::Broken(what) => {
                keep(number, name, &path);
                broken.push(format!("{number}-{name}: {what}"));
            }
        }
    }
    let panics: usize = contained.values().map(Vec::len).sum();
    println!("{decoded} decoded, {refused} refused, {panics} panics of libraries contained; see {}", kept.display());
    for (sentence, files) in &contained {
        println!("{sentence}\n  {}", files.join(" "));
    }
    assert!(broken.is_empty(), "see {}:\n{}", kept.display(), broken.join("\n"));
    // Damage that always shows at once, or never, would test little.
    assert!(decoded > MUTATIONS / 4 && refused > MUTATIONS / 20, "{decoded} decoded, {refused} refused");
}
