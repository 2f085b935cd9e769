//! What a TLS connection needs: whom to trust, and who we are, from the texts of a site.

use model::Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

/// Why certificates are of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// What `ca_file` holds.
    #[error("`ca_file` holds no certificate in PEM that can be trusted")]
    Authorities,
    /// What the system has.
    #[error("this system trusts no certificates: name one in `ca_file`")]
    NoSystemAuthorities,
    /// What `cert_file` holds.
    #[error("`cert_file` holds no certificate in PEM")]
    Certificate,
    /// What `key_file` holds.
    #[error("`key_file` holds no private key in PEM")]
    Key,
    /// The two do not belong together, or are of a kind that nobody takes.
    #[error("certificate and key are of no use together: {0}")]
    Pair(#[source] rustls::Error),
    /// The host.
    #[error("`{0}` is no name that a certificate can have")]
    Name(String),
    /// Something that depends on nothing of the site.
    #[error("TLS can't be set up: {0}")]
    Setup(#[source] rustls::Error),
}

/// The settings of a client that trusts `tls.authorities` (or the system's) and shows its own certificate if it has one.
///
/// # Errors
/// A text that is not what it should be; the error names its key.
pub(crate) fn client(tls: &Tls) -> Result<ClientConfig, TlsError> {
    let provider = rustls::crypto::ring::default_provider().into();
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_root_certificates(authorities(tls)?);
    let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate).ok_or(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes()).map_err(|_| TlsError::Key)?;
    builder.with_client_auth_cert(chain, key).map_err(TlsError::Pair)
}

/// The name that the other side's certificate has to have.
///
/// # Errors
/// The host is no name.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))
}

fn authorities(tls: &Tls) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match &tls.authorities {
        Some(text) => {
            for certificate in certificates(text).ok_or(TlsError::Authorities)? {
                store.add(certificate).map_err(|_| TlsError::Authorities)?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err(TlsError::NoSystemAuthorities);
            }
        }
    }
    Ok(store)
}

fn certificates(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    read.ok().filter(|certificates| !certificates.is_empty())
}
