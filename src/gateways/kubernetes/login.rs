//! How one logs in to the API server, and how that is renewed while the console runs: a plug-in is run again, and what
//! stands in the kubeconfig, or in files that it names, is read again. Whoever logs in beside the console, as for
//! kubectl, need not start it anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ConnectOptions;
use super::connect::prepared;
use super::exec::{Credential, Plugin};
use crate::model::Fault;

/// How often the kubeconfig is read again while the server refuses what it says.
const READ_AGAIN: Duration = Duration::from_secs(5);

/// The login of a context.
pub(super) struct Login {
    /// What to read again, with the context by its name: that the current one is another now means nothing.
    options: ConnectOptions,
    plugin: Option<Plugin>,
    way: Way,
    held: Mutex<Held>,
}

/// What the kubeconfig said when it was last read.
struct Held {
    /// Counts how often that was something else.
    run: u64,
    config: kube::Config,
    read: Option<Instant>,
}

/// By what one logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plugin,
    Token,
    TokenFile,
    Certificate,
    Password,
    Nothing,
}

impl Way {
    fn of(config: &kube::Config, plugin: Option<&Plugin>) -> Self {
        let auth = &config.auth_info;
        if plugin.is_some() {
            Self::Plugin
        } else if auth.token.is_some() {
            Self::Token
        } else if auth.token_file.is_some() {
            Self::TokenFile
        } else if auth.username.is_some() {
            Self::Password
        } else if auth.client_certificate.is_some() || auth.client_certificate_data.is_some() {
            Self::Certificate
        } else {
            Self::Nothing
        }
    }

    /// What to do when the server does not accept it.
    const fn hint(self) -> &'static str {
        match self {
            Self::Plugin => {
                "The login plug-in was run again, and its answer is refused too: run kubectl once in another terminal."
            }
            Self::Token => {
                "The token in the kubeconfig has ended, or is of another cluster: log in again as for kubectl; it is read anew by itself."
            }
            Self::TokenFile => {
                "The token file of the kubeconfig holds a token that has ended, or of another cluster; it is read anew by itself."
            }
            Self::Certificate => {
                "The client certificate of the kubeconfig has ended, or is of another cluster: get a new one; it is read anew by itself."
            }
            Self::Password => "The server does not accept the name and password of the kubeconfig.",
            Self::Nothing => "The kubeconfig names no login for this context: log in as for kubectl; it is read anew by itself.",
        }
    }
}

impl Login {
    /// The login of this context, which `prepared` read.
    pub(super) fn new(options: &ConnectOptions, context: &str, config: kube::Config, plugin: Option<Plugin>) -> Self {
        let options = ConnectOptions { context: Some(context.to_owned()), ..options.clone() };
        Self { options, way: Way::of(&config, plugin.as_ref()), plugin, held: Mutex::new(Held { run: 0, config, read: None }) }
    }

    /// What to say of a refusal that nothing here can mend.
    pub(super) const fn hint(&self) -> &'static str {
        self.way.hint()
    }

    /// The configuration that connections are made of.
    pub(super) fn config(&self) -> kube::Config {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).config.clone()
    }

    /// The credential that holds now.
    pub(super) async fn credential(&self) -> Result<Arc<Credential>, Fault> {
        match &self.plugin {
            Some(plugin) => plugin.credential().await,
            None => Ok(Arc::new(Credential::held(self.held.lock().unwrap_or_else(PoisonError::into_inner).run))),
        }
    }

    /// Another credential, after the server refused that of this run; `None` if there is none.
    pub(super) async fn renewed(&self, run: u64) -> Result<Option<Arc<Credential>>, Fault> {
        if let Some(plugin) = &self.plugin {
            plugin.refused(run).await;
            return plugin.credential().await.map(Some);
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.run == run {
            if held.read.is_some_and(|at| at.elapsed() < READ_AGAIN) {
                return Ok(None);
            }
            held.read = Some(Instant::now());
            // A kubeconfig that is just being written is read the next time.
            let Ok((again, None)) = prepared(&self.options).map(|prepared| (prepared.config, prepared.plugin)) else {
                return Ok(None);
            };
            // A login of another server is not for this one.
            if again.cluster_url != held.config.cluster_url {
                return Ok(None);
            }
            held.run += 1;
            held.config = again;
        }
        Ok(Some(Arc::new(Credential::held(held.run))))
    }
}
