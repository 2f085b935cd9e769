//! `rules test` and `rules replay`: rules on written samples, and on recorded ones.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::rules::{CaseFiles, Compared, Rules, shipped_cases};
use clap::{Subcommand, ValueEnum};
use gateway::replay::{Happening, What, replay};
use gateway::store::HistoryReader;
use gateway::view::rfc3339;
use jiff::Timestamp;
use model::{Fault, Site, Text};

use super::{NOT_STARTED, WRONG, site};

/// What is done with rules.
#[derive(Subcommand)]
pub enum RulesCommand {
    /// Runs the cases that come with the gateway, and those in the site's `rules/cases`: written samples, and what rules must say of them.
    Test {
        /// The site's folder.
        #[arg(long, value_name = "DIR")]
        site: PathBuf,
        /// Says every verdict, and not only those that are wrong.
        #[arg(long)]
        all: bool,
        /// In which language; that of the environment (LC_ALL, LANG) unless given.
        #[arg(long, value_name = "LANGUAGE")]
        language: Option<Language>,
    },
    /// Says which alarms the site's rules would have raised on the recorded history; works beside a running gateway.
    Replay {
        /// The site's folder.
        #[arg(long, value_name = "DIR")]
        site: PathBuf,
        /// Its data folder; the folder `data` in the site's unless given.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// From this time on, such as 2026-11-24T08:00:00+08:00.
        #[arg(long, value_name = "T")]
        from: Timestamp,
        /// Up to and without this time.
        #[arg(long, value_name = "T")]
        to: Timestamp,
        /// In which language; that of the environment (LC_ALL, LANG) unless given.
        #[arg(long, value_name = "LANGUAGE")]
        language: Option<Language>,
    },
}

/// A language of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// 中文
    Zh,
    /// English
    En,
}

impl Language {
    /// The one that was asked for, or the environment's.
    fn or_of_environment(asked: Option<Self>) -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let environment = set("LC_ALL").or_else(|| set("LANG")).unwrap_or_default();
        asked.unwrap_or(if environment.starts_with("zh") {
            Self::Zh
        } else {
            Self::En
        })
    }

    fn of<'text>(self, zh: &'text str, en: &'text str) -> &'text str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// Does what was asked.
pub fn run(command: RulesCommand) -> u8 {
    match command {
        RulesCommand::Test { site, all, language } => test(&site, all, Language::or_of_environment(language)),
        RulesCommand::Replay {
            site,
            data,
            from,
            to,
            language,
        } => {
            let data = data.unwrap_or_else(|| site.join("data"));
            replayed(&site, &data, from, to, Language::or_of_environment(language))
        }
    }
}

/// The site and its rules, if nothing is wrong with them.
fn checked(path: &Path) -> Result<(Site, Arc<Rules>), u8> {
    let checked = site::read(path, site::environment()).map_err(|reason| failed(WRONG, &reason))?;
    if checked.faults.is_empty() {
        return Ok((checked.site, Arc::new(checked.rules)));
    }
    site::print_faults(&checked.faults);
    let faults = checked.faults.len();
    Err(failed(
        WRONG,
        &format!("{}: {faults} faults in the site", path.display()),
    ))
}

fn test(path: &Path, all: bool, language: Language) -> u8 {
    let (site, rules) = match checked(path) {
        Ok(checked) => checked,
        Err(code) => return code,
    };
    let own = match own_cases(path) {
        Ok(own) => own,
        Err(reason) => return failed(WRONG, &reason),
    };
    let (mut compared, mut faults): (Vec<Compared>, Vec<Fault>) = (Vec::new(), Vec::new());
    let cases: Vec<CaseFiles> = shipped_cases().into_iter().chain(own).collect();
    for files in &cases {
        match files.read().and_then(|case| case.run(&rules, &site)) {
            Ok(more) => compared.extend(more),
            Err(more) => faults.extend(more),
        }
    }
    let wrong = compared.iter().filter(|one| !one.is_right()).count();
    let mut text = String::new();
    for one in compared.iter().filter(|one| all || !one.is_right()) {
        text += &line(one, language);
    }
    for fault in &faults {
        text += &format!("{fault}\n");
    }
    let (count, verdicts, faulty) = (cases.len(), compared.len(), faults.len());
    text += &match language {
        Language::Zh => format!("{count} 个用例，{verdicts} 个判断：{wrong} 个不符，{faulty} 处用例错误\n"),
        Language::En => {
            format!("{count} cases, {verdicts} verdicts: {wrong} are wrong, {faulty} faults in the cases\n")
        }
    };
    let code = if wrong == 0 && faults.is_empty() { 0 } else { WRONG };
    print(&text, code)
}

fn line(one: &Compared, language: Language) -> String {
    let mark = if one.is_right() {
        "ok"
    } else {
        language.of("不符", "wrong")
    };
    let said = if one.is_right() {
        one.said.to_string()
    } else {
        let (expected, said) = (one.expected, one.said);
        match language {
            Language::Zh => format!("应为 {expected}，实为 {said}"),
            Language::En => format!("expected {expected}, said {said}"),
        }
    };
    let failure = one
        .failure
        .as_ref()
        .map_or(String::new(), |how| format!(" ({how})"));
    format!(
        "{mark:<6} {}  {}  {}  {}s  {said}{failure}\n",
        one.place,
        one.rule,
        one.profile,
        one.after.as_secs()
    )
}

/// The cases in a site's `rules/cases`, in the order of their names.
fn own_cases(path: &Path) -> Result<Vec<CaseFiles>, String> {
    let folder = path.join("rules").join("cases");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", folder.display())),
    };
    let mut cases = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("{}: {error}", folder.display()))?;
        if !entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = |file: &str| {
            let path = entry.path().join(file);
            std::fs::read_to_string(&path).map_err(|error| {
                let path = path.display();
                format!("{path}: {error}: a case has a samples.csv and an expected.csv, in UTF-8")
            })
        };
        cases.push(CaseFiles {
            folder: format!("rules/cases/{name}"),
            samples: text("samples.csv")?,
            expected: text("expected.csv")?,
            name,
            shipped: false,
        });
    }
    cases.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(cases)
}

fn replayed(path: &Path, data: &Path, from: Timestamp, to: Timestamp, language: Language) -> u8 {
    let (site, rules) = match checked(path) {
        Ok(checked) => checked,
        Err(code) => return code,
    };
    if from >= to {
        return failed(WRONG, "--from is not before --to: nothing lies between them");
    }
    let file = data.join("history.db");
    if !file.exists() {
        let file = file.display();
        return failed(
            NOT_STARTED,
            &format!("{file}: there is no history: give the data folder with --data"),
        );
    }
    let happened = HistoryReader::open(&file).and_then(|history| replay(&site, &rules, &history, from, to));
    let happened = match happened {
        Ok(happened) => happened,
        Err(error) => return failed(NOT_STARTED, &error.to_string()),
    };
    let mut text = String::new();
    let (mut raised, mut returned) = (0, 0);
    for one in &happened {
        match one.what {
            What::Raised { .. } => raised += 1,
            What::Returned { .. } => returned += 1,
            What::Broken { .. } => {}
        }
        text += &told(one, &site, language);
    }
    text += &match language {
        Language::Zh => format!("会触发 {raised} 次报警，恢复 {returned} 次\n"),
        Language::En => format!("{raised} alarms would have been raised, {returned} would have returned\n"),
    };
    print(&text, 0)
}

fn told(one: &Happening, site: &Site, language: Language) -> String {
    let summary_of = |summary: &Text| match language {
        Language::Zh => summary.zh.clone(),
        Language::En => summary.en.clone(),
    };
    let since_of = |since: &Timestamp| {
        let since = rfc3339(*since, &site.timezone);
        match language {
            Language::Zh => format!("自 {since}"),
            Language::En => format!("since {since}"),
        }
    };
    let (what, more) = match &one.what {
        What::Raised { since, summary } => {
            let more = format!("{}  {}", since_of(since), summary_of(summary));
            (language.of("触发", "raised"), more)
        }
        What::Returned { since } => (language.of("恢复", "returned"), since_of(since)),
        What::Broken { reason } => (language.of("出错", "broken"), reason.clone()),
    };
    let at = rfc3339(one.at, &site.timezone);
    format!(
        "{at}  {what:<8}  {:<8}  {}  {}  {more}\n",
        one.severity.name(),
        one.device,
        one.rule
    )
}

fn print(text: &str, code: u8) -> u8 {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
        // Whoever read the output has had enough of it.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => code,
        Err(error) => failed(WRONG, &format!("standard output: {error}")),
    }
}

fn failed(code: u8, reason: &str) -> u8 {
    eprintln!("facility-gateway: {reason}");
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Folder;

    fn demo_on_disk() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        Folder::demo().write_to(folder.path()).unwrap();
        folder
    }

    fn tested(folder: &Path) -> u8 {
        test(folder, false, Language::En)
    }

    #[test]
    fn cases_that_come_true_are_0_and_one_that_does_not_is_1() {
        let folder = demo_on_disk();
        assert_eq!(tested(folder.path()), 0, "the shipped cases");
        let case = folder.path().join("rules/cases/tank");
        std::fs::create_dir_all(&case).unwrap();
        std::fs::write(case.join("samples.csv"), "after,tank_level\n0s,19\n").unwrap();
        let expect = |said: &str| {
            let text = format!("after,rule,verdict\n0s,water-tank-level-low,{said}\n");
            std::fs::write(case.join("expected.csv"), text).unwrap();
            tested(folder.path())
        };
        assert_eq!([expect("holds"), expect("clear"), expect("fine")], [0, 1, 1]);
        std::fs::remove_file(case.join("expected.csv")).unwrap();
        assert_eq!(tested(folder.path()), 1, "half a case");
    }

    #[test]
    fn a_rule_that_the_site_replaces_is_not_tested_by_the_shipped_cases() {
        let folder = demo_on_disk();
        let own =
            "rule(\"manhole-gas\", #{ class: \"drainage\", when: |d| d.methane > 10.0, severity: \"low\",
            summary: #{ zh: \"甲烷\", en: \"Methane\" } });";
        std::fs::create_dir_all(folder.path().join("rules")).unwrap();
        std::fs::write(folder.path().join("rules/own.rhai"), own).unwrap();
        assert_eq!(tested(folder.path()), 0);
    }

    #[test]
    fn a_replay_without_a_history_is_3_and_of_no_time_is_1() {
        let folder = demo_on_disk();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (from, to) = (at("2026-11-24T00:00:00Z"), at("2026-11-24T01:00:00Z"));
        let data = folder.path().join("data");
        assert_eq!(replayed(folder.path(), &data, from, to, Language::Zh), 3);
        assert_eq!(replayed(folder.path(), &data, to, from, Language::Zh), 1);
    }
}
