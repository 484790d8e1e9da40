//! Links the C libraries that no crate builds for us: GSM 06.10, and LAME, which as an LGPL library stays a shared one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-lib=dylib=gsm");
    println!("cargo::rustc-link-lib=dylib=mp3lame");
}
