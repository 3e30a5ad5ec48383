//! What carries requests to the API server: kube-rs's own stack, rebuilt for what that leaves no choice in. It lets each
//! request that goes on keep a connection of its own (HTTP/1.1), which is fine for one watch of each kind and too much
//! for one in each of many namespaces: these share connections (HTTP/2). And its connections wait for an acknowledgement
//! before they send the rest (no `TCP_NODELAY`), which costs the first list 40 ms.

use std::time::Duration;

use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::Builder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt as _};
use tokio_rustls::rustls::pki_types::ServerName;
use tower::ServiceBuilder;
use tower_http::decompression::DecompressionLayer;

/// Watches that share one connection. The API server lets a connection have 100 streams (its
/// `--http2-max-streams-per-connection`), and what is beyond that would wait for ever.
pub(super) const STREAMS: usize = 64;
/// A connection that says nothing is asked this often whether it is there; found dead, every watch on it hears at once.
const PING: Duration = Duration::from_secs(15);
const PONG: Duration = Duration::from_secs(10);
/// What one watch may be sent ahead of being read, and all of a connection: one that is slow holds up no other.
const WINDOW: u32 = 256 * 1024;
const WINDOWS: u32 = 16 * 1024 * 1024;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1.1: one request at a time.
    Http1,
    /// HTTP/2: the server is known to speak it.
    Http2,
    /// HTTP/2, or HTTP/1.1 with a server that has nothing else.
    Either,
}

/// A client of the API server. Where a proxy stands in between, kube-rs knows the way, and it speaks HTTP/1.1.
///
/// # Errors
/// A certificate, key or name of the kubeconfig cannot be used.
pub(super) fn client(config: &kube::Config, speaks: Speaks) -> kube::Result<kube::Client> {
    if config.proxy_url.is_some() {
        return kube::Client::try_from(config.clone());
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_nodelay(true);
    let mut builder = HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?).https_or_http();
    let name = config.tls_server_name.clone().and_then(|name| ServerName::try_from(name).ok());
    if let Some(name) = name {
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = match speaks {
        Speaks::Http1 => builder.enable_http1().wrap_connector(connector),
        Speaks::Http2 | Speaks::Either => builder.enable_all_versions().wrap_connector(connector),
    };
    let client: hyper_util::client::legacy::Client<_, Body> = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_only(speaks == Speaks::Http2)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PONG)
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(WINDOWS)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        // A list of thousands is a tenth as long so; the server does not do it to a watch.
        .layer(DecompressionLayer::new().gzip(!config.disable_compression))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(tower::BoxError::from)
        .service(client);
    Ok(kube::Client::new(service, config.default_namespace.clone()))
}
