//! A stream to a port of a pod through the API server. No local port is opened: nobody else on this
//! machine can use it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Portforwarder;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::KubernetesGateway;
use super::faults::of;
use super::replicas::target_port;
use crate::model::{Fault, FaultKind, Name};

/// How long a broken forward may take to say why.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The stream; it ends the forward when it is dropped.
pub(in crate::gateways) struct Forwarded {
    stream: DuplexStream,
    forwarder: Portforwarder,
}

/// What the kubelet says when a forward breaks; asked for after the stream has failed.
pub(in crate::gateways) struct Trouble(BoxFuture<'static, Option<String>>);

impl Trouble {
    /// The kubelet's words as a fault, if it had any.
    pub(in crate::gateways) async fn told(self, pod: &Name) -> Option<Fault> {
        let said = tokio::time::timeout(LAST_WORDS, self.0).await.ok()??;
        let said = said.lines().next().unwrap_or_default();
        let refused = said.contains("connection refused");
        let how = if refused { "nothing listens on that port of the pod".to_owned() } else { said.to_owned() };
        Some(
            Fault::new(FaultKind::Tcp, &format!("The port-forward to {pod} broke: {}.", how.trim_end_matches('.')))
                .hinted(if refused { "The server in the pod is down or still starting: look at the pod's log." } else { "" }),
        )
    }
}

impl KubernetesGateway {
    /// Opens a stream to the port of a pod that stands behind a port of a Service.
    pub(in crate::gateways) async fn forward(
        &self,
        namespace: &Name,
        service: &Name,
        pod: &Name,
        port: u16,
    ) -> Result<(Forwarded, Trouble), Fault> {
        let port = target_port(&self.0, namespace, service, pod, port).await;
        let pods = kube::Api::<Pod>::namespaced(self.0.client.clone(), namespace.as_str());
        let asked = format!("forward port {port} of pod {namespace}/{pod}");
        let mut forwarder =
            pods.portforward(pod.as_str(), &[port]).await.map_err(|error| of(&error, &self.0.server, &asked).fault)?;
        let missing = || Fault::new(FaultKind::Http, &format!("Could not {asked}: the API server opened no stream."));
        let stream = forwarder.take_stream(port).ok_or_else(missing)?;
        let trouble = forwarder.take_error(port).ok_or_else(missing)?;
        Ok((Forwarded { stream, forwarder }, Trouble(Box::pin(trouble))))
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        self.forwarder.abort();
    }
}

impl AsyncRead for Forwarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Forwarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
