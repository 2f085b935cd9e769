//! Reads a connection's URL: what is dialled, and how it is spoken to.

use url::Url;

use super::names::one_of;
use crate::Link;

#[derive(Clone, Copy)]
enum Scheme {
    ModbusTcp,
    Mqtt,
    Later,
}

const SCHEMES: [(&str, Scheme); 6] = [
    ("modbus+tcp", Scheme::ModbusTcp),
    ("mqtt", Scheme::Mqtt),
    ("modbus+rtu", Scheme::Later),
    ("modbus+rtu-over-tcp", Scheme::Later),
    ("modbus+tls", Scheme::Later),
    ("mqtts", Scheme::Later),
];

/// Reads `modbus+tcp://host:port` or `mqtt://host:port`. No message repeats the URL: there may be a password in it.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(super) fn link(text: &str) -> Result<Link, String> {
    let Some((scheme, _)) = text.split_once("://") else {
        return Err("this is not a URL: write `modbus+tcp://host:port` or `mqtt://host:port`".to_owned());
    };
    let kind = one_of("kind of connection", scheme, &SCHEMES)?;
    let url = Url::parse(text).map_err(|error| format!("this is not a URL: {error}"))?;
    let default_port = match kind {
        Scheme::ModbusTcp => 502,
        Scheme::Mqtt => 1883,
        Scheme::Later => {
            return Err(format!(
                "`{scheme}://` is not supported yet: use `modbus+tcp://` or `mqtt://`"
            ));
        }
    };
    check_nothing_else(&url, &format!("{scheme}://host:port"))?;
    let host = host(&url).ok_or_else(|| format!("the host is missing: write `{scheme}://host:port`"))?;
    let port = port(&url, default_port)?;
    Ok(match kind {
        Scheme::Mqtt => Link::Mqtt { host, port },
        _ => Link::ModbusTcp { host, port },
    })
}

/// Reads the address of an HTTP server: `http` or `https`, and nothing secret in it.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("this is not a URL ({error}): write `http://host:port`"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "`{}://` is not for a web server: write `http://host:port`",
            url.scheme()
        ));
    }
    check_no_user(&url)?;
    if url.port() == Some(0) {
        return Err("port 0 can't be dialled: write the server's own".to_owned());
    }
    if url.fragment().is_some() {
        return Err("a `#` has no meaning here: leave it out".to_owned());
    }
    Ok(url)
}

fn check_no_user(url: &Url) -> Result<(), String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    Err(
        "no user or password in a URL, which is shown to people: there are keys of their own for them"
            .to_owned(),
    )
}

fn check_nothing_else(url: &Url, right: &str) -> Result<(), String> {
    check_no_user(url)?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if bare {
        Ok(())
    } else {
        Err(format!("nothing may follow host and port: write `{right}`"))
    }
}

/// The host as a socket takes it: an IPv6 address without its brackets.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    Some(inner.unwrap_or(host).to_owned())
}

fn port(url: &Url, default: u16) -> Result<u16, String> {
    match url.port().unwrap_or(default) {
        0 => Err("port 0 can't be dialled: write the device's own".to_owned()),
        port => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_its_protocols_port_unless_another_is_said() {
        let modbus = |host: &str, port| {
            Ok(Link::ModbusTcp {
                host: host.to_owned(),
                port,
            })
        };
        assert_eq!(link("modbus+tcp://192.168.1.20"), modbus("192.168.1.20", 502));
        assert_eq!(link("modbus+tcp://plc.local:1502/"), modbus("plc.local", 1502));
        assert_eq!(link("modbus+tcp://[::1]:1502"), modbus("::1", 1502));
        assert_eq!(
            link("modbus+tcp://[::1]:1502").unwrap().to_string(),
            "modbus+tcp://[::1]:1502"
        );
        assert_eq!(
            link("mqtt://b"),
            Ok(Link::Mqtt {
                host: "b".to_owned(),
                port: 1883
            })
        );
    }

    #[test]
    fn a_wrong_link_is_answered_with_what_would_be_right() {
        for (text, expected) in [
            ("192.168.1.20:502", "not a URL"),
            ("modbus+tcq://h", "did you mean `modbus+tcp`?"),
            ("modbus+rtu:///dev/ttyS1?baud=9600", "not supported yet"),
            ("modbus+tls://h", "not supported yet"),
            ("mqtts://h", "not supported yet"),
            ("mqtt://user:secret@h", "no user or password"),
            ("modbus+tcp://h/unit/1", "nothing may follow"),
            ("modbus+tcp://", "host"),
            ("modbus+tcp://h:0", "port 0"),
            ("modbus+tcp://h:99999", "port"),
        ] {
            let error = link(text).unwrap_err();
            assert!(
                error.contains(expected) && !error.contains("secret"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_web_servers_address_holds_no_secret() {
        assert!(http_url("https://h/write?team=1").is_ok());
        for wrong in [
            "h:80",
            "ftp://h",
            "http://u:p@h",
            "http://h:0",
            "http://",
            "http://h/#x",
        ] {
            assert!(http_url(wrong).is_err(), "{wrong}");
        }
    }
}
