//! Puts the built page where the binary embeds it from, or one that says how to build it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const NOT_BUILT: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><title>facility-gateway</title>
<body style="font:16px/1.6 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em">
<h1>facility-gateway</h1>
<p>网关正在运行，但这个程序里没有编进页面。请安装 Node.js 20.19 以上，然后运行 <code>make build</code>。</p>
<p>The gateway is running, but the page was not built into this binary. Install Node.js 20.19 or newer and run <code>make build</code>.</p>
<p><a href="/api/v1/devices">/api/v1/devices</a> · <a href="/api/v1/alarms">/api/v1/alarms</a> · <a href="/api/v1/tickets">/api/v1/tickets</a> · <a href="/metrics">/metrics</a> · <a href="/openapi.json">/openapi.json</a></p>
</body></html>
"#;

fn main() -> io::Result<()> {
    let built = Path::new("../dashboards/web/dist");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", built.display());
    let page = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("page");
    if page.exists() {
        fs::remove_dir_all(&page)?;
    }
    fs::create_dir_all(&page)?;
    if built.join("index.html").exists() {
        copy(built, &page)
    } else {
        fs::write(page.join("index.html"), NOT_BUILT)
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
