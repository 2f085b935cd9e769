//! Rebuilds the crate when a shipped rule or procedure is added, changed or removed: they are embedded.

fn main() {
    println!("cargo::rerun-if-changed=standard");
}
