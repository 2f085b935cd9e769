//! `demo`: simulator, broker and gateway as child processes that end with it, and a receiver that prints each alert.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use axum::Json;
use axum::routing::post;
use model::Folder;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use super::{not_started, site};

/// How long a child may take until it is ready, and until it has ended.
const CHILD_TIME: Duration = Duration::from_secs(30);
const ANY_PORT: &str = "127.0.0.1:0";

/// What the demo was asked for.
pub struct Asked {
    /// The site; the demo site if none.
    pub site: Option<PathBuf>,
    /// Where the gateway listens.
    pub listen: Option<SocketAddr>,
    /// Where the control API listens.
    pub control: Option<SocketAddr>,
    /// Where the gateway keeps its data.
    pub data: Option<PathBuf>,
}

/// Runs the demo until it is asked to end, or a child ends by itself.
pub async fn run(asked: Asked, stop: CancellationToken) -> u8 {
    match Demo::start(asked, &stop).await {
        Ok(Some(demo)) => demo.run(stop).await,
        Ok(None) => 0,
        Err(reason) => not_started(&reason),
    }
}

struct Demo {
    simulator: Spawned,
    gateway: Spawned,
    // What the children print after they are ready must go on being read, or they would stop at a full pipe.
    printed: Vec<Lines<BufReader<ChildStdout>>>,
    // Removed when the demo ends.
    _folder: tempfile::TempDir,
}

impl Demo {
    /// Starts everything; `None` when it was asked to end meanwhile.
    async fn start(asked: Asked, stop: &CancellationToken) -> Result<Option<Self>, String> {
        let folder = tempfile::Builder::new()
            .prefix("facility-gateway-demo-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        let original = match asked.site {
            Some(site) => site,
            None => {
                let original = folder.path().join("original");
                Folder::demo()
                    .write_to(&original)
                    .map_err(|error| format!("{}: {error}", original.display()))?;
                original
            }
        };
        let checked = site::read(&original, site::environment())?;
        if !checked.faults.is_empty() {
            site::print_faults(&checked.faults);
            return Err(format!(
                "{}: {} faults in the site",
                original.display(),
                checked.faults.len()
            ));
        }
        let moved = folder.path().join("site");
        let control = asked
            .control
            .map_or_else(|| ANY_PORT.to_owned(), |control| control.to_string());
        let mut simulator = child("simulate")?;
        simulator
            .arg("--site")
            .arg(&original)
            .arg("--local")
            .arg(&moved)
            .args(["--control", &control]);
        let (simulator, mut simulator_said) = spawn(simulator, "the simulator")?;
        let Some(control) = ready(&mut simulator_said, "the simulator", "control on ", stop).await? else {
            return Ok(None);
        };
        // Everything else the simulator says at its start comes before this.
        ready(&mut simulator_said, "the simulator", "ready", stop).await?;

        let mut gateway = child("run")?;
        let data = asked.data.unwrap_or_else(|| folder.path().join("data"));
        gateway.arg("--site").arg(&moved).arg("--data").arg(&data);
        // The moved site's own addresses are the simulator's; an override would send the gateway elsewhere.
        for (name, _) in site::environment()
            .iter()
            .filter(|(name, _)| is_connection_url(name))
        {
            gateway.env_remove(name);
        }
        let listens_by_environment = site::environment()
            .iter()
            .any(|(name, _)| name == "FACILITY__LISTEN");
        match asked.listen {
            Some(listen) => drop(gateway.env("FACILITY__LISTEN", listen.to_string())),
            None if listens_by_environment => {}
            None => drop(gateway.env("FACILITY__LISTEN", ANY_PORT)),
        }
        if checked.site.notify.webhook.is_none() {
            let receiver = receive_alerts(stop.clone()).await?;
            gateway.env(
                "FACILITY__NOTIFY__WEBHOOK__URL",
                format!("http://{receiver}/alerts"),
            );
        }
        let (gateway, mut gateway_said) = spawn(gateway, "the gateway")?;
        let Some(address) = ready(&mut gateway_said, "the gateway", "listening on ", stop).await? else {
            return Ok(None);
        };
        introduce(&checked.site, &address, &control, &data);
        Ok(Some(Self {
            simulator,
            gateway,
            printed: vec![simulator_said, gateway_said],
            _folder: folder,
        }))
    }

    async fn run(mut self, stop: CancellationToken) -> u8 {
        for mut said in self.printed {
            tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        }
        let code = tokio::select! {
            () = stop.cancelled() => 0,
            _ = self.simulator.child.wait() => not_started("the simulator ended by itself"),
            _ = self.gateway.child.wait() => not_started("the gateway ended by itself"),
        };
        println!("正在结束… / stopping …");
        for spawned in [&mut self.gateway, &mut self.simulator] {
            // Closing its standard input asks a child to end.
            drop(spawned.input.take());
            if tokio::time::timeout(CHILD_TIME, spawned.child.wait())
                .await
                .is_err()
            {
                let _ = spawned.child.kill().await;
            }
        }
        code
    }
}

/// A child and its standard input, held apart: waiting for a child would close it, and so end the child.
struct Spawned {
    child: Child,
    input: Option<ChildStdin>,
}

/// This program again, as another command; it ends when its standard input does, so also when this process is killed.
fn child(command: &str) -> Result<Command, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let mut child = Command::new(program);
    child
        .arg(command)
        .arg("--end-with-input")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    // Ctrl-C in a terminal goes to the whole group; the children are ended by this process, in order.
    child.process_group(0);
    if std::env::var_os("RUST_LOG").is_none() {
        child.env("RUST_LOG", "warn,rumqttd=off");
    }
    Ok(child)
}

fn spawn(mut command: Command, who: &str) -> Result<(Spawned, Lines<BufReader<ChildStdout>>), String> {
    let mut child = command.spawn().map_err(|error| format!("{who}: {error}"))?;
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| format!("{who} has no standard output"))?;
    let input = child.stdin.take();
    Ok((Spawned { child, input }, BufReader::new(stdout).lines()))
}

/// Waits for a line that begins so, and gives the rest of it; `None` when the demo was asked to end.
async fn ready(
    said: &mut Lines<BufReader<ChildStdout>>,
    who: &str,
    begins: &str,
    stop: &CancellationToken,
) -> Result<Option<String>, String> {
    let waited = tokio::time::timeout(CHILD_TIME, async {
        while let Ok(Some(line)) = said.next_line().await {
            if let Some(rest) = line.strip_prefix(begins) {
                return Ok(rest.to_owned());
            }
        }
        Err(format!("{who} ended before it was ready"))
    });
    tokio::select! {
        () = stop.cancelled() => Ok(None),
        line = waited => line.map_err(|_| format!("{who} was not ready within {CHILD_TIME:?}"))?.map(Some),
    }
}

fn is_connection_url(name: &str) -> bool {
    (name.starts_with("FACILITY__CONNECTIONS__") && name.ends_with("__URL")) || name == "FACILITY__MQTT__URL"
}

/// A receiver on loopback that prints each alert.
async fn receive_alerts(stop: CancellationToken) -> Result<SocketAddr, String> {
    let listener = tokio::net::TcpListener::bind(ANY_PORT)
        .await
        .map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let router = axum::Router::new().route("/alerts", post(print_alert));
    tokio::spawn(async move {
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            eprintln!("the receiver of alerts ended: {error}");
        }
    });
    Ok(address)
}

async fn print_alert(Json(alert): Json<Value>) {
    let text = |pointer: &str| {
        alert
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let dues: Vec<String> = alert
        .pointer("/ticket/clocks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|clock| {
            Some(format!(
                "{} {}",
                clock.get("clock")?.as_str()?,
                clock.get("due")?.as_str()?
            ))
        })
        .collect();
    println!(
        "{} {} [{}] {} / {}  {}",
        text("/event"),
        text("/ticket/id"),
        text("/ticket/severity"),
        text("/ticket/summary/zh"),
        text("/ticket/summary/en"),
        dues.join(", ")
    );
}

fn introduce(site: &model::Site, address: &str, control: &str, data: &Path) {
    println!(
        "{} ({}): {} 台设备 / devices, {} 点位 / points",
        site.name,
        site.id,
        site.devices.len(),
        site.point_count()
    );
    println!("  页面 / page       {address}/");
    println!("  模拟器 / control  {control}/faults");
    println!("  数据 / data       {}", data.display());
    println!("报警会显示在下面，按 Ctrl-C 结束 / alerts are printed below, Ctrl-C ends it");
}
