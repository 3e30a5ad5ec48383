//! Answers of OpenBao 2.7.2 as they were heard, and refusals.

use async_trait::async_trait;

use super::*;

/// Answers by path, and by the namespace that is asked in.
struct Says(&'static [(&'static str, u16, &'static str)]);

#[async_trait]
impl Api for Says {
    async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault> {
        let asked = if question.namespace.is_empty() {
            question.path.clone()
        } else {
            format!("{}:{}", question.namespace, question.path)
        };
        let answer = self.0.iter().find(|(path, ..)| *path == asked);
        Ok(answer.map(|(_, status, body)| Answer::of(*status, body.as_bytes().to_vec())))
    }
}

async fn says(answers: &'static [(&'static str, u16, &'static str)], namespaces: &[&str]) -> Result<Surroundings, Fault> {
    let namespaces: Vec<Text> = namespaces.iter().map(|name| Text::foreign(name)).collect();
    surroundings(&Says(answers), &Name::new("vault-0"), &namespaces).await
}

const LEADERLESS: &str = r#"{"errors":["local node not active but active cluster node not found"]}"#;
const DENIED: &str = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;

#[tokio::test]
async fn peers_raft_and_mounts_are_read() {
    let all = says(
        &[
            (
                "sys/ha-status",
                200,
                r#"{"nodes":[],"data":{"nodes":[
                    {"hostname":"vault-1","api_address":"http://b:8200","active_node":false,"last_echo":"2026-11-25T00:22:34.651155223Z","version":"2.7.2"},
                    {"hostname":"vault-0","api_address":"http://a:8200","active_node":true,"last_echo":null,"version":"2.7.2"}]}}"#,
            ),
            (
                "sys/storage/raft/autopilot/state",
                200,
                r#"{"data":{"failure_tolerance":1,"healthy":false,"leader":"vault-0","voters":["vault-0"],"servers":{
                    "vault-0":{"id":"vault-0","address":"a:8201","last_contact":"0s","last_index":29,"healthy":true,
                        "stable_since":"2026-11-25T22:43:17.973296067Z","status":"leader"},
                    "vault-1":{"id":"vault-1","address":"b:8201","last_contact":"3.2s","last_index":20,"healthy":false,
                        "stable_since":"0001-01-01T00:00:00Z","status":"voter"}}}}"#,
            ),
            (
                "sys/internal/ui/mounts",
                200,
                r#"{"data":{"auth":{},"secret":{"cubbyhole/":{"type":"cubbyhole","options":null},"old/":{"type":"kv","options":{"version":"1"}},
                    "pki/":{"type":"pki","options":null},"secret/":{"type":"kv","options":{"version":"2"}},"sys/":{"type":"system"}}}}"#,
            ),
        ],
        &[],
    )
    .await
    .unwrap();
    let (leader, other) = (all.peer("vault-0").unwrap(), all.peer("vault-1").unwrap());
    assert!(leader.active && leader.echoed.is_none() && !other.active && other.echoed.is_some());
    let autopilot = all.autopilot.said().unwrap();
    assert_eq!((autopilot.healthy, autopilot.tolerance), (false, 1));
    let (leader, other) = (all.raft("vault-0").unwrap(), all.raft("vault-1").unwrap());
    assert_eq!((leader.status.as_str(), leader.behind, leader.contact.as_str()), ("leader", 0, ""));
    assert_eq!((other.healthy, other.behind, other.contact.as_str(), other.stable), (false, 9, "3.2s", None));
    let mounts: Vec<String> = all.mounts.said().unwrap().iter().map(|(name, state)| format!("{name} {state:?}")).collect();
    assert_eq!(mounts, ["old Kv(1)", "pki Other(\"pki\")", "secret Kv(2)"], "what every Vault has by itself is left out");
}

#[tokio::test]
async fn what_may_not_be_asked_costs_nothing_else() {
    let all = says(
        &[
            ("sys/ha-status", 403, DENIED),
            ("sys/storage/raft/autopilot/state", 400, r#"{"errors":["raft storage is not in use"]}"#),
            ("sys/internal/ui/mounts", 200, r#"{"data":{"secret":{}}}"#),
        ],
        &[],
    )
    .await
    .unwrap();
    assert_eq!((&all.peers, &all.autopilot, all.mounts.said()), (&Told::Denied, &Told::Absent, Some(&Vec::new())));
    let hashicorps = says(
        &[
            ("sys/storage/raft/autopilot/state", 404, r#"{"errors":["1 error occurred:\n\t* unsupported path\n\n"]}"#),
            ("sys/namespaces/team/seal-status", 404, r#"{"errors":["enterprise-only feature"]}"#),
        ],
        &["team"],
    );
    let hashicorps = hashicorps.await.unwrap();
    assert_eq!(hashicorps.autopilot, Told::Absent);
    assert_eq!(hashicorps.namespaces[0].1, Told::Said(NamespaceSeal::default()));
    let all = says(&[("sys/ha-status", 500, LEADERLESS), ("sys/storage/raft/autopilot/state", 500, LEADERLESS)], &[]).await;
    // Without a leader these fail while reads go on: it is their state, and no state of the server.
    let all = all.unwrap();
    assert!(matches!(&all.peers, Told::Failed(fault) if fault.kind == FaultKind::Server), "{all:?}");
    assert_eq!(all.mounts, Told::NotAsked);
    let sealed = says(&[("sys/ha-status", 503, r#"{"errors":["Vault is sealed"]}"#)], &[]).await;
    assert_eq!(sealed.unwrap_err().kind, FaultKind::Sealed);
}

#[tokio::test]
async fn the_seal_of_a_namespace_is_asked_for_in_the_one_above() {
    let all = says(
        &[
            ("sys/namespaces/team/seal-status", 200, r#"{"data":{"initialized":true,"n":3,"progress":1,"sealed":true,"t":2}}"#),
            ("plain:sys/namespaces/sub/seal-status", 400, r#"{"errors":["namespace is not sealable"]}"#),
            (
                "sys/namespaces/none/seal-status",
                500,
                r#"{"errors":["1 error occurred:\n\t* namespace \"none/\" doesn't exist\n\n"]}"#,
            ),
            ("sys/namespaces/mine/seal-status", 403, DENIED),
        ],
        &["team/", "plain/sub", "none", "mine"],
    )
    .await
    .unwrap();
    let sealed = NamespaceSeal { sealable: true, sealed: true, progress: 1, threshold: 2, shares: 3, nonce: Text::default() };
    let seals: Vec<&Told<NamespaceSeal>> = all.namespaces.iter().map(|(_, seal)| seal).collect();
    assert_eq!(seals[..2], [&Told::Said(sealed), &Told::Said(NamespaceSeal::default())]);
    assert!(matches!(seals[2], Told::Failed(fault) if fault.message.as_str().contains("doesn't exist")), "{:?}", seals[2]);
    assert_eq!(seals[3], &Told::Denied);
}

#[test]
fn every_status_of_health_has_a_meaning() {
    let said = Name::new("vault-0");
    for (status, body, word) in [
        (200, r#"{"cluster_id":"c","replication_performance_mode":"primary"}"#, HealthWord::Active),
        (429, r#"{"sealed":false,"standby":true}"#, HealthWord::Standby),
        (473, "{}", HealthWord::PerformanceStandby),
        (501, r#"{"initialized":false,"sealed":true,"standby":true}"#, HealthWord::Uninitialised),
        (503, r#"{"initialized":true,"sealed":true,"standby":true}"#, HealthWord::Sealed),
        (530, "{}", HealthWord::Removed),
    ] {
        assert_eq!(health(&Answer::of(status, body.as_bytes().to_vec()), &said).unwrap().says, word);
    }
    assert!(health(&Answer::of(502, b"{}".to_vec()), &said).is_err());
    assert!(health(&Answer::of(200, b"\"hello\"".to_vec()), &said).is_err());
}
