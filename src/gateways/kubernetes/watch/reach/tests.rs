//! Watches as a user who may read only a part, against an API server that knows rights.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use kube::client::Body;

use super::*;
use crate::gateways::kubernetes::Inner;
use crate::gateways::kubernetes::channel::ServerClock;
use crate::gateways::kubernetes::rights::Rights;
use crate::gateways::kubernetes::watch::watch;
use crate::model::{Kind, Text};

/// What one may do. Each namespace has one pod, called as the namespace.
#[derive(Default)]
struct Allowed {
    everywhere: bool,
    list_namespaces: bool,
    namespaces: BTreeSet<&'static str>,
    /// Whether another authorizer has more to say than the rules.
    webhook: bool,
    asked: Vec<String>,
}

const NAMESPACES: [&str; 3] = ["a", "b", "c"];

impl Allowed {
    fn answer(&mut self, path: &str, query: &str, body: &str) -> (u16, String) {
        self.asked.push(path.to_owned());
        let within = |namespace: &str| self.everywhere || self.namespaces.contains(namespace);
        let namespace = path.strip_prefix("/api/v1/namespaces/").and_then(|rest| rest.strip_suffix("/pods"));
        let granted = match path {
            "/api/v1/namespaces" if self.list_namespaces => {
                let items = NAMESPACES.map(|name| format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).join(",");
                return (200, format!(r#"{{"items":[{items}]}}"#));
            }
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews" => {
                let named = NAMESPACES.into_iter().find(|name| body.contains(&format!(r#""namespace":"{name}""#)));
                let rule = r#"{"verbs":["get","list","watch"],"apiGroups":[""],"resources":["pods"]}"#;
                let rules = if named.is_some_and(within) && !self.webhook { rule } else { "" };
                let status = format!(r#"{{"incomplete":{},"resourceRules":[{rules}]}}"#, self.webhook);
                return (201, format!(r#"{{"status":{status}}}"#));
            }
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
                let named = NAMESPACES.into_iter().find(|name| body.contains(&format!(r#""namespace":"{name}""#)));
                return (201, format!(r#"{{"status":{{"allowed":{}}}}}"#, named.map_or(self.everywhere, within)));
            }
            _ => namespace.map_or(path == "/api/v1/pods" && self.everywhere, within),
        };
        if !granted {
            return (403, r#"{"kind":"Status","code":403,"message":"forbidden"}"#.to_owned());
        }
        if !query.contains("sendInitialEvents") {
            return (200, "…".to_owned());
        }
        let of = |name: &str| {
            format!(
                r#"{{"type":"ADDED","object":{{"metadata":{{"name":"{name}","namespace":"{name}","resourceVersion":"1"}}}}}}"#
            ) + "\n"
        };
        let pods: String = NAMESPACES.into_iter().filter(|name| namespace.is_none_or(|one| one == *name)).map(of).collect();
        let end = r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"2","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
        (200, format!("{pods}{end}\n"))
    }
}

type Rules = Arc<Mutex<Allowed>>;

/// A gateway to a server with these rights, and the rights to change.
fn gateway(allowed: Allowed) -> (KubernetesGateway, Rules) {
    let rules = Arc::new(Mutex::new(allowed));
    let shared = Arc::clone(&rules);
    let service = tower::service_fn(move |request: Request<Body>| {
        let rules = Arc::clone(&shared);
        async move {
            let (parts, body) = request.into_parts();
            let body = String::from_utf8(body.collect_bytes().await.unwrap().to_vec()).unwrap();
            let (status, said) = rules.lock().unwrap().answer(parts.uri.path(), parts.uri.query().unwrap_or_default(), &body);
            let open = said.ends_with('…');
            let frame = Frame::data(bytes::Bytes::from(said.trim_end_matches('…').to_owned()));
            let frames = stream::iter([Ok::<_, std::io::Error>(frame)]);
            let frames = if open { frames.chain(stream::pending()).boxed() } else { frames.boxed() };
            Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(StreamBody::new(frames)).unwrap())
        }
    });
    let inner = Inner {
        client: kube::Client::new(service, "a"),
        clock: Arc::new(ServerClock::default()),
        context: Text::foreign("test"),
        server: Text::foreign("https://test"),
        namespace: Text::foreign("a"),
        insecure: false,
        aim: crate::runbooks::Aim::default(),
        served: crate::gateways::kubernetes::served::Discovery::default(),
        rights: Rights::default(),
        lease: tokio::sync::Mutex::default(),
        channel: None,
        lanes: std::sync::atomic::AtomicUsize::new(0),
    };
    (KubernetesGateway(Arc::new(inner)), rules)
}

/// The next changes that say something, in a few words; heartbeats and reconnects are left out.
async fn said(watch: &mut BoxStream<'static, Change>, count: usize) -> Vec<String> {
    let mut said = Vec::new();
    while said.len() < count {
        said.push(match watch.next().await.unwrap() {
            Change::Heard(_) => continue,
            Change::Lost(_, fault) if fault.kind == crate::model::FaultKind::Timeout => continue,
            Change::Listed(part, objects, _) => format!("listed {} of {:?}", objects.len(), part.namespace),
            Change::Narrowed(_, namespaces, why) => format!("narrowed to {namespaces:?}: {}", why.unwrap().message),
            Change::Lost(part, fault) => format!("lost {part}: {}", fault.message),
            other => format!("{other:?}"),
        });
    }
    said.sort();
    said
}

fn pods(gateway: &KubernetesGateway) -> BoxStream<'static, Change> {
    watch(gateway, Kind::Pod, &Scope::Everywhere)
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_everything_sees_what_may_be_read_and_what_is_given_later() {
    let (gateway, rules) =
        gateway(Allowed { list_namespaces: true, namespaces: BTreeSet::from(["a", "c"]), ..Allowed::default() });
    let mut watch = pods(&gateway);
    assert_eq!(
        said(&mut watch, 3).await,
        [
            r#"listed 1 of "a""#,
            r#"listed 1 of "c""#,
            r#"narrowed to ["a", "c"]: You may list and watch pods in 2 of 3 namespaces only."#
        ]
    );
    rules.lock().unwrap().namespaces.insert("b");
    assert_eq!(
        said(&mut watch, 2).await,
        [r#"listed 1 of "b""#, r#"narrowed to ["a", "b", "c"]: You may list and watch pods in 3 of 3 namespaces only."#]
    );
    rules.lock().unwrap().everywhere = true;
    assert_eq!(said(&mut watch, 1).await, [r#"listed 3 of """#]);
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_taken_away_are_told_and_a_server_that_only_starts_takes_none() {
    let (gateway, rules) = gateway(Allowed { everywhere: true, list_namespaces: true, ..Allowed::default() });
    let mut watch = pods(&gateway);
    assert_eq!(said(&mut watch, 1).await, [r#"listed 3 of """#]);
    rules.lock().unwrap().everywhere = false;
    assert_eq!(said(&mut watch, 1).await, ["lost Pod: You may not list and watch pods."]);
    rules.lock().unwrap().everywhere = true;
    loop {
        if let Change::Heard(part) = watch.next().await.unwrap() {
            assert!(part.namespace.is_empty());
            break;
        }
    }
    *rules.lock().unwrap() = Allowed { list_namespaces: true, namespaces: BTreeSet::from(["b"]), ..Allowed::default() };
    assert_eq!(
        said(&mut watch, 3).await,
        [
            r#"listed 1 of "b""#,
            "lost Pod: You may not list and watch pods.",
            r#"narrowed to ["b"]: You may list and watch pods in 1 of 3 namespaces only."#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_list_namespaces_that_of_the_context_is_tried() {
    let (context, _) = gateway(Allowed { namespaces: BTreeSet::from(["a"]), ..Allowed::default() });
    assert_eq!(
        said(&mut pods(&context), 2).await[1],
        r#"narrowed to ["a"]: You may not list and watch pods everywhere, nor list namespaces; seen is a, the namespace of the context."#
    );
    let (nothing, _) = gateway(Allowed::default());
    assert_eq!(
        said(&mut pods(&nothing), 1).await,
        ["narrowed to []: You may not list and watch pods, neither everywhere nor in a, nor list namespaces."]
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_rules_deny_is_not_asked_for_kind_by_kind() {
    let (gateway, rules) = gateway(Allowed { list_namespaces: true, ..Allowed::default() });
    let mut watch = pods(&gateway);
    said(&mut watch, 1).await;
    assert!(tokio::time::timeout(REVIEW * 5, watch.next()).await.is_err(), "nothing is new");
    let asked = std::mem::take(&mut rules.lock().unwrap().asked);
    let of = |what: &str| asked.iter().filter(|path| path.contains(what)).count();
    assert_eq!((of("selfsubjectaccessreviews"), of("selfsubjectrulesreviews") / NAMESPACES.len()), (0, 5));
    rules.lock().unwrap().everywhere = true;
    assert_eq!(said(&mut watch, 1).await, [r#"listed 3 of """#]);
}

#[tokio::test(start_paused = true)]
async fn where_rules_are_not_all_each_namespace_is_asked_for() {
    let allowed = Allowed { list_namespaces: true, webhook: true, namespaces: BTreeSet::from(["b"]), ..Allowed::default() };
    let (gateway, _) = gateway(allowed);
    assert_eq!(
        said(&mut pods(&gateway), 2).await,
        [r#"listed 1 of "b""#, r#"narrowed to ["b"]: You may list and watch pods in 1 of 3 namespaces only."#]
    );
}
