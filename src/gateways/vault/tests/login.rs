//! Logins against a loopback server that knows two tokens and one user.

use super::*;
use crate::model::vault::{Login, TokenSource};

/// What a Vault says: `s.typed` and `s.given` are tokens of people, `s.canary-token` is the environment's.
fn vault_says(request: &str, ends: &str) -> String {
    let token = request.lines().find_map(|line| line.strip_prefix("x-vault-token: ")).unwrap_or_default();
    let name = match token {
        "s.typed" => "token-alice",
        "s.given" => "userpass-alice",
        "s.canary-token" => "env",
        _ => "",
    };
    let head = request.lines().next().unwrap_or_default();
    if head.starts_with("POST /v1/auth/userpass/login/alice ") {
        let right = request.ends_with(r#"{"password":"canary-password"}"#);
        return if right {
            json("200 OK", r#"{"auth":{"client_token":"s.given","accessor":"a","lease_duration":3600,"renewable":true}}"#)
        } else {
            json("400 Bad Request", r#"{"errors":["invalid username or password"]}"#)
        };
    }
    if head.starts_with("POST /v1/auth/ldap/login/bob ") {
        return json("200 OK", r#"{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"x"}}}"#);
    }
    match (head, name) {
        (_, "") => json("403 Forbidden", r#"{"errors":["permission denied"]}"#),
        (head, name) if head.contains("/lookup-self ") => json(
            "200 OK",
            &format!(
                r#"{{"data":{{"id":"{token}","display_name":"{name}","policies":["default"],"creation_ttl":3600,"renewable":true,"expire_time":{ends}}}}}"#
            ),
        ),
        (head, _) if head.contains("/revoke-self ") => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        (head, _) if head.contains("/renew-self ") => json("200 OK", r#"{"auth":{"client_token":"x"}}"#),
        _ => json("404 Not Found", r#"{"errors":[]}"#),
    }
}

async fn vault_server() -> Server {
    server(|request, _| Some(vault_says(request, r#""2099-01-01T00:00:00Z""#))).await
}

fn typed(text: &str) -> Typed {
    let mut typed = Typed::new();
    text.chars().for_each(|c| typed.push(c));
    typed
}

async fn log_in(vault: &VaultGateway, server: &Server, login: &str, text: &str) -> Result<(String, TokenSource), Fault> {
    let known = vault.log_in(&server.replica, &Login::parse(login), Some(&typed(text))).await;
    assert!(!format!("{known:?}").contains("canary"), "{known:?}");
    known.map(|token| token.map(|token| (token.name.to_string(), token.from)).expect("it may look at itself"))
}

/// Whose token reads there now.
async fn reads_as(vault: &VaultGateway, server: &Server) -> Result<String, Fault> {
    vault.token(&server.replica).await.map(|token| token.map_or_else(String::new, |token| token.name.to_string()))
}

/// The first words of what a server was asked.
fn heads(server: &Server) -> Vec<String> {
    let asked = server.asked.lock().unwrap();
    asked.iter().map(|request| request.split(" HTTP").next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_typed_token_reads_where_it_was_given_and_nowhere_else() {
    let (server, other) = (vault_server().await, vault_server().await);
    let vault = gateway_for(&server.replica.server);
    assert_eq!(reads_as(&vault, &server).await.as_deref(), Ok("env"));
    assert_eq!(log_in(&vault, &server, "", "s.typed").await, Ok(("token-alice".to_owned(), TokenSource::Typed)));
    assert_eq!(reads_as(&vault, &server).await.as_deref(), Ok("token-alice"), "it goes before that of the environment");
    assert_eq!(reads_as(&vault, &other).await.unwrap_err().kind, FaultKind::NoToken);
    assert!(other.asked.lock().unwrap().is_empty(), "the other server never sees a token");
    let fault = log_in(&vault, &server, "", "s.nonsense").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unauthorized, "{fault}");
    assert_eq!(reads_as(&vault, &server).await.as_deref(), Ok("token-alice"), "a dead token takes no good one's place");
    assert_eq!(vault.log_out().await, Vec::new());
    assert!(!heads(&server).iter().any(|head| head.contains("revoke")), "what somebody typed is theirs");
    assert_eq!(reads_as(&vault, &server).await.as_deref(), Ok("env"));
}

#[tokio::test]
async fn a_login_with_a_password_is_revoked_in_the_end() {
    let server = vault_server().await;
    let vault = VaultGateway::new(VaultEnvironment::of(|name| (name == "BAO_NAMESPACE").then(|| "team/a".to_owned())), None);
    let fault = log_in(&vault, &server, "alice", "wrong").await.unwrap_err();
    assert!(fault.message.as_str().ends_with("invalid username or password."), "{fault}");
    let fault = log_in(&vault, &server, "ldap/bob", "canary-password").await.unwrap_err();
    assert!(fault.message.as_str().contains("second factor"), "{fault}");
    assert_eq!(log_in(&vault, &server, "alice", "canary-password").await, Ok(("userpass-alice".to_owned(), TokenSource::User)));
    assert_eq!(reads_as(&vault, &server).await.as_deref(), Ok("userpass-alice"));
    assert_eq!(vault.log_out().await, Vec::new());
    assert!(reads_as(&vault, &server).await.is_err());
    let asked = server.asked.lock().unwrap();
    assert!(asked.iter().all(|request| request.contains("x-vault-namespace: team/a\r\n")), "{asked:#?}");
    let last = asked.last().unwrap();
    assert!(last.starts_with("POST /v1/auth/token/revoke-self ") && last.contains("x-vault-token: s.given\r\n"), "{last}");
    assert_eq!(asked.iter().filter(|request| request.contains("canary-password")).count(), 2, "each password went out once");
}

#[tokio::test]
async fn a_new_login_revokes_what_the_old_one_got() {
    let server = vault_server().await;
    let vault = gateway();
    log_in(&vault, &server, "alice", "canary-password").await.unwrap();
    log_in(&vault, &server, "", "s.typed").await.unwrap();
    assert!(heads(&server).last().is_some_and(|head| head.contains("revoke-self")));
    assert_eq!(reads_as(&vault, &server).await.as_deref(), Ok("token-alice"));
}

#[tokio::test]
async fn a_token_that_is_ours_is_renewed_before_it_ends_and_one_of_theirs_is_not() {
    let soon = || format!("\"{}\"", crate::gateways::clock::now().checked_add(jiff::SignedDuration::from_secs(600)).unwrap());
    let server = server(move |request, _| Some(vault_says(request, &soon()))).await;
    let vault = gateway();
    let renewals = || heads(&server).iter().filter(|head| head.contains("renew-self")).count();
    log_in(&vault, &server, "", "s.typed").await.unwrap();
    reads_as(&vault, &server).await.unwrap();
    assert_eq!(renewals(), 0);
    log_in(&vault, &server, "alice", "canary-password").await.unwrap();
    reads_as(&vault, &server).await.unwrap();
    assert_eq!(renewals(), 1);
}

#[tokio::test]
async fn a_login_that_ended_is_said_and_not_replaced_in_silence() {
    let dead = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_dead = Arc::clone(&dead);
    let server = server(move |request, _| {
        let refused = is_dead.load(Ordering::Relaxed) && !request.contains("s.canary-token");
        Some(if refused { json("403 Forbidden", r#"{"errors":["permission denied"]}"#) } else { vault_says(request, "null") })
    })
    .await;
    let vault = gateway_for(&server.replica.server);
    log_in(&vault, &server, "alice", "canary-password").await.unwrap();
    dead.store(true, Ordering::Relaxed);
    let fault = reads_as(&vault, &server).await.unwrap_err();
    assert!(fault.message.as_str().starts_with("The login at ") && fault.hint.contains(":login"), "{fault}");
    assert_eq!(vault.log_out().await, Vec::new(), "what ended needs no end");
    assert_eq!(reads_as(&vault, &server).await.as_deref(), Ok("env"));
}

#[tokio::test]
async fn nothing_to_log_in_with_leaves_in_clear_or_follows_a_redirect() {
    let at = |url: &str| ReplicaAddress { server: VaultAddress::parse(url).unwrap(), pod: Name::new("vault") };
    for login in ["", "alice"] {
        let answer = gateway().log_in(&at("http://192.0.2.1:8200"), &Login::parse(login), Some(&typed("canary"))).await;
        let fault = answer.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
        assert!(fault.message.as_str().contains("plain http on a network"), "{fault}");
    }
    let elsewhere = vault_server().await;
    let location = url_of(&elsewhere);
    let moved = server(move |_, _| {
        Some(format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}/v1/auth/userpass/login/alice\r\ncontent-length: 0\r\n\r\n"
        ))
    })
    .await;
    let fault = log_in(&gateway(), &moved, "alice", "canary-password").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Http, "{fault}");
    assert!(elsewhere.asked.lock().unwrap().is_empty());
    let none = gateway().log_in(&moved.replica, &Login::Token, None).await.unwrap_err();
    assert!(none.message.as_str().contains("nothing to log in with"), "{none}");
    for wrong in ["../sys/seal/x", "user/../x", "a/..", "userpass/a/../b/"] {
        let fault = log_in(&gateway(), &elsewhere, wrong, "canary-password").await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Invalid, "{wrong}: {fault}");
    }
    assert!(elsewhere.asked.lock().unwrap().is_empty());
}
