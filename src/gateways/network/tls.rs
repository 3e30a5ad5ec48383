//! What a failed TLS handshake means: which certificate was shown, and what is wrong with it.

use std::error::Error;

use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError as Certificate};

use super::{Broken, causes};
use crate::model::FaultKind;

const ISSUER: &str = "shows a certificate of an authority that is not trusted here";
const RENEW: &str = "It has to be renewed; until then every client that looks refuses it.";
const CLOCKS: &str = "Compare the clock of the server with that of this machine.";
const SCHEME: &str = "Does the address begin with the right scheme, http or https?";
const REISSUE: &str = "It has to be issued anew, as a certificate for a server.";

/// Whether it failed because nobody who is trusted signed the certificate.
pub(in crate::gateways) fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| {
        let error = error.downcast_ref::<rustls::Error>();
        matches!(error, Some(rustls::Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature)))
    })
}

pub(super) fn broken(error: &rustls::Error) -> Broken {
    let (how, hint) = match error {
        rustls::Error::InvalidCertificate(error) => certificate(error),
        rustls::Error::InvalidMessage(_) => ("does not speak TLS: is it plain http?".to_owned(), SCHEME),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            let hint = "sealwatch has none to show: reach this server by an address that does without.";
            ("wants a certificate of whoever connects".to_owned(), hint)
        }
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            ("does not know the name by which it was called".to_owned(), "Is it the right address? A proxy may stand before it.")
        }
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) | rustls::Error::PeerIncompatible(_) => {
            (format!("fails the TLS handshake: {error}"), "It needs TLS 1.2 or newer.")
        }
        other => (format!("fails the TLS handshake: {other}"), ""),
    };
    Broken { hint, ..Broken::new(FaultKind::Tls, how) }
}

fn certificate(error: &Certificate) -> (String, &'static str) {
    let how = match error {
        Certificate::UnknownIssuer => ISSUER,
        // The right name over another key: two authorities that are called the same.
        Certificate::BadSignature => {
            return (format!("{ISSUER}: it is called like one that is, and has another key"), "");
        }
        Certificate::Expired => return ("shows a certificate that has expired".to_owned(), RENEW),
        Certificate::ExpiredContext { not_after, .. } => {
            return (format!("shows a certificate that expired on {}", at(*not_after)), RENEW);
        }
        Certificate::NotValidYet => return ("shows a certificate that is not valid yet".to_owned(), CLOCKS),
        Certificate::NotValidYetContext { not_before, .. } => {
            return (format!("shows a certificate that is valid only from {} on", at(*not_before)), CLOCKS);
        }
        Certificate::NotValidForName => "shows a certificate for another name",
        Certificate::NotValidForNameContext { expected, presented } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            return (format!("shows a certificate for {names}, not for {}", expected.to_str()), "");
        }
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
            return ("shows a certificate that is not for a server".to_owned(), REISSUE);
        }
        // webpki's, which Go would let pass: `openssl req -x509` makes such a one.
        Certificate::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            return ("shows a certificate of an authority as its own".to_owned(), REISSUE);
        }
        other => return (format!("shows a certificate that is not good: {other}"), ""),
    };
    (how.to_owned(), "")
}

/// `DnsName("vault.vault.svc")` without what stands around the name.
fn bare(presented: &str) -> &str {
    presented.split_once('(').map_or(presented, |(_, name)| name).trim_end_matches(')').trim_matches('"')
}

fn at(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).ok().and_then(|second| Timestamp::from_second(second).ok());
    second.map_or_else(|| "a day that no calendar has".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_and_times_are_those_of_the_certificate() {
        let said = |error| certificate(&error).0;
        let time = |second| UnixTime::since_unix_epoch(Duration::from_secs(second));
        let expired = Certificate::ExpiredContext { time: time(2_000_000_000), not_after: time(1_763_000_000) };
        assert_eq!(said(expired), "shows a certificate that expired on 2025-11-13T02:13:20Z");
        let other = Certificate::NotValidForNameContext {
            expected: "vault.vault.svc".try_into().unwrap(),
            presented: vec!["DnsName(\"vault.example.com\")".to_owned(), "IpAddress(10.0.0.7)".to_owned()],
        };
        assert_eq!(said(other), "shows a certificate for vault.example.com, 10.0.0.7, not for vault.vault.svc");
        let wrapped = std::io::Error::other(rustls::Error::InvalidCertificate(Certificate::UnknownIssuer));
        assert!(is_untrusted(&wrapped));
        assert!(!is_untrusted(&std::io::Error::other(rustls::Error::InvalidCertificate(Certificate::Revoked))));
    }
}
