//! Reads a connection's URL: what is dialled, and how it is spoken to.

use url::Url;

use super::names::{one_of, shown};
use crate::{Link, Parity, SerialLine};

#[derive(Clone, Copy)]
enum Scheme {
    ModbusTcp,
    ModbusTls,
    ModbusRtuOverTcp,
    ModbusRtu,
    Mqtt,
    Mqtts,
}

const SCHEMES: [(&str, Scheme); 6] = [
    ("modbus+tcp", Scheme::ModbusTcp),
    ("mqtt", Scheme::Mqtt),
    ("modbus+rtu", Scheme::ModbusRtu),
    ("modbus+rtu-over-tcp", Scheme::ModbusRtuOverTcp),
    ("modbus+tls", Scheme::ModbusTls),
    ("mqtts", Scheme::Mqtts),
];

const PARITIES: [(&str, Parity); 3] = [
    ("none", Parity::None),
    ("even", Parity::Even),
    ("odd", Parity::Odd),
];

/// Unless a URL says another: the default of the Modbus specification (Modbus over Serial Line 2.1, 19,200) is rarer in the
/// field than this one.
const BAUD: u32 = 9_600;

/// Reads a link's URL. No message repeats the URL: there may be a password in it.
///
/// # Errors
/// What is wrong with it and what would be right.
pub(crate) fn link(text: &str) -> Result<Link, String> {
    let Some((scheme, _)) = text.split_once("://") else {
        return Err("this is not a URL: write `modbus+tcp://host:port` or `mqtt://host:port`".to_owned());
    };
    let kind = one_of("kind of connection", scheme, &SCHEMES)?;
    let url = Url::parse(text).map_err(|error| format!("this is not a URL: {error}"))?;
    let socket = |default_port| {
        check_nothing_else(&url, &format!("{scheme}://host:port"))?;
        let host = host(&url).ok_or_else(|| format!("the host is missing: write `{scheme}://host:port`"))?;
        Ok::<_, String>((host, port(&url, default_port)?))
    };
    Ok(match kind {
        Scheme::ModbusTcp => socket(502).map(|(host, port)| Link::ModbusTcp { host, port })?,
        Scheme::ModbusTls => socket(802).map(|(host, port)| Link::ModbusTls { host, port })?,
        Scheme::ModbusRtuOverTcp => socket(502).map(|(host, port)| Link::ModbusRtuOverTcp { host, port })?,
        Scheme::Mqtt => socket(1883).map(|(host, port)| Link::Mqtt { host, port })?,
        Scheme::Mqtts => socket(8883).map(|(host, port)| Link::Mqtts { host, port })?,
        Scheme::ModbusRtu => Link::ModbusRtu(serial_line(&url)?),
    })
}

fn serial_line(url: &Url) -> Result<SerialLine, String> {
    check_no_user(url)?;
    if url.host_str().is_some_and(|host| !host.is_empty()) || url.path().len() < 2 || url.fragment().is_some()
    {
        return Err(
            "write three slashes and the port's file: `modbus+rtu:///dev/ttyS1?baud=9600`".to_owned(),
        );
    }
    let mut line = SerialLine {
        path: url.path().to_owned(),
        baud: BAUD,
        parity: Parity::default(),
        stop_bits: 1,
    };
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "baud" => line.baud = baud(&value)?,
            "parity" => line.parity = one_of("parity", &value, &PARITIES)?,
            "stop" => {
                line.stop_bits = match value.as_ref() {
                    "1" => 1,
                    "2" => 2,
                    _ => return Err("`stop` is 1 or 2".to_owned()),
                }
            }
            _ => {
                let key = shown(&key);
                return Err(format!(
                    "`{key}` is no setting of a line: write `baud`, `parity` or `stop`"
                ));
            }
        }
    }
    Ok(line)
}

fn baud(text: &str) -> Result<u32, String> {
    let baud = text.parse().ok().filter(|baud| (300..=4_000_000).contains(baud));
    baud.ok_or_else(|| "`baud` is a whole number from 300 to 4000000, such as 9600".to_owned())
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
    fn every_link_reads_back_as_it_is_written() {
        for text in [
            "modbus+tls://plc:802",
            "modbus+rtu-over-tcp://10.0.0.7:4001",
            "modbus+rtu:///dev/ttyS1?baud=19200&parity=none&stop=2",
            "mqtts://broker:8883",
        ] {
            assert_eq!(link(text).unwrap().to_string(), text);
        }
        let Ok(Link::ModbusRtu(line)) = link("modbus+rtu:///dev/ttyUSB0") else {
            panic!("a serial line");
        };
        assert_eq!((line.baud, line.parity, line.stop_bits), (9600, Parity::Even, 1));
        assert_eq!(line.character().as_micros(), 1145);
    }

    #[test]
    fn a_wrong_link_is_answered_with_what_would_be_right() {
        for (text, expected) in [
            ("192.168.1.20:502", "not a URL"),
            ("modbus+tcq://h", "did you mean `modbus+tcp`?"),
            ("modbus+rtu://ttyS1", "three slashes"),
            ("modbus+rtu:///", "three slashes"),
            ("modbus+rtu:///dev/ttyS1?baud=fast", "from 300"),
            ("modbus+rtu:///dev/ttyS1?parity=evn", "did you mean `even`?"),
            ("modbus+rtu:///dev/ttyS1?stop=3", "1 or 2"),
            ("modbus+rtu:///dev/ttyS1?bits=7", "`bits` is no setting"),
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
