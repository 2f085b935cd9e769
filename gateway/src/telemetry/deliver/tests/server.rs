//! A small server that answers as InfluxDB's documentation says, and remembers what it was sent.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::serve::Listener;
use flate2::read::GzDecoder;
use rcgen::{CertificateParams, CertifiedIssuer, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::server::TlsStream;

/// What 2.x answers when it cannot unpack a request.
const CANNOT_READ: &str = include_str!("../answers/500-unreadable.http");

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Instant,
    /// Path and query.
    pub(super) uri: String,
    pub(super) authorization: Option<String>,
    pub(super) lines: Vec<String>,
    /// Of the body as it was sent.
    pub(super) bytes: usize,
    /// What was answered.
    pub(super) status: u16,
}

/// Gives one of the files in `answers/` for a request.
pub(super) type Answering = Box<dyn FnMut(&Seen) -> String + Send>;

#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    told: Arc<Mutex<Told>>,
}

struct Told {
    answering: Answering,
    /// The answer to a request that cannot be unpacked.
    cannot_read: &'static str,
    seen: Vec<Seen>,
}

impl Server {
    /// A server over http.
    pub(super) async fn start(answering: Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener.local_addr().unwrap(), listener, answering)
    }

    /// A server over https, and the authority that signed its certificate.
    pub(super) async fn start_tls(answering: Answering) -> (Self, String) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (acceptor, authority) = acceptor();
        let address = tcp.local_addr().unwrap();
        (Self::serve(address, Tls { tcp, acceptor }, answering), authority)
    }

    fn serve<L: Listener>(address: SocketAddr, listener: L, answering: Answering) -> Self
    where
        L::Addr: std::fmt::Debug,
    {
        let told = Arc::new(Mutex::new(Told {
            answering,
            cannot_read: CANNOT_READ,
            seen: Vec::new(),
        }));
        let router = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&told));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, told }
    }

    pub(super) fn answer_with(&self, answering: Answering) {
        self.told.lock().unwrap().answering = answering;
    }

    /// How it answers what it cannot unpack.
    pub(super) fn answer_what_it_cannot_read_with(&self, answer: &'static str) {
        self.told.lock().unwrap().cannot_read = answer;
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.told.lock().unwrap().seen.clone()
    }

    /// The lines of all requests that were answered with 204, in their order.
    pub(super) fn taken(&self) -> Vec<String> {
        let taken = self.seen().into_iter().filter(|seen| seen.status == 204);
        taken.flat_map(|seen| seen.lines).collect()
    }
}

async fn answer(
    State(told): State<Arc<Mutex<Told>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<String> {
    assert_eq!(headers["content-encoding"], "gzip");
    let mut text = String::new();
    let cannot_read = GzDecoder::new(body.as_ref()).read_to_string(&mut text).is_err();
    if cannot_read {
        text.clear();
    }
    let mut seen = Seen {
        at: Instant::now(),
        uri: uri.to_string(),
        authorization: headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned()),
        lines: text.lines().map(str::to_owned).collect(),
        bytes: body.len(),
        status: 0,
    };
    let mut told = told.lock().unwrap();
    let response = match cannot_read {
        true => response(told.cannot_read),
        false => response(&(told.answering)(&seen)),
    };
    seen.status = response.status().as_u16();
    told.seen.push(seen);
    response
}

/// A file of `answers/` as a response; lines that begin with `#` say where it is from.
fn response(file: &str) -> Response<String> {
    let (head, body) = file.split_once("\n\n").unwrap();
    let mut lines = head.lines().skip_while(|line| line.starts_with('#'));
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut response = Response::builder().status(StatusCode::from_bytes(status.as_bytes()).unwrap());
    for header in lines {
        let (name, value) = header.split_once(": ").unwrap();
        response = response.header(name, value);
    }
    response.body(body.to_owned()).unwrap()
}

struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.tcp.accept().await.unwrap();
            // One who does not trust us goes away in the handshake.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// TLS with a certificate for 127.0.0.1, and the authority that signed it.
fn acceptor() -> (TlsAcceptor, String) {
    // As `main` does; another test may have done so.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "authority");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority: CertifiedIssuer<'_, KeyPair> =
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issuer: &Issuer<'_, KeyPair> = &authority;
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, issuer)
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}
