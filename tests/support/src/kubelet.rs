//! The one part of a kubelet that forwards ports (`/portForward/NAMESPACE/POD`, WebSocket
//! `v4.channel.k8s.io`), in front of a server of this machine.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use tempfile::TempDir;
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::{Bytes, Message, WebSocket};

use crate::faults::tls_config;
use crate::registry::write_certificates;

/// How long to wait for the client before what the server sent is passed on.
const TURN: Duration = Duration::from_millis(2);

/// A running kubelet.
#[derive(Debug)]
pub struct Kubelet {
    port: u16,
    state: Arc<State>,
    _folder: TempDir,
}

#[derive(Debug, Default)]
struct State {
    /// The paths that were asked for.
    asked: Mutex<Vec<String>>,
    /// After how many bytes from the pod the next connections break.
    cuts: Mutex<VecDeque<usize>>,
}

impl Kubelet {
    /// Starts one whose pods all listen on a port of this machine.
    pub fn start(backend: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the kubelet");
        write_certificates(folder.path());
        let config = tls_config(folder.path());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        // The threads end with the process: a test has no use for a shutdown.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (state, config) = (Arc::clone(&shared), Arc::clone(&config));
                std::thread::spawn(move || {
                    let session = ServerConnection::new(config).expect("a session");
                    serve(StreamOwned::new(session, client), backend, &state)
                });
            }
        });
        Self {
            port,
            state,
            _folder: folder,
        }
    }

    /// The port, for the Node's `daemonEndpoints`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The paths that were asked for, with their queries.
    pub fn asked(&self) -> Vec<String> {
        self.state
            .asked
            .lock()
            .expect("no test panicked here")
            .clone()
    }

    /// Breaks the next connection that carries more than so many bytes from the pod.
    pub fn cut_after(&self, bytes: usize) {
        let mut cuts = self.state.cuts.lock().expect("no test panicked here");
        cuts.push_back(bytes);
    }
}

/// Takes an upgrade to a WebSocket, and notes what was asked for.
#[derive(Default)]
struct Upgrade {
    path: String,
}

impl Callback for &mut Upgrade {
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        self.path = request.uri().to_string();
        let protocol = HeaderValue::from_static("v4.channel.k8s.io");
        response
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        Ok(response)
    }
}

type Client = WebSocket<StreamOwned<ServerConnection, TcpStream>>;

fn serve(
    client: StreamOwned<ServerConnection, TcpStream>,
    backend: u16,
    state: &State,
) -> Option<()> {
    let mut asked = Upgrade::default();
    let mut client = tungstenite::accept_hdr(client, &mut asked).ok()?;
    let path = asked.path;
    state.asked.lock().ok()?.push(path.clone());
    let query = path.split_once('?')?.1;
    let port = query.split('&').find_map(|pair| pair.strip_prefix("port="));
    let port: u16 = port?.parse().ok()?;
    // Both channels begin with the number of the port.
    for channel in 0..2 {
        let [low, high] = port.to_le_bytes();
        client
            .send(Message::binary(vec![channel, low, high]))
            .ok()?;
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, backend)) else {
        let why = format!("\u{1}nothing listens on port {port} of the pod");
        return client.send(Message::binary(why.into_bytes())).ok();
    };
    let _ = pass(&mut client, server, state);
    let _ = client.close(None);
    client.flush().ok()
}

/// Passes bytes both ways until one side ends, or a test wants it to break.
fn pass(client: &mut Client, mut server: TcpStream, state: &State) -> io::Result<()> {
    client.get_ref().sock.set_read_timeout(Some(TURN))?;
    let from_server = reader(server.try_clone()?);
    let mut passed = 0;
    loop {
        for piece in from_server.try_iter().take(16) {
            if piece.is_empty() {
                return Ok(());
            }
            passed += piece.len();
            {
                let mut cuts = state.cuts.lock().expect("no test panicked here");
                if cuts.front().is_some_and(|cut| passed > *cut) {
                    cuts.pop_front();
                    return client.get_ref().sock.shutdown(std::net::Shutdown::Both);
                }
            }
            let message = [&[0][..], &piece].concat();
            client
                .send(Message::binary(message))
                .map_err(io::Error::other)?;
        }
        match client.read() {
            Ok(Message::Binary(bytes)) if bytes.first() == Some(&0) => {
                server.write_all(&bytes[1..])?;
            }
            Ok(Message::Close(_)) => return server.shutdown(std::net::Shutdown::Both),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) => {}
            Err(error) => {
                server.shutdown(std::net::Shutdown::Both)?;
                return Err(io::Error::other(error));
            }
        }
    }
}

/// What a server sends, read by a thread of its own; an empty piece is its end.
fn reader(mut server: TcpStream) -> Receiver<Bytes> {
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = server.read(&mut buffer).unwrap_or_default();
            let piece = Bytes::copy_from_slice(&buffer[..length]);
            if sender.send(piece).is_err() || length == 0 {
                return;
            }
        }
    });
    receiver
}
