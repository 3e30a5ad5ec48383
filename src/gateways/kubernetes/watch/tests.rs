//! Watches against an API server that is a function.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use kube::client::Body;

use super::*;
use crate::gateways::kubernetes::Inner;
use crate::gateways::kubernetes::channel::ServerClock;
use crate::gateways::kubernetes::rights::Rights;

/// One answer: status and body; a body that ends in `…` stays open.
type Answer = (u16, String);

/// A gateway to a server that gives these answers in turn, and the requests that it saw.
fn gateway(answers: Vec<Answer>) -> (KubernetesGateway, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, answers) = (Arc::clone(&asked), Arc::new(Mutex::new(VecDeque::from(answers))));
    let service = tower::service_fn(move |request: Request<Body>| {
        log.lock().unwrap().push(request.uri().to_string());
        let (status, body) = answers.lock().unwrap().pop_front().unwrap_or((200, "…".to_owned()));
        let open = body.ends_with('…');
        let frame = Frame::data(bytes::Bytes::from(body.trim_end_matches('…').to_owned()));
        let frames = stream::iter([Ok::<_, std::io::Error>(frame)]);
        let frames = if open { frames.chain(stream::pending()).boxed() } else { frames.boxed() };
        let wish = match status {
            429 if body.contains("(re)initializing") => "1",
            429 => "20",
            _ => "soon",
        };
        let response = Response::builder().status(status).header("retry-after", wish);
        async move { Ok::<_, std::convert::Infallible>(response.body(StreamBody::new(frames)).unwrap()) }
    });
    let inner = Inner {
        client: kube::Client::new(service, "default"),
        clock: Arc::new(ServerClock::default()),
        context: crate::model::Text::foreign("test"),
        server: crate::model::Text::foreign("https://test"),
        namespace: crate::model::Text::foreign("default"),
        insecure: false,
        aim: crate::runbooks::Aim::default(),
        served: super::super::served::Discovery::default(),
        rights: Rights::default(),
        lease: tokio::sync::Mutex::default(),
        channel: None,
        lanes: std::sync::atomic::AtomicUsize::new(0),
    };
    (KubernetesGateway(Arc::new(inner)), asked)
}

fn pod(change: &str, name: &str, version: u32) -> String {
    format!(r#"{{"type":"{change}","object":{{"metadata":{{"name":"{name}","namespace":"a","resourceVersion":"{version}"}}}}}}"#)
        + "\n"
}

fn bookmark(version: u32, ends_list: bool) -> String {
    let annotations = if ends_list { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
    format!(r#"{{"type":"BOOKMARK","object":{{"kind":"Pod","metadata":{{"resourceVersion":"{version}"{annotations}}}}}}}"#) + "\n"
}

fn refusal(code: u16, message: &str) -> Answer {
    (code, format!(r#"{{"kind":"Status","status":"Failure","code":{code},"message":"{message}"}}"#))
}

/// The first changes of a watch, each in a few words. Time is skipped, not waited for.
async fn said(gateway: &KubernetesGateway, kind: Kind, scope: &Scope, count: usize) -> Vec<String> {
    let changes: Vec<Change> = watch(gateway, kind, scope).take(count).collect().await;
    changes
        .into_iter()
        .map(|change| match change {
            Change::Listed(part, objects, odd) => {
                let names = objects.iter().map(|object| object.object_ref().name.to_string());
                let odd = odd.iter().map(|odd| format!("({})", odd.object.name));
                let place = if part.namespace.is_empty() { String::new() } else { format!(" in {}", part.namespace) };
                format!("listed {}{place}", names.chain(odd).collect::<Vec<_>>().join(" "))
            }
            Change::Narrowed(_, namespaces, why) => {
                format!("narrowed to {namespaces:?}{}", why.map_or_else(String::new, |why| format!(": {why}")))
            }
            Change::Odd(odd) => odd.to_string(),
            Change::Listing(_, objects) => format!("listing {}", objects.len()),
            Change::Complete(_) => "complete".to_owned(),
            Change::Applied(object) => format!("applied {}", object.object_ref().short()),
            Change::Deleted(object) => format!("deleted {}", object.short()),
            Change::Heard(_) => "heard".to_owned(),
            Change::Absent(_, fault) => format!("absent: {fault}"),
            Change::Lost(_, fault) => format!("lost {:?}: {fault}", fault.kind),
            other => format!("{other:?}"),
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_streamed_list_is_one_change_and_the_watch_goes_on_from_it() {
    let list = pod("ADDED", "x", 3) + &pod("ADDED", "y", 4) + &bookmark(5, true);
    let changes = pod("MODIFIED", "x", 6) + &bookmark(8, false) + &pod("DELETED", "y", 9);
    let (gateway, asked) = gateway(vec![(200, list), (200, changes), (200, pod("ADDED", "z", 10) + "…")]);
    assert_eq!(
        said(&gateway, Kind::Pod, &Scope::Everywhere, 7).await,
        ["listed x y", "heard", "applied a/x", "heard", "deleted a/y", "heard", "applied a/z"]
    );
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("/api/v1/pods?watch=true&") && asked[0].contains("sendInitialEvents=true"), "{}", asked[0]);
    assert!(asked[1].ends_with("&timeoutSeconds=30&resourceVersion=5"), "{}", asked[1]);
    assert!(asked[2].ends_with("&resourceVersion=9"), "{}", asked[2]);
}

#[tokio::test(start_paused = true)]
async fn what_passes_in_a_moment_is_told_only_if_it_does_not() {
    let opening = || refusal(429, "storage is (re)initializing");
    let list = || (200, bookmark(5, true));
    let ended_at_once = (200, String::new());
    let (gateway, _) = gateway(vec![opening(), list(), ended_at_once, opening(), list()]);
    let said = said(&gateway, Kind::Pod, &Scope::Everywhere, 4).await;
    assert_eq!([&said[0], &said[1], &said[3]], ["listed ", "heard", "listed "]);
    assert!(said[2].starts_with("lost Throttled"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_stream_lists_in_pages() {
    let page = |name: &str, going_on: &str| {
        (
            200,
            format!(
                r#"{{"metadata":{{"resourceVersion":"7","continue":"{going_on}"}},"items":[{{"metadata":{{"name":"{name}"}}}}]}}"#
            ),
        )
    };
    let refused = refusal(422, "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch");
    let (gateway, asked) = gateway(vec![refused, page("x", "more"), page("y", ""), (200, "…".to_owned())]);
    let scope = Scope::Namespaces(vec![Name::new("a")]);
    assert_eq!(said(&gateway, Kind::Pod, &scope, 3).await, ["narrowed to [\"a\"]", "listed x y in a", "heard"]);
    let asked = asked.lock().unwrap();
    assert_eq!(asked[1..3], ["/api/v1/namespaces/a/pods?limit=500", "/api/v1/namespaces/a/pods?limit=500&continue=more"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_forgot_is_listed_again() {
    let list = |name: &str, version| (200, pod("ADDED", name, version) + &bookmark(version, true));
    let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version"}}"#.to_owned() + "\n";
    let (gateway, _) = gateway(vec![list("x", 3), (200, gone), list("y", 9), refusal(410, "gone"), list("z", 12)]);
    assert_eq!(said(&gateway, Kind::Pod, &Scope::Everywhere, 4).await, ["listed x", "heard", "listed y", "listed z"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_cut_is_not_a_list() {
    let half = pod("ADDED", "x", 3);
    let whole = pod("ADDED", "x", 3) + &pod("ADDED", "y", 4) + &bookmark(5, true);
    let (gateway, _) = gateway(vec![(200, half), (200, whole)]);
    assert_eq!(said(&gateway, Kind::Pod, &Scope::Everywhere, 1).await, ["listed x y"]);
}

/// This many pods as one answer, by number.
fn pods(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| pod("ADDED", &format!("p{number}"), number + 1)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_long_first_list_is_told_in_pieces_and_a_later_one_is_not() {
    let gone = || refusal(410, "gone");
    let first = pods(0..2000) + &bookmark(2001, true);
    let (gateway, _) = gateway(vec![(200, first), gone(), (200, pods(0..3) + &bookmark(3000, true))]);
    assert_eq!(
        said(&gateway, Kind::Pod, &Scope::Everywhere, 5).await,
        ["listing 64", "listing 1024", "listing 912", "complete", "listed p0 p1 p2"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_came_of_a_slow_list_is_told_and_its_end_waited_for() {
    let (gateway, _) = gateway(vec![(200, pods(0..2) + "…")]);
    let said = said(&gateway, Kind::Pod, &Scope::Everywhere, 2).await;
    assert_eq!(said[0], "listing 2");
    assert!(said[1].starts_with("lost Timeout"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_list_that_breaks_leaves_no_ghosts() {
    // What began in pieces and broke off is held against the whole list that comes after it.
    let whole = pods(1..3) + &bookmark(9, true);
    let (gateway, _) = gateway(vec![(200, pods(0..70)), (200, whole)]);
    let mut world = crate::model::Inventory::default();
    let mut watch = watch(&gateway, Kind::Pod, &Scope::Everywhere);
    let mut counts = Vec::new();
    while !world.is_complete(Kind::Pod) {
        world.apply(watch.next().await.unwrap(), jiff::Timestamp::UNIX_EPOCH);
        counts.push(world.all::<crate::model::kinds::Pod>().len());
    }
    assert_eq!(counts, [64, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_kind_without_namespaces_is_said_once_and_passes() {
    let forbidden = || refusal(403, "clustersecretstores is forbidden: User dev cannot list");
    let list = (200, bookmark(5, true));
    let served = serves(&["external-secrets.io/v1/clustersecretstores"]);
    let (gateway, asked) = gateway(vec![served, forbidden(), forbidden(), forbidden(), list]);
    let said = said(&gateway, Kind::ClusterSecretStore, &Scope::Everywhere, 2).await;
    assert_eq!(
        said,
        [
            "lost Forbidden: You may not list and watch clustersecretstores. Ask for the verbs list and watch, or use another context.",
            "listed "
        ]
    );
    assert!(asked.lock().unwrap().len() >= 5);
}

/// Aggregated discovery of a server that serves these, as `group/version/plural`.
fn serves(all: &[&str]) -> Answer {
    let items = all.iter().map(|one| {
        let [group, version, plural] = one.splitn(3, '/').collect::<Vec<_>>()[..] else { panic!("{one}") };
        format!(
            r#"{{"metadata":{{"name":"{group}"}},"versions":[{{"version":"{version}","resources":[{{"resource":"{plural}"}}]}}]}}"#
        )
    });
    let items: Vec<String> = items.collect();
    (200, format!(r#"{{"kind":"APIGroupDiscoveryList","items":[{}]}}"#, items.join(",")))
}

#[tokio::test(start_paused = true)]
async fn an_absent_crd_is_named_and_picked_up_when_it_comes() {
    let list = (200, bookmark(5, true));
    let (gateway, asked) = gateway(vec![
        serves(&[]),
        serves(&["apps/v1/deployments"]),
        serves(&["external-secrets.io/v1beta1/externalsecrets"]),
        list,
    ]);
    let said = said(&gateway, Kind::ExternalSecret, &Scope::Everywhere, 2).await;
    assert!(said[0].starts_with("absent: This cluster does not serve externalsecrets.external-secrets.io"), "{said:?}");
    assert_eq!(said[1], "listed ");
    let asked = asked.lock().unwrap();
    assert_eq!(asked[..3], ["/apis"; 3]);
    assert!(asked[3].starts_with("/apis/external-secrets.io/v1beta1/externalsecrets?watch=true"), "{}", asked[3]);
}

#[tokio::test(start_paused = true)]
async fn a_crd_that_goes_is_told_once_the_server_says_so_twice() {
    let es = "external-secrets.io/v1/externalsecrets";
    let list = (200, pod("ADDED", "x", 3) + &bookmark(5, true));
    let gone = refusal(404, "the server could not find the requested resource");
    let (gateway, asked) = gateway(vec![serves(&[es]), list.clone(), gone.clone(), serves(&[es]), list, gone, serves(&[])]);
    let said = said(&gateway, Kind::ExternalSecret, &Scope::Everywhere, 3).await;
    assert_eq!(said[..2], ["listed x", "listed x"]);
    assert!(said[2].starts_with("absent: "), "{said:?}");
    assert_eq!(asked.lock().unwrap().iter().filter(|path| *path == "/apis").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn all_kinds_together_ask_once_what_is_served() {
    let (gateway, asked) = gateway(vec![serves(&[])]);
    let kinds = [Kind::ExternalSecret, Kind::SecretStore, Kind::VaultAuth, Kind::VaultStaticSecret];
    let watches = kinds.map(|kind| watch(&gateway, kind, &Scope::Everywhere));
    let said: Vec<Change> = stream::select_all(watches).take(kinds.len()).collect().await;
    assert!(said.iter().all(|change| matches!(change, Change::Absent(..))), "{said:?}");
    assert_eq!(*asked.lock().unwrap(), ["/apis"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_the_document_is_asked_by_group() {
    let groups = r#"{"kind":"APIGroupList","groups":[{"name":"apps","versions":[{"version":"v1"}]},{"name":"unknown.io","versions":[{"version":"v1"}]},
        {"name":"secrets.hashicorp.com","versions":[{"version":"v1beta1"}]}]}"#;
    let resources = r#"{"kind":"APIResourceList","resources":[{"name":"vaultauths"},{"name":"vaultauths/status"}]}"#;
    let apps = r#"{"kind":"APIResourceList","resources":[{"name":"deployments"}]}"#;
    let list = (200, bookmark(5, true));
    let (gateway, asked) = gateway(vec![(200, groups.to_owned()), (200, apps.to_owned()), (200, resources.to_owned()), list]);
    assert_eq!(said(&gateway, Kind::VaultAuth, &Scope::Everywhere, 1).await, ["listed "]);
    assert_eq!(asked.lock().unwrap()[..3], ["/apis", "/apis/apps/v1", "/apis/secrets.hashicorp.com/v1beta1"]);
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_lost_connection_and_nothing_is_listed_anew() {
    let list = (200, pod("ADDED", "x", 3) + &bookmark(5, true));
    let (gateway, asked) = gateway(vec![list, (200, "…".to_owned()), (200, pod("ADDED", "y", 6) + "…")]);
    let said = said(&gateway, Kind::Pod, &Scope::Everywhere, 5).await;
    assert_eq!(said[..2], ["listed x", "heard"]);
    assert!(said[2].starts_with("lost Timeout: Nothing was heard of https://test about pods for 40 s."), "{said:?}");
    assert_eq!(said[3..], ["heard", "applied a/y"]);
    assert!(asked.lock().unwrap()[2].ends_with("&resourceVersion=5"));
}

#[tokio::test(start_paused = true)]
async fn an_unwatched_kind_says_so() {
    let (gateway, _) = gateway(Vec::new());
    assert_eq!(said(&gateway, Kind::Vault, &Scope::Everywhere, 1).await, ["lost Invalid: sealwatch does not watch Vault."]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_by_name_and_costs_itself() {
    let odd = |change: &str, version| {
        format!(
            r#"{{"type":"{change}","object":{{"metadata":{{"name":"o","namespace":"a","resourceVersion":"{version}"}},"spec":"x"}}}}"#
        ) + "\n"
    };
    let list = odd("ADDED", 3) + &pod("ADDED", "x", 4) + &bookmark(5, true);
    let again = (200, pod("ADDED", "z", 9) + &bookmark(9, true));
    let (gateway, asked) = gateway(vec![(200, list), (200, odd("MODIFIED", 6) + "<html>\n"), again, (200, "…".to_owned())]);
    assert_eq!(
        said(&gateway, Kind::Pod, &Scope::Everywhere, 4).await,
        ["listed x (o)", "heard", "Pod/a/o could not be read: a field is not an object.", "listed z"]
    );
    assert!(asked.lock().unwrap()[2].contains("sendInitialEvents=true"), "garbage means to list again");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wishes_to_be_left_alone_is() {
    let (gateway, _) = gateway(vec![refusal(429, "too many requests"), (200, bookmark(5, true))]);
    let begun = Instant::now();
    let said = said(&gateway, Kind::Pod, &Scope::Everywhere, 2).await;
    assert!(said[0].starts_with("lost Throttled") && said[1] == "listed ", "{said:?}");
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(20) && waited < Duration::from_secs(21), "{waited:?}");
}

#[test]
fn pauses_grow_and_end() {
    for failures in 1..12 {
        let full = (500_u64 << (failures - 1).min(6)).min(15_000);
        let wait = u64::try_from(pause(failures).as_millis()).unwrap();
        assert!((full / 2..=full).contains(&wait), "{failures}: {wait}");
    }
    let together: std::collections::BTreeSet<Duration> = (0..30).map(|_| pause(9)).collect();
    assert!(together.len() > 10, "thirty that fail together come back at {} times", together.len());
}
