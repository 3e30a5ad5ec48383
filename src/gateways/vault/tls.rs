//! Which certificates a Vault may show, and for which name: those of this machine's authorities, of `BAO_CACERT` or
//! `VAULT_CACERT`, and of the CAs that the cluster names for that server.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::of;
use crate::gateways::kubernetes::{KubernetesGateway, authority};
use crate::model::vault::{Authority, Ca, ServerTls, StoreLogin};
use crate::model::{Fault, FaultKind, ObjectRef, Text, VaultAddress};

/// How long a CA that was read stands: one that was renewed is seen that soon.
const FRESH: Duration = Duration::from_secs(30);

/// What is trusted. It is worked out at a TLS connection: most Vaults in a cluster speak http.
#[derive(Default)]
pub(super) struct Trust {
    ca_file: Option<PathBuf>,
    skip_verify: bool,
    told: Mutex<HashMap<VaultAddress, Arc<ServerTls>>>,
    /// By server, and by whose words count.
    made: Mutex<HashMap<(VaultAddress, Heard), Arc<Slot>>>,
    native: OnceLock<Vec<CertificateDer<'static>>>,
}

/// Whose words count when it comes to CAs.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Heard {
    /// Everybody's.
    All,
    /// Those of the cluster: a share or a token goes over a network.
    Cluster,
    /// That of one store.
    Store(ObjectRef),
}

/// The word of a store in whose stead somebody logs in. It counts alone, as it does for External Secrets: what is sent
/// is what whoever wrote the store can have anyway.
pub(super) struct StoreWord {
    store: ObjectRef,
    ca: Option<Ca>,
}

impl StoreWord {
    pub(super) fn of(login: &StoreLogin) -> Self {
        Self { store: login.store.clone(), ca: login.ca.clone() }
    }
}

/// What was made last for a server, by one at a time.
type Slot = tokio::sync::Mutex<Option<Made>>;

struct Made {
    of: Arc<ServerTls>,
    at: Instant,
    config: Arc<ClientConfig>,
    doubts: Arc<Doubts>,
}

/// Why a certificate may be untrusted although somebody vouches for it.
#[derive(Default)]
pub(super) struct Doubts {
    /// Who named a CA, in words.
    named: Vec<String>,
    /// Who named one whose word was not taken, since secrets were to be sent.
    unheard: Vec<String>,
    /// CAs that could not be read.
    unread: Vec<String>,
}

/// How one connection is made.
pub(super) struct Terms<'a> {
    /// The server, as the stores name it.
    pub(super) server: &'a VaultAddress,
    /// The host that is connected to, and the name in its certificate unless somebody says otherwise.
    pub(super) host: &'a str,
    /// The name in its certificate, if the environment says so.
    pub(super) name: Option<&'a str>,
    /// Whether it goes over a network to wherever that name leads, and carries a share or a token. Then the word of a
    /// tenant is not enough: whoever could bend the name could name their own CA too. What goes through the API
    /// server ends in a pod of that Service, whoever signed its certificate.
    pub(super) exposed: bool,
    /// The store whose word counts alone.
    pub(super) word: Option<&'a StoreWord>,
    /// Where CAs are read.
    pub(super) cluster: Option<&'a KubernetesGateway>,
}

/// Everything for one handshake.
pub(super) struct Handshake {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
    pub(super) doubts: Arc<Doubts>,
}

impl Trust {
    /// What the environment says.
    pub(super) fn new(ca_file: Option<PathBuf>, skip_verify: bool) -> Self {
        Self { ca_file, skip_verify, ..Self::default() }
    }

    /// What the cluster says of this server, from now on.
    pub(super) fn tell(&self, server: &VaultAddress, tls: &ServerTls) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(server.clone(), Arc::new(tls.clone()));
    }

    /// What is needed for a handshake on these terms.
    pub(super) async fn handshake(&self, terms: &Terms<'_>) -> Result<Handshake, Fault> {
        let told = match terms.word {
            None => self.told.lock().unwrap_or_else(PoisonError::into_inner).get(terms.server).cloned().unwrap_or_default(),
            Some(word) => {
                let named = |ca: &Ca| Authority { of: word.store.clone(), ca: ca.clone() };
                Arc::new(ServerTls { authorities: word.ca.iter().map(named).collect(), name: None })
            }
        };
        let heard = match terms.word {
            Some(word) => Heard::Store(word.store.clone()),
            None if terms.exposed => Heard::Cluster,
            None => Heard::All,
        };
        // A name is as good as a CA: a certificate for one that somebody owns is easily had.
        let named = told.name.as_ref().filter(|_| heard == Heard::All).map(Text::as_str);
        let name = terms.name.or(named).unwrap_or(terms.host);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| Fault::new(FaultKind::Tls, &format!("“{name}” cannot be the name of a TLS server.")))?;
        // One at a time, so that sixteen connections read a CA once.
        let made = of(&self.made, &(terms.server.clone(), heard.clone()));
        let mut made = made.lock().await;
        let fresh = made.take().filter(|made| made.of == told && made.at.elapsed() < FRESH);
        let fresh = match fresh {
            Some(made) => made,
            None => self.make(told, &heard, terms.cluster).await?,
        };
        let handshake = Handshake { connector: Arc::clone(&fresh.config).into(), name, doubts: Arc::clone(&fresh.doubts) };
        *made = Some(fresh);
        Ok(handshake)
    }

    async fn make(&self, told: Arc<ServerTls>, heard: &Heard, from: Option<&KubernetesGateway>) -> Result<Made, Fault> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::new(FaultKind::Tls, &format!("TLS cannot be prepared: {error}.")))?;
        let mut doubts = Doubts::default();
        let mut config = if self.skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth()
        } else {
            let mut roots = self.own_roots()?;
            // What an API server says that may be anybody's is no word of the cluster.
            let verified = from.is_some_and(|cluster| !cluster.insecure());
            for authority in &told.authorities {
                if *heard == Heard::Cluster && !(verified && authority.is_of_the_cluster()) {
                    doubts.unheard.push(authority.of.to_string());
                } else {
                    doubts.hear(authority, from, &mut roots).await;
                }
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Made { of: told, at: Instant::now(), config: Arc::new(config), doubts: Arc::new(doubts) })
    }

    /// Those that no cluster has to name.
    fn own_roots(&self) -> Result<RootCertStore, Fault> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.native.get_or_init(|| rustls_native_certs::load_native_certs().certs).clone());
        let Some(path) = &self.ca_file else { return Ok(roots) };
        let unreadable = |why: &str| {
            Fault::new(FaultKind::Local, &format!("The CA file {} {why}.", path.display()))
                .hinted("It is named by BAO_CACERT or VAULT_CACERT.")
        };
        let pem = std::fs::read(path).map_err(|error| unreadable(&format!("cannot be read: {}", error.kind())))?;
        add(&pem, &mut roots).map_err(unreadable)?;
        Ok(roots)
    }
}

/// Adds every certificate in this PEM.
fn add(pem: &[u8], roots: &mut RootCertStore) -> Result<(), &'static str> {
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|_| "is not PEM")?).map_err(|_| "holds a certificate that cannot be trusted")?;
        found = true;
    }
    if found { Ok(()) } else { Err("holds no certificate") }
}

impl Doubts {
    async fn hear(&mut self, named: &Authority, cluster: Option<&KubernetesGateway>, roots: &mut RootCertStore) {
        self.named.push(named.of.to_string());
        let added = match authority(cluster, &named.ca).await {
            Ok(pem) => add(&pem, roots).map_err(|why| format!("The CA that {} names ({}) {why}.", named.of, named.ca)),
            Err(fault) => Err(fault.message.to_string()),
        };
        self.unread.extend(added.err());
    }

    /// What to say after an untrusted certificate, and what helps.
    pub(super) fn said(&self) -> (String, &'static str) {
        const SHOWN: usize = 3;
        let list = |of: &[String]| match of.len() {
            0..=SHOWN => of.join(", "),
            count => format!("{} and {} more", of.get(..SHOWN).unwrap_or_default().join(", "), count - SHOWN),
        };
        if !self.unread.is_empty() {
            return (format!(" {}", list(&self.unread)), "Or set BAO_CACERT or VAULT_CACERT to the CA's file.");
        }
        if !self.unheard.is_empty() {
            let who = list(&self.unheard);
            return (
                format!(" Its CA may be that of {who}, whose word is not enough to send a token or a share by."),
                "Set BAO_CACERT or VAULT_CACERT to the CA's file.",
            );
        }
        if self.named.is_empty() {
            let hint = "Set BAO_CACERT or VAULT_CACERT to the CA's file, or give the stores a caBundle or caProvider.";
            return (" No store names a CA for it.".to_owned(), hint);
        }
        let hint = "Compare the CA in the store with that of the server; External Secrets fails there for the same reason.";
        (format!(" It is not the CA of {}.", list(&self.named)), hint)
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

#[cfg(test)]
mod tests;
