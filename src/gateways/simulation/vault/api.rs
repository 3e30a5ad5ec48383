//! The part of its HTTP API that a person's console asks: mounts, rights, paths without their values. The
//! answers have the bodies of OpenBao 2.7.2 (facts/vault.md, section 2). The person's token is root's, until they log in.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Server;
use super::kv::{Mount, Version};
use super::visitor::Visitor;
use crate::gateways::vault::api::{Method, Question};
use crate::gateways::vault::client::Answer;

impl Server {
    /// Answers a question at one replica.
    pub(in super::super) fn answer(&self, replica: usize, question: &Question, now: Timestamp) -> Answer {
        if let Err(refusal) = self.serves(replica) {
            return refused(refusal.code, &refusal.error);
        }
        let path = question.path.as_str();
        if self.spaces.contains_key(&question.namespace) {
            return match self.within(replica, &question.namespace) {
                Ok((space, index)) => space.answer(index, &Question { namespace: String::new(), ..question.clone() }, now),
                Err(refusal) => refused(refusal.code, &refusal.error),
            };
        }
        if let Some(space) = path.strip_prefix("sys/namespaces/").and_then(|rest| rest.strip_suffix("/seal-status")) {
            return self.space_seal(space);
        }
        match question.method {
            Method::Post if path == "sys/capabilities-self" => {
                capabilities(question.body.as_deref().unwrap_or_default(), self.visitor.as_ref())
            }
            Method::Get if path == "auth/token/lookup-self" => self.who(),
            _ if path.starts_with("auth/") => self.auth(question),
            Method::Get if path == "sys/internal/ui/mounts" => {
                let mounts = self.mounts.iter().map(|(name, mount)| (format!("{name}/"), kv_mount(mount)));
                found(&json!({ "secret": mounts.collect::<serde_json::Map<_, _>>(), "auth": {} }))
            }
            Method::Get if path == "sys/ha-status" => found(&self.ha_status(now)),
            Method::Get if path == "sys/storage/raft/autopilot/state" => found(&self.autopilot()),
            _ => match path.strip_prefix("sys/internal/ui/mounts/") {
                Some(mount) => self.mount(mount),
                None => self.kv(question.method, path),
            },
        }
    }

    fn who(&self) -> Answer {
        match &self.visitor {
            Some(Visitor { token, .. }) => found(&json!({
                "display_name": token.name, "policies": token.policies, "expire_time": token.expires, "renewable": token.renewable
            })),
            None => found(&json!({
                "display_name": "root", "policies": ["root"], "ttl": 0, "expire_time": null, "renewable": false
            })),
        }
    }

    /// Kubernetes auth: a login that holds no token, the role, the configuration of the method.
    fn auth(&self, question: &Question) -> Answer {
        #[derive(Deserialize, Default)]
        struct Body {
            role: Option<String>,
        }
        let path = question.path.trim_start_matches("auth/");
        if let Some(mount) = path.strip_suffix("/login") {
            let body: Body = question.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
            return match body.role {
                _ if !self.has_method(mount) => refused(403, "permission denied"),
                None => refused(400, "missing role"),
                Some(role) if !self.roles.contains_key(&(mount.to_owned(), role.clone())) => {
                    refused(400, &format!("invalid role name \"{role}\""))
                }
                Some(_) => refused(403, "permission denied"),
            };
        }
        if self.visitor.is_some() {
            return refused(403, "1 error occurred:\n\t* permission denied\n\n");
        }
        match path.rsplit_once("/role/") {
            _ if !self.roles.keys().any(|(mount, _)| path.starts_with(&format!("{mount}/"))) => {
                refused(404, &format!("no handler for route \"auth/{path}\". route entry not found."))
            }
            Some((mount, role)) => match self.roles.get(&(mount.to_owned(), role.to_owned())) {
                Some(role) => found(&json!({
                    "bound_service_account_names": role.accounts, "bound_service_account_namespaces": role.namespaces
                })),
                None => nothing(),
            },
            None => found(&json!({"kubernetes_host": "https://kubernetes.default.svc", "disable_iss_validation": true})),
        }
    }

    fn mount(&self, name: &str) -> Answer {
        match self.mounts.get(name) {
            Some(mount) => {
                let mut said = kv_mount(mount);
                said["path"] = json!(format!("{name}/"));
                found(&said)
            }
            None => refused(
                403,
                &format!(
                    "preflight capability check returned 403, please ensure client's policies grant access to path \"{name}/\""
                ),
            ),
        }
    }

    fn kv(&self, method: Method, path: &str) -> Answer {
        let Some((mount, rest)) =
            self.mounts.iter().find_map(|(name, mount)| Some((mount, path.strip_prefix(name.as_str())?.strip_prefix('/')?)))
        else {
            return refused(404, &format!("no handler for route \"{path}\". route entry not found."));
        };
        if mount.version == 1 {
            return match method {
                Method::List => keys(mount, rest, false),
                _ => nothing(),
            };
        }
        match (method, rest.split_once('/').unwrap_or((rest, ""))) {
            (Method::List, ("metadata", folder)) => keys(mount, folder, false),
            (Method::List, ("detailed-metadata", folder)) => keys(mount, folder, true),
            (Method::Get, ("metadata", key)) => mount.paths.get(key).map_or_else(nothing, |versions| found(&metadata(versions))),
            (Method::Get, ("subkeys", key)) => subkeys(mount, key),
            _ => Answer::of(
                404,
                json!({"data": null, "warnings": ["Invalid path for a versioned K/V secrets engine. See the API docs for the \
                    appropriate API endpoints to use."]})
                .to_string()
                .into_bytes(),
            ),
        }
    }
}

fn kv_mount(mount: &Mount) -> Value {
    json!({ "type": "kv", "options": {"version": mount.version.to_string()} })
}

fn capabilities(body: &str, visitor: Option<&Visitor>) -> Answer {
    #[derive(Deserialize, Default)]
    struct Body {
        paths: Vec<String>,
    }
    let asked: Body = serde_json::from_str(body).unwrap_or_default();
    let held = |path: &str| match visitor {
        None => json!(["root"]),
        Some(visitor) if visitor.may_read(path) => json!(["read"]),
        Some(_) => json!(["deny"]),
    };
    found(&asked.paths.into_iter().map(|path| (path.clone(), held(&path))).collect())
}

/// The keys of a folder, in order, folders with a slash at their end.
fn keys(mount: &Mount, folder: &str, detailed: bool) -> Answer {
    let folder = folder.trim_end_matches('/');
    let within = mount.paths.iter().filter_map(|(path, versions)| {
        let rest = if folder.is_empty() { path.as_str() } else { path.strip_prefix(folder)?.strip_prefix('/')? };
        Some(match rest.split_once('/') {
            Some((below, _)) => (format!("{below}/"), json!({})),
            None => (rest.to_owned(), metadata(versions)),
        })
    });
    let info: serde_json::Map<String, Value> = within.collect();
    if info.is_empty() {
        return nothing();
    }
    let names: Vec<&String> = info.keys().collect();
    found(&if detailed { json!({"keys": names, "key_info": info}) } else { json!({"keys": names}) })
}

fn metadata(versions: &[Version]) -> Value {
    let numbered = versions.iter().enumerate().map(|(index, version)| {
        // The simulation does not remember when a version was deleted: it was when it was written.
        let deleted = if version.deleted { version.written.to_string() } else { String::new() };
        let said = json!({"created_time": version.written, "deletion_time": deleted, "destroyed": version.destroyed});
        ((index + 1).to_string(), said)
    });
    json!({"current_version": versions.len(), "versions": numbered.collect::<serde_json::Map<_, _>>()})
}

/// The names of the properties; a deleted or destroyed version says so with 404.
fn subkeys(mount: &Mount, key: &str) -> Answer {
    let Some((version, count)) = mount.paths.get(key).and_then(|versions| Some((versions.last()?, versions.len()))) else {
        return nothing();
    };
    let gone = version.deleted || version.destroyed;
    let names: serde_json::Map<String, Value> = version.data.keys().map(|name| (name.clone(), Value::Null)).collect();
    let body = json!({
        "data": {"metadata": {"version": count, "destroyed": version.destroyed}, "subkeys": if gone { Value::Null } else { names.into() }}
    });
    Answer::of(if gone { 404 } else { 200 }, body.to_string().into_bytes())
}

fn found(data: &Value) -> Answer {
    Answer::of(200, json!({ "data": data }).to_string().into_bytes())
}

fn nothing() -> Answer {
    Answer::of(404, br#"{"errors":[]}"#.to_vec())
}

fn refused(code: u16, error: &str) -> Answer {
    Answer::of(code, json!({"errors": [error]}).to_string().into_bytes())
}
