//! No replica of a Vault answers.

use jiff::Timestamp;

use super::{Case, Check, Rule};
use super::finding::{Finding, Severity, Source};
use super::server::{ServerState, operators_word, since};
use crate::model::{Inventory, VaultServer};

pub(super) const RULE: Rule = Rule {
    slug: "vault-unreachable",
    title: "Vault does not answer",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Vault(check),
    explain: "\
No replica of this Vault gave an answer: the name, the connection, the TLS handshake or the answer itself
failed.

**How it is known.** It is certain when External Secrets' own events report a dial, DNS or TLS error:
that is the view from inside the cluster. It is only suspected when sealwatch alone cannot connect, since
a laptop has other name servers, routes and rights.

**How it is repaired.** Look at the pods and the endpoints of the Service, at network policies, and for
TLS at the store's `caBundle` or `caProvider`. Then annotate the store: it validates at once.
",
};

fn check(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    let said = match ServerState::of(server) {
        ServerState::Unreachable => connection(case.world, server),
        // We could not even ask (no such Service, no right to list its pods), but External Secrets did.
        ServerState::Unknown => match connection(case.world, server) {
            None => return,
            said => said,
        },
        _ => return,
    };
    let nobody = server.listed && server.replicas.is_empty();
    let summary = match &said {
        _ if nobody => "No pod stands behind the Service of this Vault.".to_owned(),
        Some((layer, _, _)) => format!("External Secrets cannot reach this Vault: {layer}."),
        None => "No replica of this Vault answers sealwatch; whether External Secrets can reach it is not known.".to_owned(),
    };
    let mut root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary).since(since(case, server));
    for (pod, replica) in &server.replicas {
        if let Some(fault) = &replica.fault {
            root = root.seen(Source::Probe, format!("{pod}: {}", fault.message), replica.since);
        }
    }
    if nobody {
        root = root.seen(Source::Kubernetes, "the Service selects no pod that could answer", None);
    }
    found.push(match said {
        Some((_, what, at)) => root.seen(Source::Event, what, at),
        None if nobody => root,
        None => root.suspected(),
    });
}

/// What External Secrets says of the connection: the layer in words, the text, the time.
fn connection(world: &Inventory, server: &VaultServer) -> Option<(&'static str, String, Option<Timestamp>)> {
    let (_, text, at) = operators_word(world, server)?;
    Some((layer(&text)?, text, at))
}

fn layer(text: &str) -> Option<&'static str> {
    [
        ("no such host", "its name is not known (DNS)"),
        ("connection refused", "the connection is refused"),
        ("x509", "its certificate is not trusted (TLS)"),
        ("tls:", "the TLS handshake fails"),
        ("i/o timeout", "it does not answer in time"),
        ("context deadline exceeded", "it does not answer in time"),
        ("no route to host", "there is no route to it"),
    ]
    .into_iter()
    .find_map(|(needle, layer)| text.contains(needle).then_some(layer))
}
