//! The connection to the API server against loopback sockets that misbehave.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::gateways::testing::Folder;

fn at(folder: &Folder, server: &str, user: &str, cluster: &str) -> KubernetesGateway {
    let path = folder.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters:\n- name: c\n  cluster:\n    server: {server}\n{cluster}\nusers:\n- name: u\n  user:\n{user}\ncontexts:\n- name: x\n  context: {{cluster: c, user: u}}\n"
    );
    std::fs::write(&path, text).unwrap();
    connect(&ConnectOptions { kubeconfig: Some(path), ..ConnectOptions::default() }).unwrap()
}

const TOKEN: &str = "    token: canary-token";

/// Answers each request with this text, and hands out what it was asked.
async fn server(answer: impl Fn(&str) -> String + Send + 'static) -> (String, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            let Ok(count) = stream.read(&mut request).await else { continue };
            let request = String::from_utf8_lossy(request.get(..count).unwrap_or_default()).into_owned();
            let answer = answer(&request);
            let _ = sender.try_send(request);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, receiver)
}

fn json(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_by_its_layer() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let fault = at(&folder, &format!("https://{address}"), TOKEN, "").identity().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tcp, "{fault}");
    assert!(fault.message.as_str().contains("refuses connections"), "{fault}");
    let fault = at(&folder, "https://no-such-host.invalid:6443", TOKEN, "").identity().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Dns, "{fault}");
    let (url, _asked) = server(|_| json("400 Bad Request", "")).await;
    let fault = at(&folder, &url.replace("http:", "https:"), TOKEN, "").identity().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_fault_after_five_seconds() {
    let folder = Folder::new();
    // Accepted by the kernel, and never read by anybody.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let started = Instant::now();
    let ask = |folder, scheme: &str| at(folder, &format!("{scheme}://{address}"), TOKEN, "");
    let (tls, plain) = (ask(&folder, "https"), ask(&Folder::new(), "http"));
    let (tls, plain) = tokio::join!(tls.identity(), plain.identity());
    for fault in [tls.unwrap_err(), plain.unwrap_err()] {
        assert_eq!(fault.kind, FaultKind::Timeout, "{fault}");
    }
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_web_page_in_place_of_kubernetes_is_called_one() {
    let folder = Folder::new();
    let (url, _asked) = server(|_| "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\n<html>".to_owned()).await;
    let fault = at(&folder, &url, TOKEN, "").identity().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Http, "{fault}");
}

#[tokio::test]
async fn a_refused_plugin_token_is_renewed_once() {
    let folder = Folder::new();
    let script = folder.path().join("login");
    let count = folder.path().join("count");
    std::fs::write(
        &script,
        format!(
            "echo x >> {0}; echo '{{\"status\":{{\"token\":\"canary-'$(wc -l < {0} | tr -d \" \")'\"}}}}'\n",
            count.display()
        ),
    )
    .unwrap();
    let user = format!(
        "    exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: ['{}'], interactiveMode: IfAvailable}}",
        script.display()
    );
    let (url, mut asked) = server(|request| {
        if request.to_lowercase().contains("authorization: bearer canary-2") {
            json("200 OK", r#"{"status":{"allowed":true}}"#)
        } else {
            json("401 Unauthorized", r#"{"kind":"Status","code":401,"message":"Unauthorized"}"#)
        }
    })
    .await;
    let cluster = at(&folder, &url, &user, "");
    let right = ClusterRight { verb: "list", group: "", resource: "pods", namespace: Name::empty() };
    assert!(cluster.may(&right).await.unwrap());
    assert!(asked.recv().await.unwrap().to_lowercase().contains("bearer canary-1"));
    let again = asked.recv().await.unwrap();
    assert!(again.to_lowercase().contains("bearer canary-2") && again.contains("SelfSubjectAccessReview"), "{again}");

    let (url, _asked) = server(|_| json("401 Unauthorized", r#"{"kind":"Status","code":401,"message":"Unauthorized"}"#)).await;
    let fault = at(&folder, &url, &user, "").may(&right).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unauthorized, "{fault}");
    assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
}

#[tokio::test]
async fn the_impersonated_user_is_sent_and_an_unverified_server_is_not_written_to() {
    let folder = Folder::new();
    let (url, mut asked) =
        server(|_| json("200 OK", r#"{"status":{"userInfo":{"username":"oncall"}},"metadata":{"uid":"u-1"}}"#)).await;
    at(&folder, &url, TOKEN, "    insecure-skip-tls-verify: true");
    let options = ConnectOptions {
        kubeconfig: Some(folder.path().join("kubeconfig")),
        impersonate: Some("oncall".to_owned()),
        ..ConnectOptions::default()
    };
    let cluster = connect(&options).unwrap();
    let identity = cluster.identity().await.unwrap();
    assert_eq!((identity.user.as_str(), identity.cluster_uid.as_str(), identity.insecure), ("oncall", "u-1", true));
    assert!(asked.recv().await.unwrap().contains("impersonate-user: oncall"));
    let write =
        KubernetesWrite::Annotate { object: ObjectRef::new(Kind::ExternalSecret, "a", "b"), key: "k", value: "v".to_owned() };
    assert_eq!(cluster.write(Permit::grant(), &write).await.unwrap_err().kind, FaultKind::Tls);
    let secret = ObjectRef::new(Kind::Secret, "a", "b");
    assert!(cluster.shares(Permit::grant(), &secret, "unseal-key").await.is_err());
    // Nor is a share handed to it to be forwarded.
    let vault = crate::gateways::vault::VaultGateway::new(crate::gateways::vault::VaultEnvironment::default(), Some(cluster));
    let server = crate::model::VaultAddress::parse("https://vault.vault.svc:8200").unwrap();
    let reset = crate::runbooks::VaultWrite::reset(server, ObjectRef::new(Kind::VaultReplica, "vault", "vault-0"));
    let fault = crate::ports::Vault::write(&vault, Permit::grant(), &reset, None).await.unwrap_err();
    assert!(fault.message.as_str().contains("is not verified"), "{fault}");
}

#[tokio::test]
async fn an_overloaded_server_is_left_alone_by_what_polls() {
    let folder = Folder::new();
    let (url, mut asked) = server(|_| {
        let body = r#"{"kind":"Status","code":429,"message":"too many requests"}"#;
        json("429 Too Many Requests", body).replace("connection:", "retry-after: 4\r\nconnection:")
    })
    .await;
    let cluster = at(&folder, &url, TOKEN, "");
    let (namespace, service) = (Name::new("vault"), Name::new("vault"));
    let begun = Instant::now();
    let first = cluster.replicas(&namespace, &service).await.unwrap_err();
    assert_eq!(first.kind, FaultKind::Throttled, "{first}");
    assert!(asked.try_recv().is_ok());
    while begun.elapsed() < Duration::from_millis(1900) {
        let held = cluster.replicas(&namespace, &service).await.unwrap_err();
        assert!(held.kind == FaultKind::Throttled && held.message.as_str().contains("is asked again in"), "{held}");
        let forwarded = cluster.forward(&namespace, &service, &Name::new("vault-0"), 8200).await.map(drop).unwrap_err();
        assert_eq!(forwarded.kind, FaultKind::Throttled, "{forwarded}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(asked.try_recv().is_err(), "nothing was sent in the meantime");
    // The end of a rest is waited for.
    while asked.try_recv().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "then it is asked again");
        assert!(cluster.replicas(&namespace, &service).await.is_err());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn text(status: &str, body: &str) -> String {
    json(status, body).replace("application/json", "text/plain")
}

#[tokio::test]
async fn the_log_of_the_container_that_failed_is_read_to_its_end() {
    let folder = Folder::new();
    let (url, mut asked) = server(|request| {
        let line = request.lines().next().unwrap_or_default();
        let first = "ERROR first\n";
        let long = format!("{first}{}", "x".repeat(65_536 - first.len()));
        if line.contains("container=patcher") && line.contains("tailLines=100&") {
            text("200 OK", &long)
        } else if line.contains("container=patcher") {
            text("200 OK", "xxxx\ncurl: POST /realms answered 403\n")
        } else if line.contains("/log?") {
            let message = "a container name must be specified for pod run-1, choose one of: [proxy patcher]";
            json("400 Bad Request", &format!(r#"{{"kind":"Status","code":400,"message":"{message}"}}"#))
        } else {
            let ended = r#"{"name":"patcher","state":{"terminated":{"exitCode":1}}}"#;
            let side = r#"{"name":"proxy","state":{"running":{}}}"#;
            json("200 OK", &format!(r#"{{"status":{{"containerStatuses":[{side},{ended}]}}}}"#))
        }
    })
    .await;
    let cluster = at(&folder, &url, TOKEN, "");
    let said = cluster.failures(&ObjectRef::new(Kind::Pod, "a", "run-1")).await.unwrap();
    assert_eq!(said.iter().map(ToString::to_string).collect::<Vec<_>>(), ["curl: POST /realms answered 403"]);
    let mut requests = Vec::new();
    while let Ok(request) = asked.try_recv() {
        requests.push(request.lines().next().unwrap_or_default().to_owned());
    }
    assert_eq!(requests.len(), 4, "{requests:?}");
}

#[tokio::test]
async fn a_version_that_is_not_served_is_told_from_one_that_cannot_be_asked() {
    let folder = Folder::new();
    let (url, _asked) = server(|request| {
        let line = request.lines().next().unwrap_or_default();
        if line.contains("/apis/external-secrets.io/v1 ") {
            let kinds = r#"{"kind":"APIResourceList","resources":[{"name":"externalsecrets","kind":"ExternalSecret"},
                {"name":"externalsecrets/status","kind":"ExternalSecret"}]}"#;
            json("200 OK", kinds)
        } else if line.contains("/v1beta1 ") {
            json("404 Not Found", "404 page not found")
        } else {
            json("403 Forbidden", r#"{"kind":"Status","code":403,"message":"forbidden"}"#)
        }
    })
    .await;
    let cluster = at(&folder, &url, TOKEN, "");
    assert_eq!(cluster.served("external-secrets.io/v1").await, Ok(Some(vec![Text::foreign("ExternalSecret")])));
    assert_eq!(cluster.served("external-secrets.io/v1beta1").await, Ok(None));
    assert_eq!(cluster.served("external-secrets.io/v2").await.unwrap_err().kind, FaultKind::Forbidden);
    assert!(cluster.served("v1").await.is_err() && cluster.served("a/b c").await.is_err());
}

#[tokio::test]
async fn a_login_that_ended_is_read_again_and_named_until_it_is_new() {
    let folder = Folder::new();
    let (url, mut asked) = server(|request| {
        if request.to_lowercase().contains("authorization: bearer canary-new") {
            json("200 OK", r#"{"status":{"allowed":true}}"#)
        } else {
            json("401 Unauthorized", r#"{"kind":"Status","code":401,"message":"Unauthorized"}"#)
        }
    })
    .await;
    let right = ClusterRight { verb: "list", group: "", resource: "pods", namespace: Name::empty() };
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "canary-old").unwrap();
    for (user, renew) in
        [("    token: canary-old".to_owned(), None), (format!("    tokenFile: {}", token_file.display()), Some(&token_file))]
    {
        let cluster = at(&folder, &url, &user, "");
        let fault = cluster.may(&right).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unauthorized, "{fault}");
        assert!(fault.hint.contains("token") && fault.hint.ends_with("it is read anew by itself."), "{fault}");
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
        while asked.try_recv().is_ok() {}
        match renew {
            Some(file) => std::fs::write(file, "canary-new").unwrap(),
            None => drop(at(&folder, &url, "    token: canary-new", "")),
        }
        // The file is not read with every refused request.
        tokio::time::sleep(Duration::from_millis(5100)).await;
        assert!(cluster.may(&right).await.unwrap(), "the new login is found");
        let first = asked.recv().await.unwrap().to_lowercase();
        assert!(first.contains("bearer canary-old") && asked.recv().await.unwrap().to_lowercase().contains("bearer canary-new"));
        assert!(cluster.may(&right).await.unwrap());
        assert!(asked.recv().await.unwrap().to_lowercase().contains("bearer canary-new"), "and kept");
    }
    // Another server under the same name is not given a login, nor is the context followed to another.
    let cluster = at(&folder, &url, "    token: canary-old", "");
    let (elsewhere, mut stolen) = server(|_| json("200 OK", r#"{"status":{"allowed":true}}"#)).await;
    at(&folder, &elsewhere, "    token: canary-new", "");
    assert_eq!(cluster.may(&right).await.unwrap_err().kind, FaultKind::Unauthorized);
    assert!(stolen.try_recv().is_err());
}
