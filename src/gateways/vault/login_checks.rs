//! Why a login of kubernetes auth is refused, asked step by step. What needs no token is asked without one; the role and
//! the configuration of the method with the token that reads the paths. The real login is made by the caller.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::api::{Api, Question};
use super::client::Answer;
use super::faults::Refusal;
use super::login::{is_plain, login_path};
use super::wire::Heard;
use crate::model::vault::{AuthConfig, AuthRole, LoginChecks, StoreLogin, Told};
use crate::model::{Fault, Name, Text};

/// Asks what can be asked without a login. `anybody` is asked without a token, `holder` with one, if there is one.
pub(in crate::gateways) async fn login_checks(
    anybody: &dyn Api,
    holder: Option<&dyn Api>,
    login: &StoreLogin,
    said: &Name,
    now: Timestamp,
) -> LoginChecks {
    let mut checks = LoginChecks { asked: Some(now), ..LoginChecks::default() };
    let path = match login_path(login.mount.as_str(), None) {
        Ok(path) => path,
        Err(fault) => return LoginChecks { mount: Told::Failed(fault), ..checks },
    };
    let namespace = login.namespace.as_str();
    let at_login = |body: String| Question::post(namespace, path.clone(), body);
    checks.mount = match anybody.ask(&at_login("{}".to_owned())).await {
        Ok(None) => Told::NotAsked,
        // It wants a role: so it is there.
        Ok(Some(answer)) if answer.status == 400 => Told::Said(true),
        Ok(Some(answer)) if answer.status == 403 => Told::Said(false),
        Ok(Some(answer)) => Told::Failed(answer.success(said).map_or_else(|fault| fault, |_| odd(said))),
        Err(fault) => Told::Failed(fault),
    };
    checks.probe = match anybody.ask(&at_login(attempt(login, "x"))).await {
        Ok(None) => Told::NotAsked,
        Ok(Some(answer)) => words(&answer).map_or(Told::Absent, Told::Said),
        Err(fault) => Told::Failed(fault),
    };
    let (Some(holder), true) = (holder, is_plain(login.role.as_str())) else { return checks };
    let method = path.trim_end_matches("/login");
    checks.role =
        told::<AuthRole>(holder, namespace, format!("{method}/role/{}", login.role.as_str().to_lowercase()), said).await;
    checks.config = told::<AuthConfig>(holder, namespace, format!("{method}/config"), said).await;
    checks
}

/// What a login for the role of a store sends. Never to be printed where the token is a real one.
pub(in crate::gateways) fn attempt(login: &StoreLogin, jwt: &str) -> String {
    // Not a map, whose order would be another.
    format!(r#"{{"role":{},"jwt":{}}}"#, json!(login.role.as_str()), json!(jwt))
}

/// Vault's first word in a refusal; `None` of an answer that is none.
pub(in crate::gateways) fn words(answer: &Answer) -> Option<Text> {
    let refused = !(200..300).contains(&answer.status);
    refused.then(|| Text::foreign(&Refusal::read(&answer.body).first())).filter(|words| !words.is_empty())
}

async fn told<T: DeserializeOwned>(holder: &dyn Api, namespace: &str, path: String, said: &Name) -> Told<T> {
    match holder.ask(&Question::get(namespace, path)).await {
        Ok(None) => Told::NotAsked,
        Ok(Some(answer)) => match answer.heard::<T>(said) {
            Ok(Heard::Said(one)) => Told::Said(one),
            Ok(Heard::Nothing | Heard::NoMount | Heard::NoSuchEndpoint) => Told::Absent,
            Ok(Heard::Denied | Heard::TokenOrDenied) => Told::Denied,
            Err(fault) => Told::Failed(fault),
        },
        Err(fault) => Told::Failed(fault),
    }
}

fn odd(said: &Name) -> Fault {
    Fault::new(crate::model::FaultKind::Http, &format!("{said} lets in a login that has no role."))
}
