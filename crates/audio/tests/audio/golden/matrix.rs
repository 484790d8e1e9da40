//! A table of files and what must come of them.

use crate::workshop::{Decoded, Workshop};

/// How near the reference must be.
#[derive(Clone, Copy, Debug)]
enum Nearness {
    /// Every sample the same.
    Exact,
    /// So many dB of signal for one of difference.
    Db(f64),
    /// As near as lossy formats must be as far as it goes, and at least so many frames but not all.
    StartOf(usize),
}

/// One row.
pub(crate) struct Case {
    file: &'static str,
    made: Made,
    patch: Option<fn(&mut Vec<u8>)>,
    hint: Option<&'static str>,
    reference_how: &'static str,
    reference_of: Vec<&'static str>,
    codec: &'static str,
    rate_hz: u32,
    channels: u16,
    nearness: Nearness,
    frames: Option<usize>,
    reference_skip: usize,
    truncated: bool,
}

enum Made {
    /// By ffmpeg, whose last argument is the file.
    Ffmpeg(&'static str),
    /// By sox, likewise.
    Sox(&'static str),
    /// By putting the bytes of other files behind each other.
    Joined(&'static [&'static str]),
}

impl Case {
    fn new(file: &'static str, made: Made) -> Self {
        Self {
            file,
            made,
            patch: None,
            hint: None,
            reference_how: "",
            reference_of: vec![file],
            codec: "",
            rate_hz: 44_100,
            channels: 2,
            nearness: Nearness::Exact,
            frames: None,
            reference_skip: 0,
            truncated: false,
        }
    }

    pub(crate) fn ffmpeg(file: &'static str, arguments: &'static str) -> Self {
        Self::new(file, Made::Ffmpeg(arguments))
    }

    pub(crate) fn sox(file: &'static str, arguments: &'static str) -> Self {
        Self::new(file, Made::Sox(arguments))
    }

    pub(crate) fn joined(file: &'static str, parts: &'static [&'static str]) -> Self {
        Self { reference_of: parts.to_vec(), ..Self::new(file, Made::Joined(parts)) }
    }

    /// It must be known as `codec`, with this rate and number of channels.
    pub(crate) fn is(self, codec: &'static str, rate_hz: u32, channels: u16) -> Self {
        Self { codec, rate_hz, channels, ..self }
    }

    /// Changed by hand after the reference was taken.
    pub(crate) fn patched(self, patch: fn(&mut Vec<u8>)) -> Self {
        Self { patch: Some(patch), ..self }
    }

    /// Known only by its name.
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Arguments that tell ffmpeg how to read it.
    pub(crate) fn read_by(self, reference_how: &'static str) -> Self {
        Self { reference_how, ..self }
    }

    /// Compared with ffmpeg's reading of these, one behind the other.
    pub(crate) fn like(self, reference_of: &[&'static str]) -> Self {
        Self { reference_of: reference_of.to_vec(), ..self }
    }

    pub(crate) fn within_db(self, db: f64) -> Self {
        Self { nearness: Nearness::Db(db), ..self }
    }

    pub(crate) fn start_of_at_least(self, frames: usize) -> Self {
        Self { nearness: Nearness::StartOf(frames), ..self }
    }

    /// So many frames exactly, where ffmpeg gives out padding.
    pub(crate) fn frames(self, frames: usize) -> Self {
        Self { frames: Some(frames), ..self }
    }

    /// So many frames at the start, which ffmpeg gives out, are priming.
    pub(crate) fn after_priming(self, frames: usize) -> Self {
        Self { reference_skip: frames, ..self }
    }

    pub(crate) fn truncated(self) -> Self {
        Self { truncated: true, ..self }
    }

    fn check(&self, workshop: &Workshop) -> Result<String, String> {
        match self.made {
            Made::Ffmpeg(arguments) => drop(workshop.ffmpeg(&format!("{arguments} {}", self.file))),
            Made::Sox(arguments) => drop(workshop.run("sox", &format!("-D {arguments}").replace("{}", self.file))),
            Made::Joined(parts) => {
                workshop.write(self.file, &parts.iter().flat_map(|part| workshop.read(part)).collect::<Vec<_>>());
            }
        }
        let reference: Vec<f32> =
            self.reference_of.iter().flat_map(|name| workshop.reference(self.reference_how, name)).collect();
        if let Some(patch) = self.patch {
            let mut bytes = workshop.read(self.file);
            patch(&mut bytes);
            workshop.write(self.file, &bytes);
        }
        let decoded = workshop.decode(self.file, self.hint).map_err(|error| format!("refused: {error}"))?;
        self.compare(&decoded, &reference[self.reference_skip * usize::from(self.channels)..])
    }

    fn compare(&self, decoded: &Decoded, reference: &[f32]) -> Result<String, String> {
        let found = (decoded.codec.as_str(), decoded.spec.rate_hz, decoded.spec.channels);
        if found != (self.codec, self.rate_hz, self.channels) {
            return Err(format!("taken for {found:?} in {}", decoded.container));
        }
        let channels = usize::from(self.channels);
        let (ours, theirs) = (decoded.samples.len() / channels, reference.len() / channels);
        let common = decoded.samples.len().min(reference.len());
        let snr_db = snr_db(&decoded.samples[..common], &reference[..common]);
        let account = || {
            let shift = best_shift(&decoded.samples, reference, channels);
            format!("{ours} frames of {theirs}, {snr_db:.1} dB, best shifted by {shift}, cut: {}", decoded.truncated)
        };
        let near = match self.nearness {
            Nearness::Exact => snr_db == f64::INFINITY,
            Nearness::Db(wanted) => snr_db >= wanted,
            Nearness::StartOf(least) => snr_db >= 100.0 && (least..theirs).contains(&ours),
        };
        let length = matches!(self.nearness, Nearness::StartOf(_)) || ours == self.frames.unwrap_or(theirs);
        let silent = decoded.samples.iter().all(|sample| *sample == 0.0);
        if !near || !length || silent || decoded.truncated != self.truncated {
            return Err(account());
        }
        Ok(if snr_db == f64::INFINITY { "exact".into() } else { format!("{snr_db:.1} dB") })
    }
}

/// Checks every row, and only then fails, so that one run tells all.
pub(crate) fn check(workshop: &Workshop, cases: &[Case]) {
    let mut failures = Vec::new();
    for case in cases {
        match case.check(workshop) {
            Ok(nearness) => println!("{:<28} {:<14} {nearness}", case.file, case.codec),
            Err(what) => failures.push(format!("{}: {what}", case.file)),
        }
    }
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// Signal to difference in dB; infinite where there is none.
pub(crate) fn snr_db(samples: &[f32], reference: &[f32]) -> f64 {
    let (mut signal, mut difference) = (0f64, 0f64);
    for (ours, theirs) in samples.iter().zip(reference) {
        signal += f64::from(*theirs).powi(2);
        difference += (f64::from(*ours) - f64::from(*theirs)).powi(2);
    }
    if difference == 0.0 { f64::INFINITY } else { 10.0 * (signal / difference).log10() }
}

/// Frames by which our samples come too late, judged by a stretch in the middle; only to explain a failure.
fn best_shift(samples: &[f32], reference: &[f32], channels: usize) -> i64 {
    let mono = |samples: &[f32]| samples.iter().step_by(channels).copied().collect::<Vec<_>>();
    let (ours, theirs) = (mono(samples), mono(reference));
    let (from, length) = (theirs.len() / 2, 2_048.min(theirs.len() / 4));
    let distance = |shift: i64| {
        let start = usize::try_from(from as i64 + shift).ok()?;
        let part = ours.get(start..start + length)?;
        Some(part.iter().zip(&theirs[from..]).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>())
    };
    let shifts = (-4_000..=4_000).filter_map(|shift| Some((shift, distance(shift)?)));
    shifts.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(shift, _)| shift)
}
