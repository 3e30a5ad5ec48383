//! The way to one replica: a kept-alive HTTP/1 connection over TCP or a port-forward, with TLS on top where
//! the server has it, made anew when it breaks.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::tls::{StoreWord, Terms, Trust};
use crate::gateways::kubernetes::{KubernetesGateway, Trouble};
use crate::gateways::network;
use crate::model::{Fault, FaultKind, Name, VaultAddress};

/// How a replica is reached.
pub(super) enum Route {
    /// By its address.
    Direct {
        /// The address.
        address: VaultAddress,
    },
    /// Through the API server.
    Forward {
        /// The cluster.
        cluster: KubernetesGateway,
        /// Namespace of Service and pod.
        namespace: Name,
        /// The Service that the store names.
        service: Name,
        /// The pod.
        pod: Name,
        /// The port of the Service.
        port: u16,
        /// The host that the certificate must be for.
        name: String,
        /// Whether the server has TLS.
        tls: bool,
    },
}

impl Route {
    pub(super) fn direct(address: &VaultAddress) -> Self {
        Self::Direct { address: address.clone() }
    }

    /// What to call the server in a sentence.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Direct { address } => address.to_string(),
            Self::Forward { pod, namespace, .. } => format!("{namespace}/{pod}"),
        }
    }
}

/// Over which route, and whom to trust there.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) route: &'a Route,
    pub(super) trust: &'a Trust,
    /// The server, as the stores name it.
    pub(super) server: &'a VaultAddress,
    /// The name in its certificate, where the environment says so.
    pub(super) name: Option<&'a str>,
    /// The store in whose stead it goes, and whose CA counts alone.
    pub(super) word: Option<&'a StoreWord>,
    /// Where the CAs are that the stores name.
    pub(super) cluster: Option<&'a KubernetesGateway>,
}

/// One connection, used by one request at a time: HTTP/1 has no more.
#[derive(Default)]
pub(super) struct Line(pub(super) Mutex<Option<Open>>);

/// A connection that is up.
pub(super) struct Open {
    sender: SendRequest<Full<Bytes>>,
    trouble: Option<Trouble>,
    /// Whether it has carried an answer: then a failure may only mean that it grew old.
    pub(super) used: bool,
}

/// Why a request brought no answer.
pub(super) enum Lost {
    /// It never left, so it may be sent again.
    Before(Box<Request<Full<Bytes>>>, Fault),
    /// It left, or a part of it.
    After(Fault),
    /// Nothing listened at the end of the port-forward, so nobody has it.
    Nobody(Fault),
}

impl Lost {
    /// Why.
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Before(_, fault) | Self::After(fault) | Self::Nobody(fault) => fault,
        }
    }
}

impl Open {
    /// Connects; `secret` says whether a share or a token is to go over it.
    pub(super) async fn to(way: Way<'_>, secret: bool) -> Result<Self, Fault> {
        let Way { route, server, name: told, word, cluster: of, .. } = way;
        match route {
            Route::Direct { address } => {
                let host = address.host.as_str().trim_start_matches('[').trim_end_matches(']');
                let stream = TcpStream::connect((host, address.port)).await.map_err(|error| fault(route, &error))?;
                let _ = stream.set_nodelay(true);
                let terms = Terms { server, host, name: told, exposed: secret, word, cluster: of };
                Self::over(stream, None, address.tls.then_some(terms), way).await
            }
            Route::Forward { cluster, namespace, service, pod, port, name, tls } => {
                let (stream, trouble) = cluster.forward(namespace, service, pod, *port).await?;
                let terms = Terms { server, host: name, name: told, exposed: false, word, cluster: of };
                Self::over(stream, Some(trouble), tls.then_some(terms), way).await
            }
        }
    }

    async fn over<S>(stream: S, mut trouble: Option<Trouble>, tls: Option<Terms<'_>>, way: Way<'_>) -> Result<Self, Fault>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let route = way.route;
        let Some(terms) = tls else { return Self::handshake(stream, trouble, route).await };
        let handshake = way.trust.handshake(&terms).await?;
        let connecting = handshake.connector.connect(handshake.name, stream);
        let connected = tokio::select! {
            biased;
            connected = connecting => connected,
            fault = breaks(&mut trouble) => return Err(fault),
        };
        match connected {
            Ok(stream) => Self::handshake(stream, trouble, route).await,
            Err(error) if network::is_untrusted(&error) => {
                let (more, hint) = handshake.doubts.said();
                let fault = fault(route, &error);
                Err(Fault::new(fault.kind, &format!("{}{more}", fault.message)).hinted(hint))
            }
            Err(error) => Err(explained(fault(route, &error), &mut trouble).await),
        }
    }

    async fn handshake<S>(stream: S, trouble: Option<Trouble>, route: &Route) -> Result<Self, Fault>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| fault(route, &error))?;
        // It ends when the sender is dropped, or the server hangs up.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { sender, trouble, used: false })
    }

    /// Whether the server hung up in the meantime.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>, route: &Route) -> Result<http::Response<Incoming>, Lost> {
        let sending = self.sender.try_send_request(request);
        let sent = tokio::select! {
            biased;
            sent = sending => sent,
            fault = breaks(&mut self.trouble) => return Err(if self.used { Lost::After(fault) } else { Lost::Nobody(fault) }),
        };
        match sent {
            Ok(response) => Ok(response),
            Err(mut failed) => {
                let unsent = failed.take_message();
                let fault = explained(fault(route, failed.error()), &mut self.trouble).await;
                Err(match unsent {
                    Some(request) => Lost::Before(Box::new(request), fault),
                    None => Lost::After(fault),
                })
            }
        }
    }
}

/// Ends when the port-forward below breaks; never where there is none.
async fn breaks(trouble: &mut Option<Trouble>) -> Fault {
    match trouble {
        Some(trouble) => trouble.breaks().await,
        None => std::future::pending().await,
    }
}

/// The kubelet knows better than the broken stream why it broke.
async fn explained(fault: Fault, trouble: &mut Option<Trouble>) -> Fault {
    match trouble {
        Some(trouble) if fault.kind == FaultKind::Tcp => trouble.last_words().await.unwrap_or(fault),
        _ => fault,
    }
}

/// What an error of a connection means for a Vault.
pub(super) fn fault(route: &Route, error: &(dyn std::error::Error + 'static)) -> Fault {
    let said = route.said();
    let Some(broken) = network::broken(error) else {
        return Fault::new(FaultKind::Tcp, &format!("The connection to {said} broke."));
    };
    let hint = match (broken.kind, route) {
        _ if !broken.hint.is_empty() => broken.hint,
        (FaultKind::Tls, _) => "The certificate must be for the name that the stores use.",
        (FaultKind::Http, _) => "Do the stores name the right scheme, http or https?",
        (FaultKind::Dns, Route::Direct { .. }) => "The name may be known only inside the cluster or the VPN.",
        _ => "",
    };
    Fault::new(broken.kind, &format!("{said} {}.", broken.how)).hinted(hint)
}
