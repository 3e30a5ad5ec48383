//! A wire between the program and a server, on loopback, that can be cut or fall silent.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the wire does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// It carries.
    Through,
    /// It is there, takes what is sent, and nothing comes out at the other end.
    Silent,
    /// What is sent arrives, and no answer comes back.
    Deaf,
    /// Every connection is reset, and no new one is made.
    Cut,
}

/// A running wire; it ends with the test.
pub(crate) struct Wire {
    /// Where the program connects.
    pub(crate) address: SocketAddr,
    mode: watch::Sender<Mode>,
}

impl Wire {
    /// A wire to this address.
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (mode, changes) = watch::channel(Mode::Through);
        let server = server.to_owned();
        tokio::spawn(async move {
            while let Ok((here, _)) = listener.accept().await {
                tokio::spawn(carry(here, server.clone(), changes.clone()));
            }
        });
        Self { address, mode }
    }

    /// Changes what it does.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn carry(here: TcpStream, server: String, mut mode: watch::Receiver<Mode>) {
    // A reset, not an end: nobody says goodbye when a cable is pulled.
    let _ = here.set_zero_linger();
    let (forth, back) = (mode.clone(), mode.clone());
    let both = async {
        let Ok(there) = TcpStream::connect(server).await else { return };
        let _ = there.set_nodelay(true);
        let _ = here.set_nodelay(true);
        let ((here_out, here_in), (there_out, there_in)) = (here.into_split(), there.into_split());
        tokio::join!(
            pump(here_out, there_in, forth, &[Mode::Through, Mode::Deaf]),
            pump(there_out, here_in, back, &[Mode::Through])
        );
    };
    tokio::select! {
        biased;
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
        () = both => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    carries: &[Mode],
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        // What was taken stays in the wire until it carries again.
        if mode.wait_for(|mode| carries.contains(mode)).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
