//! `probe`: reads what an undocumented device has, says what it may mean, and writes a profile to start from.

use std::path::PathBuf;
use std::time::Duration;

use drivers::probe::{Asked, Found, guesses, probe, profile};
use model::{Link, RegisterTable, Secret, Tls};

use super::WRONG;

/// Meanings of one register that are shown; the others are hardly plausible.
const MOST_SHOWN: usize = 5;

/// Which device, how to ask it, and where the profile goes.
pub struct Wanted {
    /// The link's URL.
    pub url: String,
    /// The unit behind it.
    pub unit: u8,
    /// The first register.
    pub from: u16,
    /// The last.
    pub to: u16,
    /// How long one answer may take.
    pub timeout: Duration,
    /// The files of a link inside TLS.
    pub tls: TlsFiles,
    /// The file for the profile.
    pub out: Option<PathBuf>,
}

/// Files in PEM, for a link inside TLS.
#[derive(Default)]
pub struct TlsFiles {
    /// Whom to trust.
    pub ca: Option<PathBuf>,
    /// Our own certificate.
    pub cert: Option<PathBuf>,
    /// The key to it.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// What stands in them; what it is worth is seen when it is used.
    fn read(&self, link: &Link) -> Result<Tls, String> {
        let text = |path: &Option<PathBuf>| {
            let read = |path: &PathBuf| {
                std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
            };
            path.as_ref().map(read).transpose()
        };
        let tls = Tls {
            authorities: text(&self.ca)?,
            certificate: text(&self.cert)?,
            key: text(&self.key)?.map(Secret::new),
        };
        if tls != Tls::default() && !link.is_tls() {
            return Err("--ca, --cert and --key are for a `modbus+tls://` link only".to_owned());
        }
        Ok(tls)
    }
}

/// Probes; the result goes to standard output.
pub async fn run(wanted: Wanted) -> u8 {
    match try_run(wanted).await {
        Ok(()) => 0,
        Err(reason) => {
            eprintln!("facility-gateway: {reason}");
            WRONG
        }
    }
}

async fn try_run(wanted: Wanted) -> Result<(), String> {
    if wanted.from > wanted.to {
        return Err(format!("--from {} is behind --to {}", wanted.from, wanted.to));
    }
    let link = Link::parse(&wanted.url)?;
    let shown = link.to_string();
    let asked = Asked {
        tls: wanted.tls.read(&link)?,
        link,
        unit: wanted.unit,
        from: wanted.from,
        to: wanted.to,
        timeout: wanted.timeout,
        pause: Duration::from_millis(10),
    };
    let found = probe(&asked).await.map_err(|error| error.to_string())?;
    print!("{}", report(&found));
    let Some(out) = wanted.out else {
        return Ok(());
    };
    let text = profile(&found, &shown, wanted.unit);
    std::fs::write(&out, text).map_err(|error| format!("{}: {error}", out.display()))?;
    println!(
        "\nA profile to start from is in {} (已写入初始设备模板)",
        out.display()
    );
    Ok(())
}

/// What was found, a line a register.
fn report(found: &Found) -> String {
    let mut lines = Vec::new();
    for (table, in_table) in &found.tables {
        let count = in_table.values.len();
        lines.push(match (count, in_table.refused) {
            (0, Some(code)) => format!("{}: refused with exception {code}", table.name()),
            (0, None) => format!("{}: nothing", table.name()),
            _ => format!("{}: {count}", table.name()),
        });
        for (number, word) in &in_table.values {
            lines.push(line(*table, *number, *word, found));
        }
    }
    lines.push(format!("{} requests", found.requests));
    if found.is_cut_short {
        lines.push(
            "Not everything was asked for: give a narrower --from and --to (未全部读取,请缩小范围)"
                .to_owned(),
        );
    }
    lines.push(String::new());
    lines.join("\n")
}

fn line(table: RegisterTable, number: u16, word: u16, found: &Found) -> String {
    if table.is_bits() {
        return format!("  {number:>5}  {word}");
    }
    let values = found.tables.get(&table).map(|found| &found.values);
    let guesses = values.map(|values| guesses(values, number)).unwrap_or_default();
    let shown: Vec<String> = guesses
        .iter()
        .take(MOST_SHOWN)
        .map(|guess| format!("{} ({} %)", guess.line(), guess.likely))
        .collect();
    format!("  {number:>5}  0x{word:04x}  {}", shown.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_read_for_a_link_inside_tls_and_refused_for_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            ca: Some(folder.path().join("ca.pem")),
            ..TlsFiles::default()
        };
        let inside = Link::parse("modbus+tls://h").unwrap();
        let missing = files.read(&inside).unwrap_err();
        assert!(missing.contains("ca.pem"), "{missing}");
        std::fs::write(folder.path().join("ca.pem"), "an authority").unwrap();
        assert_eq!(
            files.read(&inside).unwrap().authorities.as_deref(),
            Some("an authority")
        );
        let plain = Link::parse("modbus+tcp://h").unwrap();
        assert!(files.read(&plain).unwrap_err().contains("modbus+tls://"));
        assert_eq!(TlsFiles::default().read(&plain), Ok(Tls::default()));
    }
}
