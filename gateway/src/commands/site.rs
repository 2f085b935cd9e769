//! Loads a site with everything that checks it: one list of faults, wherever they were found.

use std::path::Path;

use model::{Fault, Folder, Site};
use rules::Rules;

/// A site with all that is wrong with it.
pub struct Checked {
    /// The site's files.
    pub folder: Folder,
    /// The site as far as it is right.
    pub site: Site,
    /// Its rules as far as they are right.
    pub rules: Rules,
    /// All that is wrong, in the order of places.
    pub faults: Vec<Fault>,
}

/// Reads and checks the site in a folder, with the environment's overrides.
///
/// # Errors
/// The folder cannot be read; the text says which and why.
pub fn read(path: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Checked, String> {
    if !path.is_dir() {
        return Err(format!(
            "{}: there is no such folder: give the site's folder with --site",
            path.display()
        ));
    }
    let folder = Folder::read(path).map_err(|error| error.to_string())?;
    Ok(check(folder, environment))
}

/// Checks a site's files.
pub fn check(folder: Folder, environment: impl IntoIterator<Item = (String, String)>) -> Checked {
    let model::Loading { site, mut faults } = model::load(&folder, environment);
    faults.extend(drivers::check(&site));
    let (rules, found) = rules::load(&site);
    faults.extend(found);
    faults.sort();
    faults.dedup();
    Checked {
        folder,
        site,
        rules,
        faults,
    }
}

/// The environment; a variable that is not UTF-8 cannot be one of ours.
pub fn environment() -> Vec<(String, String)> {
    let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(utf8).collect()
}

/// Prints faults, one a line.
pub fn print_faults(faults: &[Fault]) {
    for fault in faults {
        eprintln!("{fault}");
    }
}
