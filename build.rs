//! Links the GSM 06.10 codec, the one C library that no crate builds for us.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-lib=dylib=gsm");
}
