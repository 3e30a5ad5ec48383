//! What an error of kube-rs means for a person. Only its parts are read: `{:?}` of some of them prints the
//! output of login plug-ins, and their `Display` prints whole answers.

use std::error::Error;
use std::time::Duration;

use crate::gateways::network;
use crate::model::{Fault, FaultKind, Text};

/// A request that failed: the status, if the server gave one, and what to say.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: Option<u16>,
    pub(super) fault: Fault,
    /// How long the server wishes not to be asked again (`Retry-After`).
    pub(super) after: Option<Duration>,
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        failure.fault
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { code: None, fault, after: None }
    }
}

/// Reads an error; `asked` says what was asked for, to go after “could not”.
pub(super) fn of(error: &kube::Error, server: &Text, asked: &str) -> Failure {
    if let kube::Error::Api(status) = error {
        return refused(status.code, &status.message, asked);
    }
    if let Some(fault) = ours(error) {
        return fault.clone().into();
    }
    if let Some(broken) = network::broken(error) {
        let fault = Fault::new(broken.kind, &format!("The API server at {server} {}.", broken.how));
        return fault.hinted(if broken.hint.is_empty() { connection_hint(broken.kind) } else { broken.hint }).into();
    }
    let (kind, what) = match error {
        kube::Error::Auth(_) => (FaultKind::Local, "the credentials of the kubeconfig cannot be used"),
        kube::Error::RustlsTls(_) | kube::Error::TlsRequired => {
            (FaultKind::Local, "a certificate or key of the kubeconfig cannot be used")
        }
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            (FaultKind::Local, "the proxy of the kubeconfig speaks a protocol that is not supported")
        }
        kube::Error::UpgradeConnection(_) => {
            (FaultKind::Http, "a WebSocket was not let through: the server is too old, or a proxy stands in between")
        }
        kube::Error::BuildRequest(_) | kube::Error::HttpError(_) => (FaultKind::Local, "the request cannot be formed"),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => (FaultKind::Http, "the answer is not what Kubernetes says"),
        _ => (FaultKind::Tcp, "the connection broke"),
    };
    Fault::new(kind, &format!("Could not {asked} at {server}: {what}.")).into()
}

/// A refusal by the server, with its own words.
pub(super) fn refused(code: u16, message: &str, asked: &str) -> Failure {
    let kind = match code {
        401 => FaultKind::Unauthorized,
        403 => FaultKind::Forbidden,
        404 | 410 => FaultKind::NotFound,
        409 => FaultKind::Conflict,
        429 => FaultKind::Throttled,
        408 | 504 => FaultKind::Timeout,
        400..500 => FaultKind::Invalid,
        500..600 => FaultKind::Server,
        _ => FaultKind::Http,
    };
    let message = first_line(message);
    let said = if message.is_empty() { format!("status {code}") } else { message };
    let hint = match kind {
        FaultKind::Unauthorized => "Your login has ended: log in again as for kubectl, then try again.",
        FaultKind::Forbidden => "Ask for the right, or use another context.",
        FaultKind::Throttled => "The API server is overloaded: wait a moment.",
        _ => "",
    };
    Failure {
        code: Some(code),
        after: None,
        fault: Fault::new(kind, &format!("Could not {asked}: {}.", said.trim_end_matches('.'))).hinted(hint),
    }
}

/// Pages of proxies are long; a status of Kubernetes says it in a line.
fn first_line(message: &str) -> String {
    const LONGEST: usize = 500;
    let line = message.trim().lines().next().unwrap_or_default();
    if line.trim_start().starts_with('<') {
        return "the answer is a web page, so a proxy or a login page stands in between".to_owned();
    }
    line.chars().take(LONGEST).collect()
}

fn connection_hint(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Dns | FaultKind::Tcp | FaultKind::Timeout => "Is the VPN up, and is this the right context?",
        FaultKind::Tls => "Does the kubeconfig hold the CA of this server?",
        FaultKind::Local => "Raise the limit, or name the namespaces that matter: -n NAMESPACE.",
        FaultKind::Http => "Does the server of the kubeconfig begin with the right scheme?",
        _ => "",
    }
}

/// A fault of our own that travelled through the client.
fn ours<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Fault> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return Some(fault);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_kind_and_the_servers_own_words() {
        for (code, kind) in [
            (400, FaultKind::Invalid),
            (401, FaultKind::Unauthorized),
            (403, FaultKind::Forbidden),
            (404, FaultKind::NotFound),
            (409, FaultKind::Conflict),
            (422, FaultKind::Invalid),
            (429, FaultKind::Throttled),
            (500, FaultKind::Server),
            (503, FaultKind::Server),
        ] {
            let failure = refused(code, "secrets is forbidden: User \"dev\" cannot list", "list secrets");
            assert_eq!((failure.code, failure.fault.kind), (Some(code), kind));
            assert!(
                failure.fault.message.as_str().starts_with("Could not list secrets: secrets is forbidden"),
                "{}",
                failure.fault
            );
        }
        let page = refused(502, "<html><body>Bad gateway", "list pods").fault;
        assert!(page.message.as_str().contains("web page"), "{page}");
    }

    #[test]
    fn a_fault_of_ours_comes_out_as_it_went_in() {
        let fault = Fault::new(FaultKind::Local, "The login plug-in “x” failed.");
        let error = kube::Error::Service(Box::new(fault.clone()));
        assert_eq!(of(&error, &Text::foreign("https://x"), "list pods").fault, fault);
    }

    #[test]
    fn a_broken_connection_names_the_layer() {
        let error = kube::Error::Service(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
        let fault = of(&error, &Text::foreign("https://10.0.0.1:6443"), "list pods").fault;
        assert_eq!(fault.kind, FaultKind::Tcp);
        assert!(fault.message.as_str().starts_with("The API server at https://10.0.0.1:6443 refuses connections"), "{fault}");
    }
}
