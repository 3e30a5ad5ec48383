//! As whom one looks: at the cluster, and at each Vault. Whose token that is, what it may, and how to use a lesser one.

use super::document::{Document, Ink};
use super::model::Model;
use super::rows::Tone;
use super::words::until;
use crate::model::vault::{Token, TokenSource};
use crate::ports::SIMULATION;

/// Room for labels.
const LABEL: usize = 10;

/// The page.
pub(super) fn page(model: &Model) -> Document {
    let mut page = Document::default();
    let identity = &model.snapshot.identity;
    page.title("The cluster");
    page.pair("context", LABEL, Ink::Plain, identity.context.to_string());
    if identity.server.as_str() == SIMULATION {
        page.pair("server", LABEL, Ink::Plain, "none: it is a simulation inside this program");
    } else {
        page.pair("server", LABEL, Ink::Plain, identity.server.to_string());
    }
    let user = if identity.user.is_empty() { "the API server does not say" } else { identity.user.as_str() };
    page.pair("as", LABEL, Ink::Strong, user);
    page.pair(
        "lesser",
        LABEL,
        Ink::Muted,
        "sealwatch --as USER, or --context with a lesser one. What may not be read is said (!).",
    );
    for server in model.snapshot.world.vaults.values() {
        page.title(format!("Vault {}", server.subject().short()));
        match &server.token {
            Some(token) => told(&mut page, model, token),
            None => page.pair("as", LABEL, Ink::Strong, "nobody: no token was accepted yet, or none is at hand"),
        }
    }
    if model.snapshot.world.vaults.is_empty() {
        page.title("Vault");
        page.text(Ink::Plain, "No store names a Vault.");
    }
    page.title("Another token for a Vault, such as a lesser one");
    for (key, text) in [
        (
            "L",
            "On a store: logs in as the operator does with it, and sees exactly what it sees. What that gets is revoked at the end.",
        ),
        (":login", "A token, or with a name a user’s password, typed unseen. :logout ends it."),
        ("VAULT_TOKEN", "Or BAO_TOKEN, before sealwatch is started; else the file that bao login leaves."),
    ] {
        page.keys(key, 14, text);
    }
    page.gap();
    page.text(
        Ink::Muted,
        "The token is used to ask where paths and logins stand, never to read a value onto the screen. Seals are asked without one. \
         What a repair writes to Vault is written with it too, after you agreed.",
    );
    page
}

fn told(page: &mut Document, model: &Model, token: &Token) {
    let name = if token.name.is_empty() { "a token that does not say whose it is" } else { token.name.as_str() };
    page.pair("as", LABEL, Ink::Strong, name);
    page.pair("from", LABEL, Ink::Plain, origin(&token.from));
    let policies: Vec<&str> = token.policies.iter().map(crate::model::Text::as_str).collect();
    if !policies.is_empty() {
        page.pair("policies", LABEL, Ink::Plain, policies.join(", "));
    }
    let ends = match token.expires {
        None => "never".to_owned(),
        Some(at) => format!("{}{}", until(at, model.now), if token.renewable { ", and can be renewed" } else { "" }),
    };
    page.pair("ends", LABEL, Ink::Plain, ends);
    if policies.contains(&"root") {
        let warning = "It may do anything in this Vault, and never ends by itself. To look, a lesser one is enough: see below.";
        page.pair("", LABEL, Ink::Tone(Tone::Warning), warning);
    }
}

/// Where a token is from, in words.
fn origin(from: &TokenSource) -> String {
    match from {
        TokenSource::Environment => "VAULT_TOKEN or BAO_TOKEN, or the file that bao login leaves".to_owned(),
        TokenSource::Typed => "typed here".to_owned(),
        TokenSource::User => "a login with a password".to_owned(),
        TokenSource::Store(store) => format!("a login as {store}"),
        TokenSource::Secret(secret) => format!("{secret}, which the configuration names"),
    }
}
