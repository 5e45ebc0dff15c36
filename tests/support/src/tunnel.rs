//! An HTTP proxy on a loopback port that opens tunnels (RFC 9110, section 9.3.6).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The proxy, and what it was asked for.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// Starts one that everybody may use.
    pub fn start() -> Self {
        Self::leading(None)
    }

    /// Starts one that leads to this port, whatever host is asked for: a network that this
    /// machine does not reach.
    pub fn to(port: u16) -> Self {
        Self::leading(Some(format!("127.0.0.1:{port}")))
    }

    fn leading(to: Option<String>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&heads);
        // The threads end with the process: a test has no use for a shutdown.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (log, to) = (Arc::clone(&log), to.clone());
                std::thread::spawn(move || serve(client, &log, to));
            }
        });
        Self { port, heads }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no test panicked here").clone()
    }
}

fn serve(mut client: TcpStream, log: &Mutex<Vec<String>>, to: Option<String>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    log.lock().ok()?.push(head.clone());
    let target = head.strip_prefix("CONNECT ")?.split_whitespace().next()?;
    let target = to.unwrap_or_else(|| target.to_owned());
    let mut server = TcpStream::connect(target).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let mut back = server.try_clone().ok()?;
    std::thread::spawn(move || std::io::copy(&mut back, &mut client));
    std::io::copy(&mut reader, &mut server).ok()?;
    Some(())
}
