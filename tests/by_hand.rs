//! The commands by hand: pasted into a shell they do what the step does, to the same replicas of the same cluster, and no
//! secret stands in an argument. They are run here, with programs that write down how they were called.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::pictures::sealed;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::{EndpointSlice, Object, Service, Watched};
use sealwatch::model::{Inventory, Kind, Name, Names, ObjectRef, Text, VaultAddress};
use sealwatch::runbooks::{
    Aim, ClusterRight, Confirm, KubernetesWrite, KvPath, Next, Operation, Progress, Right, Target, VaultChange, VaultRight,
    VaultWrite, runbook,
};

/// A folder of programs that write down their arguments, and what they are given.
struct Shell(PathBuf);

impl Shell {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sealwatch-by-hand-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for (program, answers) in [("kubectl", "printf aHVudGVyMg=="), ("bao", "[ -t 0 ] || cat >> \"$0.given\""), ("sleep", ":")]
        {
            let path = folder.join(program);
            let script = format!("#!/bin/sh\necho \"${{0##*/}} $*\" >> '{}'\n{answers}\n", folder.join("called").display());
            fs::write(&path, script).expect("a program");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
        }
        Self(folder)
    }

    /// Runs a command as it would be pasted, with this typed; says what was called, and what `bao` was given.
    fn pastes(&self, command: &str, typed: &str) -> (Vec<String>, String) {
        let path = std::env::var("PATH").unwrap_or_default();
        fs::write(self.0.join("typed"), typed).expect("a file");
        let ran = Command::new("bash")
            .args(["-c", command])
            .env("PATH", format!("{}:{path}", self.0.display()))
            .stdin(fs::File::open(self.0.join("typed")).expect("the file"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(ran.is_ok(), "{command}");
        let called = fs::read_to_string(self.0.join("called")).unwrap_or_default();
        let given = fs::read_to_string(self.0.join("bao.given")).unwrap_or_default();
        (called.lines().filter(|line| !line.starts_with("sleep")).map(str::to_owned).collect(), given)
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn aim() -> Aim {
    Aim { user: Text::foreign("oncall"), ..Aim::context(Text::foreign("prod-weu")) }
}

fn server() -> VaultAddress {
    VaultAddress::parse("http://vault.vault.svc:8200").expect("a URL")
}

fn replica(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::VaultReplica, "vault", name)
}

fn path() -> KvPath {
    let object = ObjectRef::new(Kind::VaultPath, "vault.vault.svc:8200", "secret/shop/db");
    KvPath { object, namespace: Text::foreign("team"), mount: Text::foreign("secret"), key: "shop/db".to_owned() }
}

fn to_vault(change: VaultChange) -> String {
    aim().at(&Operation::Vault(VaultWrite::new(server(), replica("vault-0"), change)).command())
}

#[test]
fn each_sealed_replica_has_a_port_of_its_own_and_asks_for_as_many_shares_as_it_needs() {
    let snapshot = sealed();
    let vault = Target::Vault(ObjectRef::new(Kind::Vault, "vault", "vault"));
    let step = runbook("unseal").expect("it exists").steps.first().expect("a step");
    let Next::Confirm(preview) = (step.next)(&vault, &snapshot.world, &Progress::new(snapshot.now)) else { panic!("it asks") };
    assert!(matches!(preview.confirm, Confirm::Share { .. }));
    let pasted = snapshot.identity.aim.all(&preview.commands);
    let shell = Shell::new("unseal");
    let (called, _) = shell.pastes(&pasted, "");
    let forwards: Vec<&String> = called.iter().filter(|line| line.contains("port-forward")).collect();
    let mut ports = Vec::new();
    for (number, pod) in ["vault-0", "vault-1", "vault-2"].into_iter().enumerate() {
        let port = 8200 + number;
        let forward = format!("kubectl --context=prod-weu -n vault port-forward pod/{pod} {port}:8200");
        assert!(forwards.iter().any(|line| **line == forward), "{forward} is not in {called:?}");
        let unseal = format!("bao operator unseal -address=http://127.0.0.1:{port}");
        assert_eq!(called.iter().filter(|line| **line == unseal).count(), 2, "two of three shares: {called:?}");
        ports.push(port);
    }
    assert_eq!(ports.len(), 3);
}

#[test]
fn a_server_with_tls_is_called_by_the_name_of_its_certificate() {
    let server = VaultAddress::parse("https://vault.vault.svc:8200").expect("a URL");
    let command = VaultWrite::unseal(server, replica("vault-2"), 0).unsealing_by_hand(1);
    assert!(command.contains("-address=https://127.0.0.1:8202 -tls-server-name=vault.vault.svc"), "{command}");
    let outside = VaultAddress::parse("https://vault.example.com").expect("a URL");
    let there = ObjectRef { namespace: Name::empty(), ..replica("vault.example.com") };
    assert_eq!(
        VaultWrite::unseal(outside, there, 0).unsealing_by_hand(1),
        "bao operator unseal -address=https://vault.example.com:443",
        "outside of the cluster there is no pod to reach"
    );
}

#[test]
fn a_port_of_the_service_is_not_the_port_of_the_pod() {
    fn object<K: Watched>(json: &str) -> Object {
        K::read(serde_json::from_str(json).expect("an object"), &mut Names::default()).into_object()
    }
    let server = VaultAddress::parse("http://vault.vault.svc").expect("a URL");
    let port = |target: &str, slices: &[(&str, u16)]| {
        let service = format!(
            r#"{{"metadata": {{"name": "vault", "namespace": "vault"}}, "spec": {{"ports": [
                {{"name": "other", "port": 81, "targetPort": 1}}, {{"name": "web", "port": 80{target}}}]}}}}"#
        );
        let mut world = Inventory::default();
        world.apply(Change::Applied(object::<Service>(&service)), jiff::Timestamp::UNIX_EPOCH);
        for (pod, port) in slices {
            let slice = format!(
                r#"{{"metadata": {{"name": "{pod}", "namespace": "vault", "labels": {{"kubernetes.io/service-name": "vault"}}}},
                    "endpoints": [{{"targetRef": {{"kind": "Pod", "name": "{pod}"}}}}],
                    "ports": [{{"name": "other", "port": 1}}, {{"name": "web", "port": {port}}}]}}"#
            );
            world.apply(Change::Applied(object::<EndpointSlice>(&slice)), jiff::Timestamp::UNIX_EPOCH);
        }
        world.settle();
        let write = VaultWrite::unseal(server.clone(), replica("vault-1"), 0).in_world(&world);
        let command = write.unsealing_by_hand(1);
        let forward = command.split(" >").next().expect("a forward").to_owned();
        forward.trim_start_matches("kubectl -n vault port-forward pod/vault-1 ").to_owned()
    };
    assert_eq!(port(r#", "targetPort": 8200"#, &[]), "8201:8200", "a number");
    assert_eq!(
        port(r#", "targetPort": "http""#, &[("vault-0", 8200), ("vault-1", 8250)]),
        "8201:8250",
        "a name: each pod its own"
    );
    assert_eq!(port("", &[("vault-1", 8200)]), "8201:80", "none: the same");
    assert_eq!(port(r#", "targetPort": "http""#, &[]), "8201:80", "what cannot be seen is taken for the same");
}

#[test]
fn a_value_is_typed_unseen_and_reaches_bao_without_the_end_of_its_line() {
    for (version, verb) in [(0, "put"), (7, "patch")] {
        let command = to_vault(VaultChange::WriteValue { path: path(), property: "pass word".to_owned(), version });
        let shell = Shell::new(verb);
        let (called, given) = shell.pastes(&command, "hun\\ter 2\nand no more\n");
        assert_eq!(given, "hun\\ter 2");
        let expected = format!(
            "bao kv {verb} -address=http://127.0.0.1:8200 -namespace=team -cas={version} -mount=secret shop/db pass word=-"
        );
        assert!(called.contains(&expected), "{called:?}");
        assert!(called.iter().all(|line| !line.contains("hun")), "no argument holds it: {called:?}");
    }
}

#[test]
fn a_value_that_moves_goes_from_the_secret_to_bao_and_through_no_argument() {
    let from = ObjectRef::new(Kind::Secret, "shop", "db");
    let store = ObjectRef::new(Kind::SecretStore, "shop", "vault");
    let key = "tls.key".to_owned();
    let command = to_vault(VaultChange::MoveValue { path: path(), property: "p".to_owned(), version: 3, store, from, key });
    let (called, given) = Shell::new("move").pastes(&command, "");
    assert_eq!(given, "hunter2");
    let reads = r"kubectl --context=prod-weu --as=oncall get secret -n shop db -o jsonpath={.data.tls\.key}";
    assert!(called.iter().any(|line| line == reads), "{called:?}");
}

#[test]
fn every_write_to_the_cluster_names_context_namespace_and_as_whom() {
    let of = |kind, name: &str| ObjectRef::new(kind, "shop", name);
    let at = jiff::Timestamp::UNIX_EPOCH;
    let es = || of(Kind::ExternalSecret, "db");
    let writes = [
        KubernetesWrite::Annotate { object: es(), key: "force-sync", value: "1".to_owned() },
        KubernetesWrite::Restart { workload: of(Kind::Deployment, "web"), at },
        KubernetesWrite::StartJob { cron_job: of(Kind::CronJob, "boot"), job: of(Kind::Job, "boot-now") },
        KubernetesWrite::RunAgain { job: of(Kind::Job, "boot") },
        KubernetesWrite::Sync { application: of(Kind::Application, "shop") },
        KubernetesWrite::KeepValue { external_secret: es() },
        KubernetesWrite::Hold { object: of(Kind::Kustomization, "shop"), at },
        KubernetesWrite::GiveBack { object: of(Kind::HelmRelease, "shop") },
        KubernetesWrite::ReadVault {
            external_secret: es(),
            store: of(Kind::SecretStore, "vault"),
            remote: "shop/\"db\"".to_owned(),
            property: "it's".to_owned(),
            secret_key: "password".to_owned(),
            data_hash: Text::default(),
        },
    ];
    for write in writes {
        let command = aim().at(&Operation::Kubernetes(write).command());
        let (called, _) = Shell::new("cluster").pastes(&command, "");
        assert!(!called.is_empty(), "{command}");
        for line in called.iter().filter(|line| line.starts_with("kubectl")) {
            assert!(line.starts_with("kubectl --context=prod-weu --as=oncall "), "{line}");
            assert!(line.contains(" -n shop ") || line.ends_with(" replace --force -f -"), "{line}");
        }
        if let Some((_, patch)) = called[0].split_once(" -p ") {
            serde_json::from_str::<serde_json::Value>(patch).unwrap_or_else(|fault| panic!("{fault}: {patch}"));
        }
    }
}

#[test]
fn an_account_is_bound_as_kubectl_takes_it_and_kinds_of_several_groups_are_named_in_full() {
    let account = ObjectRef::new(Kind::ServiceAccount, "vault", "vault");
    let delegate = Operation::Kubernetes(KubernetesWrite::Delegate { account }).command();
    assert!(delegate.ends_with("--serviceaccount=vault:vault"), "{delegate}");
    let application = ObjectRef::new(Kind::Application, "argocd", "shop");
    let sync = Operation::Kubernetes(KubernetesWrite::Sync { application }).command();
    assert!(sync.starts_with("kubectl patch applications.argoproj.io -n argocd shop --type merge -p "), "{sync}");
}

#[test]
fn a_right_is_asked_for_where_it_is_needed() {
    let es = ObjectRef::new(Kind::ExternalSecret, "shop", "db");
    let right = Right::Cluster(ClusterRight::on("patch", &es));
    assert_eq!(
        aim().at(&right.command()),
        "kubectl --context=prod-weu --as=oncall auth can-i patch externalsecrets.external-secrets.io -n shop"
    );
    let namespace = Text::foreign("team");
    let at = VaultRight {
        server: server(),
        replica: replica("vault-1"),
        port: 0,
        namespace,
        path: "secret/data/a".to_owned(),
        any_of: &["read"],
    };
    let command = aim().at(&Right::Vault(at).command());
    assert!(command.contains("bao token capabilities -address=http://127.0.0.1:8201 -namespace=team secret/data/a"), "{command}");
}
