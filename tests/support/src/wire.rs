//! A line between a program and a server on loopback, which a test holds up or cuts.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use socket2::SockRef;

#[derive(Debug, Default)]
struct State {
    open: Mutex<Vec<TcpStream>>,
    held: Mutex<Held>,
    released: Condvar,
    answered: Mutex<Vec<u8>>,
    to_garble: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Held {
    text: Option<String>,
    waiting: usize,
}

/// The line. It listens on a port of its own and passes bytes on to the server's.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    state: Arc<State>,
}

impl Wire {
    /// A line to what listens on this port.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        // The threads end with the process: a test has no use for a shutdown.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else {
                    reset(&client);
                    continue;
                };
                let both = [&client, &server].map(|end| end.try_clone().expect("a socket twice"));
                let mut open = shared.open.lock().expect("no test panicked here");
                open.extend([&client, &server].map(|end| end.try_clone().expect("a socket twice")));
                let [client_again, server_again] = both;
                let there = Arc::clone(&shared);
                std::thread::spawn(move || there.ask(client, server));
                let back = Arc::clone(&shared);
                std::thread::spawn(move || back.answer(server_again, client_again));
            }
        });
        Self { port, state }
    }

    /// The port that leads to the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on a request that contains this text waits for [`Wire::release`].
    pub fn hold(&self, text: &str) {
        let mut held = self.state.held.lock().expect("no test panicked here");
        held.text = Some(text.to_owned());
    }

    /// Waits until a request is held up.
    pub fn wait_until_held(&self) {
        let start = Instant::now();
        while self
            .state
            .held
            .lock()
            .expect("no test panicked here")
            .waiting
            == 0
        {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "nothing to hold came"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lets held requests go on.
    pub fn release(&self) {
        self.state.held.lock().expect("no test panicked here").text = None;
        self.state.released.notify_all();
    }

    /// Damages the next answer that contains this text, at its first byte.
    pub fn garble(&self, text: &str) {
        let mut to_garble = self.state.to_garble.lock().expect("no test panicked here");
        *to_garble = Some(text.to_owned());
    }

    /// True when an answer was damaged since the last call of [`Wire::garble`].
    pub fn has_garbled(&self) -> bool {
        let to_garble = self.state.to_garble.lock().expect("no test panicked here");
        to_garble.is_none()
    }

    /// Resets every connection; new ones are taken.
    pub fn cut(&self) {
        let mut open = self.state.open.lock().expect("no test panicked here");
        open.drain(..).for_each(|end| reset(&end));
    }

    /// True when the server has answered with this text.
    pub fn has_answered(&self, text: &str) -> bool {
        let answered = self.state.answered.lock().expect("no test panicked here");
        String::from_utf8_lossy(&answered).contains(text)
    }
}

impl State {
    fn ask(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16 << 10];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let said = String::from_utf8_lossy(&bytes[..length]);
            let mut held = self.held.lock().expect("no test panicked here");
            while held.text.as_deref().is_some_and(|text| said.contains(text)) {
                held.waiting += 1;
                held = self.released.wait(held).expect("no test panicked here");
            }
            drop(held);
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        end(&to);
    }

    fn answer(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16 << 10];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let mut answered = self.answered.lock().expect("no test panicked here");
            answered.extend_from_slice(&bytes[..length]);
            drop(answered);
            let mut to_garble = self.to_garble.lock().expect("no test panicked here");
            let found = to_garble.as_deref().and_then(|text| {
                let mut windows = bytes[..length].windows(text.len());
                windows.position(|window| window == text.as_bytes())
            });
            if let Some(at) = found {
                bytes[at] = b'!';
                *to_garble = None;
            }
            drop(to_garble);
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        end(&to);
    }
}

/// Passes the end of what one side says on, but where the line was cut.
fn end(to: &TcpStream) {
    if SockRef::from(to).linger().ok().flatten().is_none() {
        // It fails only for a connection that has ended, which is what is wanted.
        let _ = to.shutdown(Shutdown::Write);
    }
}

/// Ends a connection as a machine does that no longer knows of it: with RST, not FIN.
fn reset(end: &TcpStream) {
    // Both fail only for a connection that has ended. The reset is sent once the threads,
    // whose reads end now, have closed their ends too.
    let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
    let _ = end.shutdown(Shutdown::Read);
}
