//! What the commands answer: what is wrong with a site and where, and the exit codes that scripts rely on.

use std::path::Path;
use std::time::Duration;

use tests::{Process, Scene, SiteDraft, run_command};

/// Ten kinds of mistake over three kinds of file, each with the line where it stands.
const MISTAKES: [(&str, usize, &str); 10] = [
    ("gateway.toml", 6, "an unknown key"),
    ("gateway.toml", 11, "a duration without its unit"),
    ("devices.csv", 3, "an id that another device has"),
    ("devices.csv", 4, "a profile that is not there"),
    ("devices.csv", 5, "a connection that is not there"),
    ("devices.csv", 6, "a unit that Modbus does not have"),
    ("profiles/own.toml", 8, "an address in the counting of a manual"),
    ("profiles/own.toml", 16, "a type that is not there"),
    ("rules/own.rhai", 3, "a point that no profile has"),
    ("rules/torn.rhai", 3, "a sentence that does not end"),
];

const GATEWAY: &str = r#"site = { id = "test", name = "测试小区", timezone = "Asia/Shanghai" }
listen = "127.0.0.1:18080"

[connections.pump_room]
url = "modbus+tcp://127.0.0.1:1502"
intervall = "1s"

[connections.roof]
url = "modbus+tcp://127.0.0.1:1503"
interval = "1s"
timeout = "500"
"#;

const DEVICES: &str = "id,name,profile,connection,unit,building,location,interval,in_service
fire-main-1,消防泵,fire-main,pump_room,1,1号楼,泵房,,true
fire-main-1,消防泵,fire-main,pump_room,2,1号楼,泵房,,true
fire-main-3,消防泵,fire-mian,pump_room,3,1号楼,泵房,,true
fire-main-4,消防泵,fire-main,pump_rom,4,1号楼,泵房,,true
fire-main-5,消防泵,fire-main,pump_room,999,1号楼,泵房,,true
own-1,自有,own,roof,1,1号楼,屋面,,true
";

const PROFILE: &str = r#"class = "fire_water"
name = { zh = "自有", en = "Own" }

[[point]]
name = "main_pressure"
title = { zh = "主管压力", en = "Main pressure" }
unit = "MPa"
address = "40001"
type = "u16"

[[point]]
name = "flow"
title = { zh = "流量", en = "Flow" }
unit = "L/s"
address = "holding:4"
type = "u17"
"#;

const RULE: &str = r#"rule("own-pressure", #{
    class: "fire_water",
    when: |d| d.main_presure < 0.15,
    clear: |d| d.main_pressure > 0.18,
    after: "10s",
    severity: "high",
    summary: #{ zh: "压力低", en: "Pressure low" },
});
"#;

const TORN_RULE: &str = r#"rule("torn", #{
    class: "fire_water",
    when: |d| d.flow > ,
    after: "10s",
    severity: "high",
    summary: #{ zh: "流量高", en: "Flow high" },
});
"#;

#[test]
fn check_tells_ten_kinds_of_mistake_each_at_its_line() {
    let scene = Scene::new();
    let site = scene.site();
    let files = [
        ("gateway.toml", GATEWAY),
        ("devices.csv", DEVICES),
        ("profiles/own.toml", PROFILE),
        ("rules/own.rhai", RULE),
        ("rules/torn.rhai", TORN_RULE),
    ];
    for (path, text) in files {
        write(&site.join(path), text);
    }
    let site = site.to_str().expect("a path in UTF-8");
    let checked = run_command(&["check", "--site", site]);
    assert_eq!(checked.code, Some(1), "{checked:#?}");
    let told = format!("{}{}", checked.stdout, checked.stderr);
    println!("{told}");
    let places: Vec<_> = told.lines().filter_map(place_of).collect();
    for (file, line, what) in MISTAKES {
        let wanted = (file.to_owned(), line);
        assert!(
            places.contains(&wanted),
            "{what} is not told at {file}:{line}\n{told}"
        );
    }
    let elsewhere: Vec<_> = places
        .iter()
        .filter(|(file, line)| !is_wanted(file, *line))
        .collect();
    assert!(elsewhere.is_empty(), "also told: {elsewhere:?}\n{told}");

    let data = scene.data();
    let run = run_command(&[
        "run",
        "--site",
        site,
        "--data",
        data.to_str().expect("a path in UTF-8"),
    ]);
    assert_eq!(run.code, Some(3), "a faulty site does not start: {run:#?}");
    assert!(
        format!("{}{}", run.stdout, run.stderr).contains("devices.csv:4"),
        "and says why: {run:#?}"
    );
}

#[test]
fn check_has_nothing_to_say_of_a_site_that_is_right() {
    let scene = Scene::new();
    small_site(&scene).write(&scene.site());
    let checked = run_command(&["check", "--site", scene.site().to_str().expect("a path in UTF-8")]);
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    assert_eq!(
        checked.stdout.lines().filter_map(place_of).next(),
        None,
        "{checked:#?}"
    );
}

#[test]
fn usage_is_answered_with_two() {
    for arguments in [&["run"][..], &["check", "--sight", "x"], &["levitate"], &[]] {
        let answered = run_command(arguments);
        assert_eq!(answered.code, Some(2), "{arguments:?}: {answered:#?}");
    }
}

#[test]
fn a_site_that_is_not_there_is_told_by_its_name() {
    let checked = run_command(&["check", "--site", "/nowhere/at-all"]);
    assert_eq!(checked.code, Some(1), "{checked:#?}");
    assert!(
        format!("{}{}", checked.stdout, checked.stderr).contains("/nowhere/at-all"),
        "{checked:#?}"
    );
}

#[test]
fn a_second_gateway_on_one_data_folder_refuses() {
    let scene = Scene::new();
    small_site(&scene).write(&scene.site());
    let mut gateway = scene.run();
    let other = scene.folder().join("other");
    SiteDraft::listening_at(&scene.lease()).write(&other);
    let arguments = [
        "run",
        "--site",
        other.to_str().unwrap(),
        "--data",
        scene.data().to_str().unwrap(),
    ]
    .map(str::to_owned);
    let second = run_command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(second.code, Some(3), "{second:#?}");
    gateway.process().must_run();
    let mut while_it_runs = std::process::Command::new(tests::binary());
    while_it_runs.arg("check").arg("--site").arg(scene.site());
    let checked = Process::finish("check", &while_it_runs, Duration::from_secs(20));
    assert_eq!(
        checked.code,
        Some(0),
        "reading commands work beside it: {checked:#?}"
    );
    gateway.stop();
}

#[test]
fn an_override_from_the_environment_is_taken_as_it_is_written() {
    let scene = Scene::new();
    small_site(&scene).write(&scene.site());
    let mut check = std::process::Command::new(tests::binary());
    check.arg("check").arg("--site").arg(scene.site());
    check.env("FACILITY__CONNECTIONS__PUMP_ROM__TIMEOUT", "1s");
    let checked = Process::finish("check", &check, Duration::from_secs(20));
    assert_eq!(checked.code, Some(1), "{checked:#?}");
    let told = format!("{}{}", checked.stdout, checked.stderr);
    assert!(
        told.contains("FACILITY__CONNECTIONS__PUMP_ROM__TIMEOUT"),
        "it names the variable: {told}"
    );
}

fn small_site(scene: &Scene) -> SiteDraft {
    let mut site = scene.draft();
    site.connection("pump_room", &scene.modbus_url(), "1s", "500ms");
    site.device("fire-main-1", "fire-main", "pump_room", "1");
    site
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("the site's folder");
    std::fs::write(path, text).expect("a file of the site");
}

fn is_wanted(file: &str, line: usize) -> bool {
    MISTAKES
        .iter()
        .any(|(wanted_file, wanted_line, _)| *wanted_file == file && *wanted_line == line)
}

/// The file (from the site's folder on) and line of a `file:line:column: text`.
fn place_of(line: &str) -> Option<(String, usize)> {
    let mut parts = line.splitn(4, ':');
    let (file, line, column) = (parts.next()?, parts.next()?, parts.next()?);
    column.parse::<usize>().ok()?;
    parts.next()?.strip_prefix(' ')?;
    let file = file.rsplit_once("/site/").map_or(file, |(_, file)| file);
    Some((file.to_owned(), line.parse().ok()?))
}
