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

/// What the kubelet says when a forward breaks. It says so on a channel of its own, and the stream may stay
/// open and silent, so whoever waits for the stream must listen here too.
pub(in crate::gateways) struct Trouble {
    pod: Name,
    /// Gone once it has spoken, or ended without a word.
    words: Option<BoxFuture<'static, Option<String>>>,
}

impl Trouble {
    /// Ends when the kubelet says that the forward is broken, and else never.
    pub(in crate::gateways) async fn breaks(&mut self) -> Fault {
        if let Some(words) = &mut self.words {
            let said = words.await;
            self.words = None;
            if let Some(said) = said {
                return broken(&self.pod, &said);
            }
        }
        std::future::pending().await
    }

    /// After the stream has failed: the kubelet's words, if they come.
    pub(in crate::gateways) async fn last_words(&mut self) -> Option<Fault> {
        self.words.as_ref()?;
        tokio::time::timeout(LAST_WORDS, self.breaks()).await.ok()
    }
}

/// The kubelet (or the container runtime) says in its own words what the port of the pod did.
fn broken(pod: &Name, said: &str) -> Fault {
    let said = said.lines().next().unwrap_or_default();
    if said.contains("connection refused") {
        return Fault::new(FaultKind::Tcp, &format!("{pod} refuses connections: nothing listens on that port of the pod."))
            .hinted("The server in the pod is down or still starting: look at the pod's log.");
    }
    Fault::new(FaultKind::Tcp, &format!("The port-forward to {pod} broke: {}.", said.trim_end_matches('.')))
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
        Ok((Forwarded { stream, forwarder }, Trouble { pod: pod.clone(), words: Some(Box::pin(trouble)) }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kubelets_words_are_heard_once_and_silence_is_no_trouble() {
        let trouble = |said: Option<&str>| {
            let said = said.map(str::to_owned);
            Trouble { pod: Name::new("vault-0"), words: Some(Box::pin(async move { said })) }
        };
        let mut refused = trouble(Some("error forwarding port 8200: dial tcp 127.0.0.1:8200: connect: connection refused\n"));
        let fault = refused.breaks().await;
        assert!(fault.message.as_str().starts_with("vault-0 refuses connections"), "{fault}");
        assert!(refused.last_words().await.is_none());
        assert!(
            trouble(Some("exit status 1"))
                .last_words()
                .await
                .is_some_and(|fault| fault.message.as_str().ends_with("exit status 1."))
        );
        let mut silent = trouble(None);
        assert!(tokio::time::timeout(Duration::from_millis(20), silent.breaks()).await.is_err());
    }
}
