//! `voicemill doctor`: is this machine fit, and what would stop the service?

mod files;
mod store;

use std::io::Write;

use clap::Args;
use voicemill_audio::{
    encode::OutputFormat,
    format::AudioError,
    sandbox::{Confinement, Held},
    spec::{ChannelLayout, OutputSpec, RenderSpec, SourceSpec, Span},
};
use voicemill_speech::synthesize::{VoiceId, find};
use voicemill_types::clock::Clock;

use crate::{app::App, config::Config};

/// Options of `voicemill doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Tell how store and spool stand, and what comparing store and database found, in place of everything else.
    #[arg(long)]
    pub store: bool,
    /// Compare store and database now, all of it; orphans of more than a day are adopted or removed.
    #[arg(long, requires = "store")]
    pub sweep: bool,
}

/// Tries everything the service needs; false when something is missing.
pub async fn run(config: Config, args: DoctorArgs) -> anyhow::Result<bool> {
    let mut findings = Findings::default();
    findings.good(
        "configuration",
        format!("listens on {}, links begin with {}", config.http.listen, config.http.public_url),
    );
    let app = match App::new(config, Clock::system(), std::env::current_exe()?).await {
        Ok(app) => app,
        Err(error) => {
            findings.bad("service", format!("{error:#}"));
            return findings.print();
        }
    };
    match app.database.server().await {
        Ok(server) if server.warnings.is_empty() => findings.good("database", server.version),
        Ok(server) => findings.bad("database", format!("{}; {}", server.version, server.warnings.join("; "))),
        Err(error) => findings.bad("database", error.to_string()),
    }
    match app.store.list("", 1).await {
        Ok(_) => findings.good("store", place(&app)),
        Err(error) => {
            findings.bad("store", format!("{} cannot be used: {:#}", place(&app), anyhow::Error::new(error)));
        }
    }
    files::check(&app.config, &mut findings);
    if args.store {
        store::check(&app, args.sweep, &mut findings).await?;
        return findings.print();
    }
    match app.queue.stats().await {
        Ok(stats) => {
            let unfinished: u64 = stats.iter().map(|stat| stat.count).sum();
            findings.good("queue", format!("{unfinished} unfinished jobs"));
        }
        Err(error) => findings.bad("queue", error.to_string()),
    }
    match render(&app).await {
        Ok(confinement) => {
            findings.good("audio", "a second of silence was rendered in the sandbox");
            findings.good("sandbox", sandbox(&confinement.unwrap_or_default()));
        }
        Err(error) => findings.bad("audio", error.to_string()),
    }
    match app.transcribers.for_language(None).await {
        Ok(engine) => {
            let info = engine.engine();
            findings.good("transcription", format!("{} with {} on {}", info.engine, info.model, info.cpu));
        }
        Err(error) => findings.bad("transcription", error.to_string()),
    }
    let voices = app.synthesizer.voices();
    let names: Vec<&str> = voices.iter().filter(|voice| voice.ready).map(|voice| voice.id.as_str()).collect();
    match find(&voices, &VoiceId::new(app.config.speech.voice.clone())) {
        Ok(voice) if voice.ready => findings.good("voices", names.join(", ")),
        Ok(voice) => findings.bad("voices", format!("{} needs `voicemill models fetch {}`", voice.id, voice.model)),
        Err(error) => findings.bad("voices", error.to_string()),
    }
    match &app.config.smtp {
        Some(smtp) => findings.good("mail", format!("leaves through {}", smtp.host)),
        None => findings.good("mail", "goes to the outbox folder; set [smtp] to send it"),
    }
    findings.print()
}

fn place(app: &App) -> String {
    match &app.config.storage.s3 {
        Some(s3) => format!("the bucket {}", s3.bucket),
        None => format!("the folder {}", app.config.storage.folder.join("store").display()),
    }
}

/// What holds a decoder, and what of it this kernel does not have.
fn sandbox(confinement: &Confinement) -> String {
    let Confinement { no_new_privileges, files, system_calls } = *confinement;
    let told = |held: Held, what: &str, by: &str| match held {
        Held::Fully => format!("{what} ({by})"),
        Held::Partly => format!("{what}, but for what this kernel's {by} is too old to hold"),
        Held::Not => format!("NOT HELD: {what} (this kernel has no {by})"),
    };
    [
        told(files, "no files but its own", "landlock"),
        told(system_calls, "no sockets and no programs", "seccomp"),
        if no_new_privileges { "no new privileges".into() } else { "NOT HELD: no new privileges".into() },
    ]
    .join("; ")
}

async fn render(app: &App) -> Result<Option<Confinement>, AudioError> {
    let scratch = app.scratch().map_err(AudioError::io("make a scratch folder"))?;
    let path = scratch.path().join("silence.sln");
    std::fs::write(&path, [0; 16_000]).map_err(AudioError::io("write a scratch file"))?;
    let source = SourceSpec { path, hint: Some("sln".to_owned()), role: None };
    let spec = RenderSpec {
        outputs: vec![OutputSpec {
            name: "silence".to_owned(),
            path: scratch.path().join("silence.wav"),
            format: OutputFormat::Wav,
            rate_hz: 8_000,
            channels: ChannelLayout::Mono,
            span: Span::Full,
            as_recorded: false,
            through: None,
        }],
        ..RenderSpec::of(vec![source])
    };
    app.sandbox.render(&spec, std::time::Duration::from_secs(20)).await.map(|report| report.confinement)
}

#[derive(Default)]
struct Findings(Vec<(bool, &'static str, String)>);

impl Findings {
    fn good(&mut self, what: &'static str, finding: impl Into<String>) {
        self.0.push((true, what, finding.into()));
    }

    fn bad(&mut self, what: &'static str, finding: impl Into<String>) {
        self.0.push((false, what, finding.into()));
    }

    fn print(&self) -> anyhow::Result<bool> {
        let mut output = std::io::stdout().lock();
        for (good, what, finding) in &self.0 {
            writeln!(output, "{} {what:14} {finding}", if *good { "✓" } else { "✗" })?;
        }
        Ok(self.0.iter().all(|(good, ..)| *good))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctor_says_what_holds_a_decoder_and_what_does_not() {
        let whole = Confinement { no_new_privileges: true, files: Held::Fully, system_calls: Held::Fully };
        assert_eq!(
            sandbox(&whole),
            "no files but its own (landlock); no sockets and no programs (seccomp); no new privileges"
        );
        let old = Confinement { files: Held::Not, ..whole };
        assert!(sandbox(&old).starts_with("NOT HELD: no files but its own (this kernel has no landlock); "));
    }
}
