//! The files of a site, read once: from a folder, from the binary, or from a test's literals.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::encoding;
use crate::{Fault, Place, bundled};

/// The largest file that is read, in bytes: a point table of fifty thousand devices is smaller.
const LARGEST_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The most files that are read of one kind.
const MOST_FILES: usize = 1_000;

/// The files that stand at the top of a site's folder.
const SINGLE_FILES: [&str; 6] = [
    "gateway.toml",
    "devices.csv",
    "devices.xlsx",
    "standard.toml",
    "roster.csv",
    "planned.toml",
];

/// The folders inside it, and what their files' names end with.
const INNER_FOLDERS: [(&str, &str); 3] = [
    ("profiles", ".toml"),
    ("rules", ".rhai"),
    ("rules/procedures", ".md"),
];

/// The files of a site, read once: so that a site can come from a folder, from the binary or from a test's literals.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    files: BTreeMap<String, Content>,
    /// Where it was read from; `token_file` and its like are relative to it.
    root: Option<PathBuf>,
}

#[derive(Clone, Debug)]
enum Content {
    Bytes(Vec<u8>),
    /// It is there but could not be read, and why: one more mistake to tell beside the others.
    Unreadable(String),
}

impl Folder {
    /// A folder of texts by relative path.
    pub fn of_texts<'text>(files: impl IntoIterator<Item = (&'text str, &'text str)>) -> Self {
        Self::of_bytes(files.into_iter().map(|(path, text)| (path, text.as_bytes())))
    }

    /// A folder of files by relative path, in whatever encoding they are.
    pub fn of_bytes<'bytes>(files: impl IntoIterator<Item = (&'bytes str, &'bytes [u8])>) -> Self {
        let files = files
            .into_iter()
            .map(|(path, bytes)| (path.to_owned(), Content::Bytes(bytes.to_vec())))
            .collect();
        Self { files, root: None }
    }

    /// The demo site's folder, from the binary.
    pub fn demo() -> Self {
        let files = bundled::demo_site();
        Self::of_texts(files.iter().map(|file| (file.path.as_str(), file.text.as_str())))
    }

    /// Reads a site's folder from disk: the files that a site can have, and no others. A file that can't be read is told
    /// by [`crate::load`], as the other mistakes are; so is one that is missing.
    ///
    /// # Errors
    /// There is no such folder, or it can't be opened; the error names it.
    pub fn read(root: &Path) -> io::Result<Self> {
        std::fs::read_dir(root).map_err(|error| naming(root, &error))?;
        let mut files = BTreeMap::new();
        for name in SINGLE_FILES {
            if let Some(content) = read_file(&root.join(name)) {
                files.insert(name.to_owned(), content);
            }
        }
        for (inner, ending) in INNER_FOLDERS {
            for name in names_in(&root.join(inner), ending)? {
                if let Some(content) = read_file(&root.join(inner).join(&name)) {
                    files.insert(format!("{inner}/{name}"), content);
                }
            }
        }
        Ok(Self {
            files,
            root: Some(root.to_owned()),
        })
    }

    /// Where it was read from; `None` when it was not read from disk. Paths of secrets' files in it are relative to that.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The files' paths relative to the folder, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// A file's text, without a byte-order mark; `None` when it is missing or not UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.files.get(path)? {
            Content::Bytes(bytes) => encoding::utf8(bytes).ok(),
            Content::Unreadable(_) => None,
        }
    }

    /// Replaces one file's text, or adds the file.
    pub fn set_text(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.files
            .insert(path.into(), Content::Bytes(text.into().into_bytes()));
    }

    /// Writes every file below `directory`, which is made if it is missing; other files in it stay.
    ///
    /// # Errors
    /// A file can't be written, or was not readable to begin with; the error names it.
    pub fn write_to(&self, directory: &Path) -> io::Result<()> {
        for (path, content) in &self.files {
            let target = directory.join(path);
            let inside = Path::new(path)
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
            let bytes = match content {
                Content::Bytes(bytes) if inside => bytes,
                Content::Bytes(_) => return Err(naming(&target, &io::ErrorKind::InvalidInput.into())),
                Content::Unreadable(why) => return Err(io::Error::other(format!("{path}: {why}"))),
            };
            let parent = target.parent().unwrap_or(directory);
            std::fs::create_dir_all(parent).map_err(|error| naming(parent, &error))?;
            std::fs::write(&target, bytes).map_err(|error| naming(&target, &error))?;
        }
        Ok(())
    }

    /// A file's text for loading: `Ok(None)` when it is missing.
    ///
    /// # Errors
    /// It can't be read or is not UTF-8.
    pub(super) fn text_or_fault(&self, path: &str) -> Result<Option<&str>, Fault> {
        let Some(bytes) = self.bytes_or_fault(path)? else {
            return Ok(None);
        };
        encoding::utf8(bytes).map(Some).map_err(|refused| {
            Fault::new(
                Place::of_offset(path, &refused.readable, refused.readable.len()),
                refused.advice,
            )
        })
    }

    /// A file's bytes for loading: `Ok(None)` when it is missing.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn bytes_or_fault(&self, path: &str) -> Result<Option<&[u8]>, Fault> {
        match self.files.get(path) {
            None => Ok(None),
            Some(Content::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Content::Unreadable(why)) => Err(Fault::new(Place::new(path, 1, 1), why)),
        }
    }

    /// Whether there is such a file, readable or not.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The paths of the files directly inside one of the inner folders.
    pub(super) fn inside<'folder>(
        &'folder self,
        inner: &'folder str,
        ending: &'folder str,
    ) -> impl Iterator<Item = &'folder str> {
        self.paths().filter(move |path| {
            let name = path.strip_prefix(inner).and_then(|rest| rest.strip_prefix('/'));
            name.is_some_and(|name| !name.contains('/') && name.ends_with(ending))
        })
    }

    /// The text of a secret's file, which may stand anywhere; a relative path starts at the site's folder.
    ///
    /// # Errors
    /// Why it can't be read. The text never holds what stands in the file.
    pub(super) fn secret(&self, path: &str) -> Result<Cow<'_, str>, String> {
        if let Some(text) = self.text(path) {
            return Ok(Cow::Borrowed(text.trim_end_matches(['\n', '\r'])));
        }
        let full = self.root.as_deref().unwrap_or(Path::new("")).join(path);
        let bytes = match read_file(&full) {
            None => return Err(format!("there is no file `{}`", full.display())),
            Some(Content::Unreadable(why)) => return Err(format!("`{}`: {why}", full.display())),
            Some(Content::Bytes(bytes)) => bytes,
        };
        let text = String::from_utf8(bytes).map_err(|_| format!("`{}` is not UTF-8", full.display()))?;
        Ok(Cow::Owned(text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

/// What stands in a file; `None` when there is none.
fn read_file(path: &Path) -> Option<Content> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| {
        // A pipe or a device would keep the reader waiting, so only what is a file is read.
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        file.take(LARGEST_FILE_BYTES + 1).read_to_end(&mut bytes)
    });
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Content::Unreadable(format!("this file can't be read: {error}"))),
        Ok(_) if bytes.len() as u64 > LARGEST_FILE_BYTES => {
            let megabytes = LARGEST_FILE_BYTES / 1024 / 1024;
            Some(Content::Unreadable(format!(
                "this file is larger than {megabytes} MiB, the most that is read"
            )))
        }
        Ok(_) => Some(Content::Bytes(bytes)),
    }
}

/// The names in a folder that end so, in their order; none when there is no such folder.
fn names_in(folder: &Path, ending: &str) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| naming(folder, &error))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| naming(folder, &error))?;
        if let Some(name) = entry.file_name().to_str().filter(|name| name.ends_with(ending)) {
            names.push(name.to_owned());
        }
        if names.len() > MOST_FILES {
            return Err(io::Error::other(format!(
                "{}: more than {MOST_FILES} files",
                folder.display()
            )));
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_written_reads_back_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let files = [
            ("gateway.toml", "listen = \"127.0.0.1:0\"\n"),
            ("profiles/pump.toml", "class = \"pump\"\n"),
            ("rules/own.rhai", "// none\n"),
            ("rules/procedures/own.md", "# 步骤\n"),
        ];
        let mut folder = Folder::of_texts(files);
        folder.set_text("devices.csv", "id\n");
        folder.write_to(&directory.path().join("new/site")).unwrap();
        std::fs::write(directory.path().join("new/site/notes.txt"), "not the site's").unwrap();

        let read = Folder::read(&directory.path().join("new/site")).unwrap();
        assert_eq!(
            read.paths().collect::<Vec<_>>(),
            folder.paths().collect::<Vec<_>>()
        );
        for path in folder.paths() {
            assert_eq!(read.text(path), folder.text(path));
        }
        assert_eq!(
            read.inside("rules", ".rhai").collect::<Vec<_>>(),
            ["rules/own.rhai"]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Folder::read(Path::new("/no/such/site")).unwrap_err();
        assert!(error.to_string().starts_with("/no/such/site: "), "{error}");
    }

    #[test]
    fn a_file_that_is_too_large_is_told_and_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("devices.csv")).unwrap();
        file.set_len(LARGEST_FILE_BYTES + 1).unwrap();
        let fault = Folder::read(directory.path())
            .unwrap()
            .text_or_fault("devices.csv")
            .unwrap_err();
        assert_eq!(
            fault.to_string(),
            "devices.csv:1:1: this file is larger than 8 MiB, the most that is read"
        );
    }

    #[test]
    fn nothing_is_written_outside_the_folder() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::of_texts([("../outside.toml", "")]);
        assert!(folder.write_to(&directory.path().join("site")).is_err());
        assert!(!directory.path().join("outside.toml").exists());
    }

    #[test]
    fn a_secrets_file_is_read_from_the_sites_folder_without_its_last_newline() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("influx.token"), "0123\n").unwrap();
        let folder = Folder::read(directory.path()).unwrap();
        assert_eq!(folder.secret("influx.token").as_deref(), Ok("0123"));
        assert!(folder.secret("other.token").unwrap_err().contains("other.token"));
    }
}
