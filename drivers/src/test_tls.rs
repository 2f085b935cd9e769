//! Certificates for this crate's own tests.

use model::{Secret, Tls};
use rcgen::{CertificateParams, CertifiedIssuer, Issuer, KeyPair};

/// An authority, and a certificate and key that it signed for 127.0.0.1.
pub(crate) struct Identities {
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

pub(crate) fn identities() -> Identities {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // A name of its own: OpenSSL takes a certificate whose issuer has the same name for one that signed itself.
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "authority");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority: CertifiedIssuer<'_, KeyPair> =
        CertifiedIssuer::self_signed(params, authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer: &Issuer<'_, KeyPair> = &authority;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, issuer);
    Identities {
        authority: authority.pem(),
        certificate: certificate.unwrap().pem(),
        key: key.serialize_pem(),
    }
}

impl Identities {
    /// What a client needs that has this certificate and trusts its authority.
    pub(crate) fn client(&self) -> Tls {
        Tls {
            authorities: Some(self.authority.clone()),
            certificate: Some(self.certificate.clone()),
            key: Some(Secret::new(self.key.clone())),
        }
    }
}
