//! The program that the crate's tests run as a rendering process. It knows nothing else.

fn main() -> std::process::ExitCode {
    voicemill_audio::sandbox::child_main()
}
