//! `journal verify`: proves that nothing was changed or removed.

use std::path::Path;

use gateway::attachments::Attachments;
use gateway::journal::Hash;
use gateway::store::{RecordsReader, Verified, VerifyError};

use super::WRONG;

/// Follows the journal of a data folder, beside a gateway that may be running; `kept` is a head that was kept elsewhere.
pub fn verify(data: &Path, kept: Option<Hash>) -> u8 {
    match verified(data, kept) {
        Ok(verified) => {
            println!("{}", said(&verified));
            0
        }
        Err(reason) => {
            eprintln!("facility-gateway: {reason}");
            WRONG
        }
    }
}

fn verified(data: &Path, kept: Option<Hash>) -> Result<Verified, String> {
    let file = data.join("records.db");
    if !file.is_file() {
        return Err(format!(
            "{}: there is no such file: give the gateway's data folder with --data",
            file.display()
        ));
    }
    let reader = RecordsReader::open(data).map_err(|error| error.to_string())?;
    let verified = reader.verify_journal(kept).map_err(|error| match error {
        VerifyError::Broken(broken) => format!("the journal does not hold: {broken}"),
        VerifyError::Store(error) => format!("the journal cannot be read: {error}"),
    })?;
    let attachments = Attachments::of(data);
    for file in &verified.files {
        let hash: Hash = file.sha256.parse()?;
        attachments
            .read(hash)
            .map_err(|error| format!("the file {} of {}: {error}", file.name, file.of))?;
    }
    Ok(verified)
}

fn said(verified: &Verified) -> String {
    let head = verified.head;
    let mut said = format!(
        "the journal holds: {} records, {} tickets, {} files; head {}",
        head.records,
        verified.tickets,
        verified.files.len(),
        head.hash
    );
    if let Some(number) = verified.kept_at {
        let since = head.records - number;
        said.push_str(&format!(
            "\nthe head that was kept is record {number}; {since} came after it"
        ));
    }
    said
}
