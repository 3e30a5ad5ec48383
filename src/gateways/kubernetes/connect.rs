//! From a kubeconfig to a gateway. Nothing is sent yet: a server that is down must still give a console.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::channel::{Channel, ServerClock};
use super::login::Login;
use super::rights::Rights;
use super::{Inner, KubernetesGateway, exec, kubeconfig};
use crate::model::{Fault, Text};
use crate::runbooks::Aim;

/// How a cluster is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    /// `--kubeconfig`; else `KUBECONFIG`, else `~/.kube/config`, else the pod that we run in.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`; else the current one.
    pub context: Option<String>,
    /// `--as`: the user to impersonate.
    pub impersonate: Option<String>,
}

/// The time to a TCP and TLS connection; kube-rs' own 30 s would look like a frozen console.
const CONNECT: Duration = Duration::from_secs(4);

/// Reads the kubeconfig and prepares the connection.
///
/// Must be called inside a tokio runtime: kube-rs starts the task that hands out its connections.
///
/// # Errors
/// The kubeconfig is missing, empty, unreadable or malformed, or names no such context.
pub fn connect(options: &ConnectOptions) -> Result<KubernetesGateway, Fault> {
    // One provider for every TLS connection of the process; the second call finds it installed.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let Prepared { context, config, plugin } = prepared(options)?;
    let server = Text::foreign(config.cluster_url.to_string().trim_end_matches('/'));
    let namespace = config.default_namespace.clone();
    let insecure = config.accept_invalid_certs;
    let clock = Arc::new(ServerClock::default());
    let login = Login::new(options, &context, config, plugin);
    let channel = Channel::new(login, server.clone(), Arc::clone(&clock))?;
    Ok(KubernetesGateway(Arc::new(Inner {
        client: kube::Client::new(channel.clone(), namespace.clone()),
        clock,
        context: Text::foreign(&context),
        server,
        namespace: Text::foreign(&namespace),
        insecure,
        aim: aim(options, &context),
        served: super::served::Discovery::default(),
        rights: Rights::default(),
        lease: tokio::sync::Mutex::default(),
        channel: Some(channel),
        lanes: AtomicUsize::new(0),
    })))
}

/// What `kubectl` must be told: it takes the same files and current context by itself, but not for long.
fn aim(options: &ConnectOptions, context: &str) -> Aim {
    let file = options.kubeconfig.as_deref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
    Aim {
        kubeconfig: file.map_or_else(Text::default, |file| Text::foreign(&file.display().to_string())),
        // In a pod there is no context to name.
        context: if context == kubeconfig::IN_CLUSTER { Text::default() } else { Text::foreign(context) },
        user: options.impersonate.as_deref().map_or_else(Text::default, Text::foreign),
    }
}

/// A context that was read, with what we think of a connection.
pub(super) struct Prepared {
    pub(super) context: String,
    pub(super) config: kube::Config,
    pub(super) plugin: Option<exec::Plugin>,
}

/// Reads the kubeconfig; it is read again when the server refuses what it said.
pub(super) fn prepared(options: &ConnectOptions) -> Result<Prepared, Fault> {
    let chosen = kubeconfig::choose(options.kubeconfig.as_deref(), options.context.as_deref())?;
    let mut config = chosen.config;
    config.connect_timeout = Some(CONNECT);
    // A refusal is shown at once and asked again by its own clock, not hidden in the client.
    config.default_retry = false;
    if let Some(user) = &options.impersonate {
        config.auth_info.impersonate = Some(user.clone());
    }
    let plugin = config.auth_info.exec.take().map(exec::Plugin::new).transpose()?;
    Ok(Prepared { context: chosen.context, config, plugin })
}
