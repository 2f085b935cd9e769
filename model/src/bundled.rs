//! The files that come with the gateway: profiles, the service standard, and the demo site.

use rust_embed::RustEmbed;

/// A file that is part of the binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledFile {
    /// Its path inside its folder (`fire-main.toml`).
    pub path: String,
    /// What it says; bundled files are UTF-8.
    pub text: String,
}

#[derive(RustEmbed)]
#[folder = "profiles"]
struct Profiles;

#[derive(RustEmbed)]
#[folder = "standard"]
struct StandardFiles;

#[derive(RustEmbed)]
#[folder = "demo"]
struct Demo;

/// The bundled profiles, in the order of their names.
pub fn profiles() -> Vec<BundledFile> {
    files::<Profiles>()
}

/// The bundled service standard: `deadlines.toml`, `calendar/2026.toml`, …
pub fn standard() -> Vec<BundledFile> {
    files::<StandardFiles>()
}

/// The demo site's files.
pub fn demo_site() -> Vec<BundledFile> {
    files::<Demo>()
}

fn files<Folder: RustEmbed>() -> Vec<BundledFile> {
    let mut files: Vec<_> = Folder::iter()
        .filter_map(|path| {
            let text = String::from_utf8(Folder::get(&path)?.data.into_owned()).ok()?;
            Some(BundledFile {
                path: path.into_owned(),
                text,
            })
        })
        .collect();
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}
