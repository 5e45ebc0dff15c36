//! A registry that misbehaves: it serves one image, and a test decides what goes wrong.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::image::Built;

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Path with query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How many requests for this path came before.
    pub before: usize,
    /// Body.
    pub body: String,
}

/// Longer than any client of a test waits.
const LONG: Duration = Duration::from_secs(20);

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As announced.
    Whole,
    /// The connection breaks after so many bytes of the body.
    CutAfter(usize),
    /// Nothing more comes after so many bytes of the body.
    StallAfter(usize),
    /// The connection breaks before any answer.
    Nothing,
    /// No answer at all comes.
    Silence,
    /// The connection is reset (RST) after so many bytes of the body.
    ResetAfter(usize),
    /// The body comes byte by byte, with this pause after each.
    Drip(Duration),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers beside the length.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// How it ends.
    pub end: End,
}

impl Answer {
    /// A whole answer.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            end: End::Whole,
        }
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another end.
    pub fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

/// A server on a loopback port that answers as a test says.
#[derive(Debug)]
pub struct FaultServer {
    port: u16,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl FaultServer {
    /// Answers every request with what `answer` makes of it.
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(answer, |stream| stream)
    }

    /// The same over TLS, with the `server.crt` and `server.key` of a folder.
    pub fn with_tls(
        folder: &Path,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let config = tls_config(folder);
        Self::listen(answer, move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            StreamOwned::new(session, stream)
        })
    }

    fn listen<S: Stream>(
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
        accept: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let seen: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answer = Arc::new(answer);
        let log = Arc::clone(&seen);
        // The thread ends with the process: a test has no use for a shutdown.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                let stream = accept(stream);
                std::thread::spawn(move || serve(stream, &*answer, &log));
            }
        });
        Self { port, seen }
    }

    /// Serves an image as a registry does, but for requests to which `fault` has an answer.
    pub fn image(
        image: &Built,
        fault: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let image = image.clone();
        Self::start(move |asked| fault(asked).unwrap_or_else(|| serve_image(&image, asked)))
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The requests whose path contains a text.
    pub fn asked(&self, part: &str) -> Vec<Asked> {
        let seen = self.seen.lock().expect("no test panicked here");
        let fits = seen.iter().filter(|asked| asked.path.contains(part));
        fits.cloned().collect()
    }
}

/// What a registry that holds one image answers.
pub fn serve_image(image: &Built, asked: &Asked) -> Answer {
    let Some((_, name)) = asked.path.rsplit_once('/') else {
        return Answer::new(404, "");
    };
    if asked.path == "/v2/" {
        return Answer::new(200, "{}");
    }
    if asked.path.contains("/manifests/") {
        return Answer::new(200, image.manifest.clone()).header("content-type", image.media_type);
    }
    let Some(blob) = image.blobs.get(name) else {
        return Answer::new(404, "");
    };
    let start = asked.headers.get("range").and_then(|range| {
        let range = range.strip_prefix("bytes=")?;
        range.split_once('-')?.0.parse::<usize>().ok()
    });
    match start {
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", blob.len() - 1, blob.len());
            Answer::new(206, &blob[start..]).header("content-range", &range)
        }
        None => Answer::new(200, blob.clone()),
    }
}

/// A connection, which a test may end in the middle.
trait Stream: Read + Write + Send + 'static {
    fn end(&mut self, how: Shutdown) -> std::io::Result<()>;

    /// Lets the connection end with a reset when it is dropped.
    fn reset(&mut self) -> std::io::Result<()>;
}

impl Stream for TcpStream {
    fn end(&mut self, how: Shutdown) -> std::io::Result<()> {
        self.shutdown(how)
    }

    fn reset(&mut self) -> std::io::Result<()> {
        socket2::SockRef::from(&*self).set_linger(Some(Duration::ZERO))
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn end(&mut self, how: Shutdown) -> std::io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown(how)
    }

    fn reset(&mut self) -> std::io::Result<()> {
        self.sock.reset()
    }
}

/// The TLS side of a server with the `server.crt` and `server.key` of a folder.
pub(crate) fn tls_config(folder: &Path) -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(folder.join("server.crt"))
        .expect("a file of certificates")
        .collect::<Result<Vec<_>, _>>()
        .expect("certificates");
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("a certificate with its key");
    Arc::new(config)
}

fn serve(
    stream: impl Stream,
    answer: &(impl Fn(&Asked) -> Answer + ?Sized),
    log: &Mutex<Vec<Asked>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split_whitespace().nth(1)?.to_owned();
    let mut asked = Asked {
        path,
        ..Asked::default()
    };
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let name = name.to_ascii_lowercase();
        asked.headers.insert(name, value.trim().to_owned());
    }
    if let Some(length) = asked.headers.get("content-length") {
        let mut body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        asked.body = String::from_utf8_lossy(&body).into_owned();
    }
    {
        let mut log = log.lock().ok()?;
        asked.before = log.iter().filter(|old| old.path == asked.path).count();
        log.push(asked.clone());
    }
    send(reader.into_inner(), &answer(&asked)).ok()
}

fn send(mut stream: impl Stream, answer: &Answer) -> std::io::Result<()> {
    match answer.end {
        End::Nothing => return stream.end(Shutdown::Both),
        End::Silence => {
            std::thread::sleep(LONG);
            return Ok(());
        }
        _ => {}
    }
    write!(
        stream,
        "HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        answer.status,
        answer.body.len()
    )?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    match answer.end {
        End::CutAfter(length) => stream.write_all(&answer.body[..length])?,
        End::StallAfter(length) => {
            stream.write_all(&answer.body[..length])?;
            stream.flush()?;
            std::thread::sleep(LONG);
        }
        End::ResetAfter(length) => {
            stream.write_all(&answer.body[..length])?;
            stream.flush()?;
            std::thread::sleep(Duration::from_millis(100));
            return stream.reset();
        }
        End::Drip(pause) => {
            for byte in &answer.body {
                stream.write_all(&[*byte])?;
                std::thread::sleep(pause);
            }
        }
        End::Whole | End::Nothing | End::Silence => stream.write_all(&answer.body)?,
    }
    stream.flush()?;
    stream.end(Shutdown::Write)
}
