//! The files that people attach to tickets: each under its own hash, so that a changed one shows.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::journal::Hash;
use crate::telemetry::Room;

/// The largest file that is taken, in bytes: a long test report, or a photo of any phone.
pub const LARGEST_BYTES: usize = 20 * 1024 * 1024;

/// The folder of attached files.
#[derive(Clone, Debug)]
pub struct Attachments {
    folder: PathBuf,
}

/// Why a file cannot be given back.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// It cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what was attached.
    #[error("{path}: this is not the file that was attached: its bytes have another hash; look for it in a backup", path = path.display())]
    Changed {
        /// Which.
        path: PathBuf,
    },
}

impl Attachments {
    /// The attached files of a data folder.
    pub fn of(data: &Path) -> Self {
        Self {
            folder: data.join("attachments"),
        }
    }

    /// Keeps a file; it is on the disk when this returns. The same bytes are kept once.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, bytes: &[u8]) -> Result<Hash, AttachmentError> {
        let hash = Hash::of(bytes);
        let path = self.path(hash);
        self.write(&path, bytes)
            .map(|()| hash)
            .map_err(|source| AttachmentError::Io { path, source })
    }

    /// A kept file's bytes, which are what was attached.
    ///
    /// # Errors
    /// It cannot be read, or was changed.
    pub fn read(&self, hash: Hash) -> Result<Vec<u8>, AttachmentError> {
        let path = self.path(hash);
        match std::fs::read(&path) {
            Ok(bytes) if Hash::of(&bytes) == hash => Ok(bytes),
            Ok(_) => Err(AttachmentError::Changed { path }),
            Err(source) => Err(AttachmentError::Io { path, source }),
        }
    }

    fn path(&self, hash: Hash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    /// Writes beside it first and renames, so that a name never stands for half a file.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        // The last of a disk is for the tickets themselves: a few photos would fill it.
        if let Some(reason) = Room::new(&self.folder).too_little(|| 0) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, reason));
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attached_file_is_given_back_and_a_changed_one_is_not() {
        let data = tempfile::tempdir().unwrap();
        let attachments = Attachments::of(data.path());
        let hash = attachments.keep("检测报告".as_bytes()).unwrap();
        assert_eq!(attachments.keep("检测报告".as_bytes()).unwrap(), hash);
        assert_eq!(attachments.read(hash).unwrap(), "检测报告".as_bytes());
        std::fs::write(data.path().join("attachments").join(hash.to_string()), "forged").unwrap();
        assert!(matches!(
            attachments.read(hash),
            Err(AttachmentError::Changed { .. })
        ));
        assert!(matches!(
            attachments.read(Hash::default()),
            Err(AttachmentError::Io { .. })
        ));
    }
}
