//! Which certificates a Vault may show: those of this machine's authorities and of `BAO_CACERT` or
//! `VAULT_CACERT`.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::model::{Fault, FaultKind};

/// What is trusted. It is worked out at the first TLS connection: most Vaults in a cluster speak http.
pub(super) struct Trust {
    ca_file: Option<PathBuf>,
    skip_verify: bool,
    config: OnceLock<Result<Arc<ClientConfig>, Fault>>,
}

impl Trust {
    pub(super) const fn new(ca_file: Option<PathBuf>, skip_verify: bool) -> Self {
        Self { ca_file, skip_verify, config: OnceLock::new() }
    }

    /// Makes TLS connections.
    pub(super) fn connector(&self) -> Result<TlsConnector, Fault> {
        self.config.get_or_init(|| self.build()).clone().map(TlsConnector::from)
    }

    fn build(&self) -> Result<Arc<ClientConfig>, Fault> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::new(FaultKind::Tls, &format!("TLS cannot be prepared: {error}.")))?;
        let mut config = if self.skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth()
        } else {
            builder.with_root_certificates(self.roots()?).with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, Fault> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let Some(path) = &self.ca_file else { return Ok(roots) };
        let unreadable = |why: &str| {
            Fault::new(FaultKind::Local, &format!("The CA file {} {why}.", path.display()))
                .hinted("It is named by BAO_CACERT or VAULT_CACERT.")
        };
        let pem = std::fs::read(path).map_err(|error| unreadable(&format!("cannot be read: {}", error.kind())))?;
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| unreadable("is not PEM"))?;
            roots.add(certificate).map_err(|_| unreadable("holds a certificate that cannot be trusted"))?;
            found = true;
        }
        if found { Ok(roots) } else { Err(unreadable("holds no certificate")) }
    }
}

/// `VAULT_SKIP_VERIFY`: anybody may be the server. Signatures are still checked, so that the handshake is
/// one; nothing is written over such a connection.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
