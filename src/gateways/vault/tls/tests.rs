//! TLS against servers on loopback, with certificates that are made for each test.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use super::*;
use crate::gateways::testing::Folder;
use crate::gateways::vault::{VaultEnvironment, VaultGateway};
use crate::model::{Kind, Name, Names};
use crate::ports::{ReplicaAddress, Vault as _};

const BODY: &str = r#"{"type":"shamir","initialized":true,"sealed":true,"t":2,"n":3,"progress":1,"nonce":"x","version":"2.7.2","storage_type":"raft"}"#;

/// An authority with its key.
struct Signer(Issuer<'static, KeyPair>, String);

impl Signer {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = pem(params.self_signed(&key).unwrap().der());
        Self(Issuer::new(params, key), pem)
    }

    /// What a store says that names it as its CA.
    fn named_by(&self, of: Kind, namespace: &str) -> ServerTls {
        let ca = Ca::bundle(&STANDARD.encode(&self.1), &mut Names::default());
        ServerTls { authorities: vec![Authority { of: ObjectRef::new(of, namespace, "vault"), ca }], name: None }
    }
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

fn for_loopback() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    params
}

/// A server that shows what it was given, and says the same to every request.
struct Server {
    replica: ReplicaAddress,
    names: Arc<Mutex<Vec<Option<String>>>>,
    requests: Arc<AtomicUsize>,
}

async fn server(signer: &Signer, params: CertificateParams) -> Server {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &signer.0).unwrap().der().clone();
    serve(ServerConfig::builder().with_no_client_auth(), certificate, &key).await
}

type Builder = tokio_rustls::rustls::ConfigBuilder<ServerConfig, tokio_rustls::rustls::server::WantsServerCert>;

async fn serve(builder: Builder, certificate: CertificateDer<'static>, key: &KeyPair) -> Server {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = VaultAddress::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
    let replica = ReplicaAddress { server: address, pod: Name::new("vault-0") };
    let server = Server { replica, names: Arc::default(), requests: Arc::default() };
    let (names, requests) = (Arc::clone(&server.names), Arc::clone(&server.requests));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            names.lock().unwrap().push(stream.get_ref().1.server_name().map(ToOwned::to_owned));
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {
                    requests.fetch_add(1, Ordering::Relaxed);
                    let head =
                        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", BODY.len());
                    stream.write_all(format!("{head}{BODY}").as_bytes()).await.unwrap();
                }
            });
        }
    });
    server
}

/// A gateway with these variables.
fn gateway(pairs: &[(&str, String)]) -> VaultGateway {
    let _ = ring::default_provider().install_default();
    let found = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    VaultGateway::new(VaultEnvironment::of(found), None)
}

async fn status(vault: &VaultGateway, server: &Server) -> Result<bool, Fault> {
    vault.status(&server.replica).await.map(|(seal, _)| seal.sealed)
}

/// The sentence about a server with this certificate, to somebody who was told this.
async fn said(signer: &Signer, params: CertificateParams, told: &ServerTls) -> Fault {
    let server = server(signer, params).await;
    let vault = gateway(&[]);
    vault.trust(&server.replica.server, told);
    let fault = status(&vault, &server).await.unwrap_err();
    assert_eq!((fault.kind, server.requests.load(Ordering::Relaxed)), (FaultKind::Tls, 0), "{fault}");
    fault
}

#[tokio::test]
async fn the_ca_of_a_store_is_trusted_for_its_server_as_soon_as_it_is_named() {
    let (right, wrong) = (Signer::new(), Signer::new());
    let server = server(&right, for_loopback()).await;
    let vault = gateway(&[]);
    let fault = status(&vault, &server).await.unwrap_err();
    assert!(fault.message.as_str().ends_with("not trusted here. No store names a CA for it."), "{fault}");
    vault.trust(&server.replica.server, &wrong.named_by(Kind::SecretStore, "shop"));
    let fault = status(&vault, &server).await.unwrap_err();
    assert!(fault.message.as_str().contains("It is not the CA of SecretStore/shop/vault."), "{fault}");
    vault.trust(&server.replica.server, &right.named_by(Kind::SecretStore, "shop"));
    assert_eq!(status(&vault, &server).await, Ok(true));
    let other = VaultAddress { port: server.replica.server.port ^ 1, ..server.replica.server.clone() };
    let another = gateway(&[]);
    another.trust(&other, &right.named_by(Kind::SecretStore, "shop"));
    assert!(status(&another, &server).await.is_err(), "it is trusted for that server only");
}

#[tokio::test]
async fn the_name_in_the_certificate_is_that_of_the_store_not_of_the_socket() {
    let signer = Signer::new();
    let server = server(&signer, CertificateParams::new(vec!["vault.vault.svc".to_owned()]).unwrap()).await;
    let told = signer.named_by(Kind::SecretStore, "shop");
    let vault = gateway(&[]);
    vault.trust(&server.replica.server, &told);
    let fault = status(&vault, &server).await.unwrap_err();
    assert!(fault.message.as_str().contains("for vault.vault.svc, not for 127.0.0.1"), "{fault}");
    // As through a port-forward: the stream comes from elsewhere, the name from the store.
    let trust = &vault.0.tls;
    let terms =
        Terms { server: &server.replica.server, host: "vault.vault.svc", name: None, exposed: false, word: None, cluster: None };
    let handshake = trust.handshake(&terms).await.unwrap();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", server.replica.server.port)).await.unwrap();
    handshake.connector.connect(handshake.name, stream).await.unwrap();
    // As a VaultConnection says it, and as the environment does.
    vault.trust(&server.replica.server, &ServerTls { name: Some(Text::foreign("vault.vault.svc")), ..told.clone() });
    assert_eq!(status(&vault, &server).await, Ok(true));
    let own = gateway(&[("BAO_TLS_SERVER_NAME", "vault.vault.svc".to_owned())]);
    own.trust(&server.replica.server, &told);
    assert_eq!(status(&own, &server).await, Ok(true));
    let names = server.names.lock().unwrap();
    assert_eq!(*names, vec![Some("vault.vault.svc".to_owned()); 3], "and the server is asked for it");
}

#[tokio::test]
async fn each_thing_that_is_wrong_with_a_certificate_has_its_sentence() {
    let signer = Signer::new();
    let told = signer.named_by(Kind::SecretStore, "shop");
    let mut expired = for_loopback();
    (expired.not_before, expired.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2025, 3, 4));
    let mut early = for_loopback();
    (early.not_before, early.not_after) = (date_time_ymd(2090, 1, 2), date_time_ymd(2099, 1, 1));
    let mut authority = for_loopback();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut person = for_loopback();
    person.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let nobody = CertificateParams::new(Vec::<String>::new()).unwrap();
    for (params, words, hint) in [
        (expired, "shows a certificate that expired on 2025-03-04T00:00:00Z", "renewed"),
        (early, "shows a certificate that is valid only from 2090-01-02T00:00:00Z on", "clock"),
        (authority, "shows a certificate of an authority as its own", "issued anew"),
        (person, "shows a certificate that is not for a server", "issued anew"),
        (nobody, "shows a certificate for no name at all, not for 127.0.0.1", "the name that the stores use"),
    ] {
        let fault = said(&signer, params, &told).await;
        assert!(fault.message.as_str().contains(words) && fault.hint.contains(hint), "{fault}");
    }
    let bundle = |text: &str| {
        let ca = Ca::bundle(text, &mut Names::default());
        ServerTls { authorities: vec![Authority { of: ObjectRef::new(Kind::SecretStore, "shop", "vault"), ca }], name: None }
    };
    for (told, words) in [
        (bundle("?"), "The CA in a bundle of its own is not base64."),
        (
            bundle(&STANDARD.encode("hello")),
            "The CA that SecretStore/shop/vault names (a bundle of its own) holds no certificate.",
        ),
    ] {
        let fault = said(&signer, for_loopback(), &told).await;
        assert!(fault.message.as_str().ends_with(words), "{fault}");
    }
}

#[tokio::test]
async fn a_ca_that_is_in_base64_twice_is_taken_as_external_secrets_takes_it() {
    let signer = Signer::new();
    let server = server(&signer, for_loopback()).await;
    let vault = gateway(&[]);
    let ca = Ca::bundle(&STANDARD.encode(STANDARD.encode(&signer.1)), &mut Names::default());
    let authorities = vec![Authority { of: ObjectRef::new(Kind::SecretStore, "shop", "vault"), ca }];
    vault.trust(&server.replica.server, &ServerTls { authorities, name: None });
    assert_eq!(status(&vault, &server).await, Ok(true));
}

#[tokio::test]
async fn a_token_does_not_go_out_on_a_tenants_word() {
    let signer = Signer::new();
    let server = server(&signer, for_loopback()).await;
    let address = server.replica.server.to_string();
    let token = ("BAO_TOKEN", "s.canary-token".to_owned());
    let vault = gateway(&[token.clone(), ("BAO_ADDR", address.clone())]);
    vault.trust(&server.replica.server, &signer.named_by(Kind::SecretStore, "shop"));
    assert_eq!(status(&vault, &server).await, Ok(true), "it is good for a look");
    let fault = vault.token(&server.replica).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
    assert!(fault.message.as_str().contains("may be that of SecretStore/shop/vault, whose word is not enough"), "{fault}");
    assert!(fault.hint.contains("BAO_CACERT"), "{fault}");
    assert_eq!(server.requests.load(Ordering::Relaxed), 1, "only the seal was asked for");

    let folder = Folder::new();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let told = |path: String| gateway(&[token.clone(), ("BAO_ADDR", address.clone()), ("BAO_CACERT", path)]);
    // The answer is none to that question, and that it came is the point.
    let fault = told(file("ca.pem", &signer.1)).token(&server.replica).await.unwrap_err();
    assert_eq!((fault.kind, server.requests.load(Ordering::Relaxed)), (FaultKind::Http, 2), "{fault}");
    let nowhere = Path::new("/nowhere").display().to_string();
    for (path, words) in [(file("empty.pem", ""), "holds no certificate"), (nowhere, "cannot be read: entity not found")] {
        let fault = told(path).token(&server.replica).await.unwrap_err();
        assert!(fault.kind == FaultKind::Local && fault.message.as_str().contains(words), "{fault}");
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_ours_says_so() {
    let signer = Signer::new();
    let key = KeyPair::generate().unwrap();
    let certificate = for_loopback().signed_by(&key, &signer.0).unwrap().der().clone();
    let mut roots = RootCertStore::empty();
    add(signer.1.as_bytes(), &mut roots).unwrap();
    let _ = ring::default_provider().install_default();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let server = serve(ServerConfig::builder().with_client_cert_verifier(verifier), certificate, &key).await;
    let vault = gateway(&[]);
    vault.trust(&server.replica.server, &signer.named_by(Kind::SecretStore, "shop"));
    let fault = status(&vault, &server).await.unwrap_err();
    assert!(fault.message.as_str().ends_with("wants a certificate of whoever connects."), "{fault}");
}

#[tokio::test]
async fn who_verifies_nobody_reads_and_does_not_write() {
    let server = server(&Signer::new(), for_loopback()).await;
    let vault = gateway(&[("BAO_SKIP_VERIFY", "1".to_owned())]);
    assert_eq!(status(&vault, &server).await, Ok(true));
    assert!(vault.insecure());
}

#[tokio::test]
async fn plain_http_to_a_port_with_tls_is_told_from_a_refusal() {
    // What Go's server answers; rustls hangs up, as others do.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = VaultAddress::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let text = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        stream.write_all(text.as_bytes()).await.unwrap();
    });
    let replica = ReplicaAddress { server: address, pod: Name::new("vault-0") };
    let fault = gateway(&[]).status(&replica).await.unwrap_err();
    assert!(fault.message.as_str().ends_with("speaks TLS, and was asked in plain http."), "{fault}");
    assert_eq!((fault.kind, fault.hint), (FaultKind::Http, "The stores must name its address with https."));
}
