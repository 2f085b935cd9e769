//! A site moved to loopback: the same files, with nothing else rewritten than the connections' addresses and the paths of
//! secrets' files, which stay where they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::Folder;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value, value};

/// The file that names the connections.
const GATEWAY: &str = "gateway.toml";

/// The text of `gateway.toml` with other urls of connections, and with the paths of secrets' files, which are relative to
/// the site's `root`, made whole; comments, order and everything else stay as they are. What the site publishes goes to the
/// `broker` on loopback, and nowhere if there is none: simulated alarms are nobody else's business.
///
/// # Errors
/// The text is not TOML, or its connections are not tables.
pub(crate) fn with_urls(
    text: &str,
    urls: &[(String, String)],
    broker: Option<&str>,
    root: Option<&Path>,
) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("{GATEWAY}: {error}"))?;
    match (document.get_mut("mqtt").and_then(Item::as_table_like_mut), broker) {
        (Some(table), Some(url)) => move_to(table, url),
        (Some(_), None) => drop(document.remove("mqtt")),
        (None, _) => {}
    }
    let connections = document.entry("connections").or_insert(Item::Table(Table::new()));
    for (name, url) in urls {
        let tables = connections
            .as_table_like_mut()
            .ok_or("gateway.toml: `connections` is not a table")?;
        // A connection that only the environment names has no table yet.
        let table = tables.entry(name).or_insert(Item::Table(Table::new()));
        let table = table
            .as_table_like_mut()
            .ok_or_else(|| format!("{GATEWAY}: `connections.{name}` is not a table"))?;
        move_to(table, url);
    }
    if let Some(root) = root.and_then(|root| std::path::absolute(root).ok()) {
        make_paths_whole(document.as_table_mut(), &root);
    }
    Ok(document.to_string())
}

fn move_to(table: &mut dyn TableLike, url: &str) {
    let decor = table
        .get("url")
        .and_then(Item::as_value)
        .map(|old| old.decor().clone());
    let mut new = value(url);
    if let (Some(decor), Some(new)) = (decor, new.as_value_mut()) {
        *new.decor_mut() = decor;
    }
    table.insert("url", new);
    // What is on loopback has no TLS, and the broker there speaks MQTT 5.
    for key in ["ca_file", "cert_file", "key_file", "version"] {
        table.remove(key);
    }
}

/// Writes every relative path of a `…_file` key from the file system's root on.
fn make_paths_whole(table: &mut dyn TableLike, root: &Path) {
    for (key, item) in table.iter_mut() {
        if let Some(inner) = item.as_table_like_mut() {
            make_paths_whole(inner, root);
        } else if let Some(inner) = item.as_array_of_tables_mut() {
            inner.iter_mut().for_each(|table| make_paths_whole(table, root));
        } else if key.ends_with("_file")
            && let Some(Value::String(path)) = item.as_value_mut()
            && let Some(whole) = root.join(path.value()).to_str()
        {
            let decor = path.decor().clone();
            *path = toml_edit::Formatted::new(whole.to_owned());
            *path.decor_mut() = decor;
        }
    }
}

/// Writes the moved site to a folder; other files in it stay. Each file appears whole, and `gateway.toml` after all others:
/// whoever waits for it finds a whole site.
///
/// # Errors
/// A file can't be written; the error names it.
pub(crate) fn write(folder: &Folder, gateway: String, out: &Path) -> io::Result<()> {
    let mut moved = folder.clone();
    moved.set_text(GATEWAY, gateway);
    fs::create_dir_all(out)?;
    let staging = out.join(format!(".moving-{}", std::process::id()));
    let written = moved
        .write_to(&staging)
        .and_then(|()| place(&moved, &staging, out));
    fs::remove_dir_all(&staging)?;
    written
}

fn place(moved: &Folder, staging: &Path, out: &Path) -> io::Result<()> {
    let (last, first): (Vec<&str>, Vec<&str>) = moved.paths().partition(|path| *path == GATEWAY);
    for path in first.into_iter().chain(last) {
        let target: PathBuf = out.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(staging.join(path), &target)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", target.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_urls_change_and_comments_stay() {
        let text = "# 花园小区\nlisten = \"127.0.0.1:8080\"\n\n[connections.pump_room_a]\nurl = \"modbus+tcp://192.168.1.20:502\"   \
                    # the pumps\ninterval = \"1s\"\n\n[influxdb]\nurl = \"http://127.0.0.1:8086\"\n";
        let moved = with_urls(
            text,
            &[("pump_room_a".into(), "modbus+tcp://127.0.0.1:4711".into())],
            None,
            None,
        )
        .unwrap();
        assert_eq!(moved, text.replace("192.168.1.20:502", "127.0.0.1:4711"));
    }

    #[test]
    fn what_only_a_connection_with_tls_may_have_is_left_out() {
        let text = "[connections.a]\nurl = \"mqtts://b\"\nca_file = \"ca.pem\"\nversion = \"3.1.1\"\ninterval = \"5s\"\n";
        let moved = with_urls(text, &[("a".into(), "mqtt://127.0.0.1:1".into())], None, None).unwrap();
        assert_eq!(
            moved,
            "[connections.a]\nurl = \"mqtt://127.0.0.1:1\"\ninterval = \"5s\"\n"
        );
    }

    #[test]
    fn a_secret_is_found_from_the_moved_site_too() {
        let text = "[influxdb]\ntoken_file = \"influx.token\" # the writer's\n[connections]\na = { password_file = \"/etc/p\" }\n";
        let moved = with_urls(text, &[], None, Some(Path::new("/sites/yard"))).unwrap();
        assert_eq!(moved, text.replace("influx.token", "/sites/yard/influx.token"));
    }

    #[test]
    fn what_the_site_publishes_goes_to_the_broker_on_loopback_or_nowhere() {
        let text = "connections = {}\n\n[mqtt]\nurl = \"mqtts://company\" # ours\nca_file = \"ca.pem\"\nprefix = \"a\"\n";
        assert_eq!(
            with_urls(text, &[], Some("mqtt://127.0.0.1:1"), None).unwrap(),
            "connections = {}\n\n[mqtt]\nurl = \"mqtt://127.0.0.1:1\" # ours\nprefix = \"a\"\n"
        );
        let nowhere = with_urls(text, &[], None, None).unwrap();
        assert!(!nowhere.contains("mqtt"), "{nowhere}");
    }

    #[test]
    fn a_connection_that_only_the_environment_names_gets_a_table() {
        let moved = with_urls(
            "connections = { a = { url = \"mqtt://x\" } }\n",
            &[
                ("a".into(), "mqtt://127.0.0.1:1".into()),
                ("b".into(), "mqtt://127.0.0.1:2".into()),
            ],
            None,
            None,
        );
        let moved: DocumentMut = moved.unwrap().parse().unwrap();
        assert_eq!(
            moved["connections"]["a"]["url"].as_str(),
            Some("mqtt://127.0.0.1:1")
        );
        assert_eq!(
            moved["connections"]["b"]["url"].as_str(),
            Some("mqtt://127.0.0.1:2")
        );
    }

    #[test]
    fn a_moved_site_is_whole_and_what_else_was_there_stays() {
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("notes.txt"), "mine").unwrap();
        let folder = Folder::of_texts([
            ("gateway.toml", "old"),
            ("devices.csv", "id"),
            ("profiles/a.toml", "class"),
        ]);
        write(&folder, "new".into(), out.path()).unwrap();
        let read = |path: &str| fs::read_to_string(out.path().join(path)).unwrap();
        assert_eq!(read("gateway.toml"), "new");
        assert_eq!(
            (read("devices.csv"), read("profiles/a.toml"), read("notes.txt")),
            ("id".into(), "class".into(), "mine".into())
        );
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 4);
    }
}
