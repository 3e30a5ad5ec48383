//! A watch is an endless answer of JSON lines; this cuts it into lines, however the frames fall.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use kube::client::Body;

/// One event holds one object, which etcd keeps below 1.5 MiB; metadata and JSON may triple that.
const LONGEST: usize = 16 * 1024 * 1024;

/// What may come instead of a line.
#[derive(Debug)]
pub(super) enum Cut {
    /// Nothing came for this long.
    Still,
    /// The connection broke.
    Broken(kube::Error),
    /// The line has no end.
    TooLong,
}

/// The lines of a body.
pub(super) struct Lines {
    body: Body,
    pending: BytesMut,
    /// How far the pending bytes were searched.
    searched: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body, pending: BytesMut::new(), searched: 0 }
    }

    /// The next line without its newline, or `None` at the end. What stands after the last newline at the
    /// end was cut off in the middle and is dropped.
    pub(super) async fn next(&mut self, patience: Duration) -> Result<Option<Bytes>, Cut> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Some(line));
            }
            if self.pending.len() > LONGEST {
                return Err(Cut::TooLong);
            }
            let frame = tokio::time::timeout(patience, self.body.frame()).await.map_err(|_| Cut::Still)?;
            let Some(frame) = frame else { return Ok(None) };
            if let Some(data) = frame.map_err(Cut::Broken)?.data_ref() {
                self.pending.extend_from_slice(data);
            }
        }
    }

    fn take_line(&mut self) -> Option<Bytes> {
        let unsearched = self.pending.get(self.searched..).unwrap_or_default();
        let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.pending.len();
            return None;
        };
        let mut line = self.pending.split_to(self.searched + at + 1);
        self.searched = 0;
        line.truncate(line.len() - 1);
        Some(line.freeze())
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    async fn body(frames: &[&'static str]) -> Body {
        let frames: Vec<&'static str> = frames.to_vec();
        // kube's Body takes a foreign body only through its service, so one is passed through it.
        let service = tower::service_fn(move |_: http::Request<Body>| {
            let frames =
                frames.clone().into_iter().map(|text| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(text.as_bytes()))));
            let response = http::Response::new(StreamBody::new(futures::stream::iter(frames).boxed()));
            async move { Ok::<_, std::convert::Infallible>(response) }
        });
        let client = kube::Client::new(service, "default");
        client.send(http::Request::new(Body::empty())).await.unwrap().into_body()
    }

    #[tokio::test]
    async fn lines_come_whole_however_the_frames_fall() {
        let mut lines = Lines::new(body(&["{\"a\":1}\n{\"b\"", ":2}", "\n\n{\"c\":3}\n{\"cut"]).await);
        let mut said = Vec::new();
        while let Some(line) = lines.next(Duration::from_secs(5)).await.unwrap() {
            said.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(said, ["{\"a\":1}", "{\"b\":2}", "", "{\"c\":3}"]);
    }
}
