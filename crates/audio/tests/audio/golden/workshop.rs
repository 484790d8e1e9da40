//! A directory with test signals in it, and the tools to make files and references from them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use voicemill_audio::decode;
use voicemill_audio::format::{AudioBlock, AudioError, AudioSpec};

/// Frames of `music.wav` (stereo, 44.1 kHz): no multiple of any codec's frame.
pub(crate) const MUSIC_FRAMES: usize = 101_337;
/// Frames of `voice.wav` (mono, 8 kHz) and half of those of `voice16.wav`.
pub(crate) const VOICE_FRAMES: usize = 20_123;

/// What a file decodes to.
pub(crate) struct Decoded {
    pub(crate) container: &'static str,
    pub(crate) codec: String,
    pub(crate) spec: AudioSpec,
    pub(crate) samples: Vec<f32>,
    pub(crate) truncated: bool,
}

pub(crate) struct Workshop {
    directory: tempfile::TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let workshop = Self { directory: tempfile::tempdir().unwrap() };
        let spec = |rate_hz, channels| AudioSpec { rate_hz, channels };
        workshop.write_wav("music.wav", spec(44_100, 2), &music(MUSIC_FRAMES));
        workshop.write_wav("voice.wav", spec(8_000, 1), &voice(8_000, VOICE_FRAMES));
        workshop.write_wav("voice16.wav", spec(16_000, 1), &voice(16_000, 2 * VOICE_FRAMES));
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// A WAV of 32-bit floats, with a header so plain that every tool takes one channel for mono.
    pub(crate) fn write_wav(&self, name: &str, spec: AudioSpec, samples: &[f32]) {
        let data_bytes = 4 * samples.len() as u32;
        let frame_bytes = 4 * spec.channels;
        let mut bytes = Vec::with_capacity(44 + data_bytes as usize);
        bytes.extend_from_slice(b"RIFF");
        bytes.extend((36 + data_bytes).to_le_bytes());
        bytes.extend_from_slice(b"WAVEfmt ");
        bytes.extend(16u32.to_le_bytes());
        bytes.extend([3, spec.channels].map(u16::to_le_bytes).concat());
        bytes.extend([spec.rate_hz, spec.rate_hz * u32::from(frame_bytes)].map(u32::to_le_bytes).concat());
        bytes.extend([frame_bytes, 32].map(u16::to_le_bytes).concat());
        bytes.extend_from_slice(b"data");
        bytes.extend(data_bytes.to_le_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.write(name, &bytes);
    }

    /// Runs ffmpeg in the directory, arguments separated by spaces; its standard output.
    pub(crate) fn ffmpeg(&self, arguments: &str) -> Vec<u8> {
        self.run("ffmpeg", &format!("-hide_banner -nostdin -v error -y {arguments}"))
    }

    /// Runs any program likewise.
    pub(crate) fn run(&self, program: &str, arguments: &str) -> Vec<u8> {
        let output = Command::new(program)
            .args(arguments.split_whitespace())
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program} does not start ({error}): run scripts/setup"));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments}: {complaint}");
        output.stdout
    }

    /// What ffmpeg makes of a file, as interleaved floats; `how` goes in front of it, to choose a decoder.
    pub(crate) fn reference(&self, how: &str, name: &str) -> Vec<f32> {
        let bytes = self.ffmpeg(&format!("{how} -i {name} -map 0:a:0 -c:a pcm_f32le -f f32le -"));
        bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    /// What we make of it.
    pub(crate) fn decode(&self, name: &str, hint: Option<&str>) -> Result<Decoded, AudioError> {
        let decode::Opened { container, codec, mut source } = decode::open(&self.path(name), hint)?;
        let (mut samples, mut block) = (Vec::new(), AudioBlock::default());
        while source.next_block(&mut block)? {
            samples.extend_from_slice(&block.samples);
        }
        Ok(Decoded { container, codec, spec: source.spec(), samples, truncated: source.is_truncated() })
    }
}

/// Noise that is the same every time, in −1.0..1.0.
pub(crate) fn noise(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

/// Chords, a sweep through the whole band and a little noise, different on either side.
fn music(frames: usize) -> Vec<f32> {
    let mut hiss = noise(1);
    let mut phase = 0f64;
    (0..frames)
        .flat_map(|n| {
            let time = n as f64 / 44_100.0;
            phase += (40.0 + 15_000.0 * n as f64 / frames as f64) / 44_100.0;
            let tone = |hz: f64| (time * hz * std::f64::consts::TAU).sin();
            let sweep = (phase * std::f64::consts::TAU).sin();
            let left = 0.2 * tone(261.6) + 0.15 * tone(329.6) + 0.2 * sweep;
            let right = 0.25 * tone(392.0) + 0.1 * tone(1_046.5) - 0.1 * sweep;
            [left as f32 + 0.02 * hiss(), right as f32 + 0.02 * hiss()]
        })
        .collect()
}

/// Syllables: a buzz with a falling pitch that swells and fades, and pauses with a little noise.
pub(crate) fn voice(rate_hz: u32, frames: usize) -> Vec<f32> {
    let mut hiss = noise(2);
    let mut phase = 0f64;
    (0..frames)
        .map(|n| {
            let time = n as f64 / f64::from(rate_hz);
            let syllable = (time * 3.0).fract();
            let loud = (syllable * std::f64::consts::PI).sin().powi(2) * if time.fract() < 0.8 { 1.0 } else { 0.0 };
            phase += (180.0 - 60.0 * syllable) / f64::from(rate_hz);
            let buzz: f64 = (1..12).map(|k| (phase * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k)).sum();
            (0.35 * loud * buzz) as f32 + 0.003 * hiss()
        })
        .collect()
}
