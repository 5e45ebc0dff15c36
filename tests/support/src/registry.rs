//! A real registry (distribution) on a loopback port, with or without
//! credentials and TLS.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::image::{Built, Dialect, index_of};
use crate::server::{Server, free_port, listens};
use crate::tokens::{NAME, Signer, TokenServer};

/// User of a registry that wants credentials.
pub const USER: &str = "admin";
/// Password of [`USER`].
pub const PASSWORD: &str = "correct-horse";
/// What a registry's configuration says of the password file.
const HTPASSWD_CONFIG: &str = "auth: {htpasswd: {realm: tests, path: DIR/htpasswd}}\n";
/// bcrypt of [`PASSWORD`], and of the token of a cluster's administrator, which the cluster's
/// own registry takes beside any name; as htpasswd files hold it.
const HTPASSWD: &str = "\
    admin:$2y$05$o9rAS0IHFEt4Y6Q4FVdY2OhbUZCwzabWaOPhz9Q9HXB5Ub3TAuUke\n\
    user:$2y$05$o9rAS0IHFEt4Y6Q4FVdY2OYAPBHbvyyhGiuFgQelSVo0UjswltBRy\n";

/// A running registry. Its storage goes when it is dropped.
#[derive(Debug)]
pub struct Registry {
    server: Server,
    port: u16,
    folder: TempDir,
    scheme: &'static str,
    auth: Auth,
}

/// Who shows a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Off,
    Server,
    Mutual,
}

/// What a registry wants to be shown.
#[derive(Debug)]
enum Auth {
    Nothing,
    Password,
    Token(Arc<Signer>),
}

impl Registry {
    /// Plain HTTP, open to everyone.
    pub fn start() -> Self {
        Self::serve(Auth::Nothing, "", Tls::Off)
    }

    /// Plain HTTP; [`USER`] and [`PASSWORD`] by basic authentication.
    pub fn with_password() -> Self {
        Self::serve(Auth::Password, HTPASSWD_CONFIG, Tls::Off)
    }

    /// HTTPS with a certificate of an authority that only [`Registry::ca`] knows.
    pub fn with_tls() -> Self {
        Self::serve(Auth::Nothing, "", Tls::Server)
    }

    /// HTTPS with the names of a cluster's own registry; [`USER`] and [`PASSWORD`], or `user`
    /// and the administrator's token, by basic authentication.
    pub fn of_cluster() -> Self {
        Self::serve(Auth::Password, HTPASSWD_CONFIG, Tls::Server)
    }

    /// Tokens of this server, which is known to the registry under `realm`; plain HTTP or
    /// HTTPS.
    pub fn with_tokens(server: &TokenServer, realm: &str, tls: bool) -> Self {
        let config = format!(
            "auth: {{token: {{realm: '{realm}', service: {NAME}, issuer: {NAME}, \
             rootcertbundle: '{}'}}}}\n",
            server.certificate().display()
        );
        let tls = if tls { Tls::Server } else { Tls::Off };
        Self::serve(Auth::Token(server.signer()), &config, tls)
    }

    /// HTTPS for those who show a certificate by [`Registry::ca`], such as `server.crt`.
    pub fn with_client_certificates() -> Self {
        Self::serve(Auth::Nothing, "", Tls::Mutual)
    }

    fn serve(auth: Auth, auth_config: &str, tls: Tls) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the registry");
        let port = free_port();
        let dir = folder.path();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {0}/storage}}, delete: {{enabled: true}}}}\n\
             http:\n  addr: 127.0.0.1:{port}\n",
            dir.display()
        );
        if tls != Tls::Off {
            write_certificates(dir);
            let clients = match tls {
                Tls::Mutual => format!(", clientcas: [{}/ca.crt]", dir.display()),
                _ => String::new(),
            };
            config += &format!(
                "  tls: {{certificate: {0}/server.crt, key: {0}/server.key{clients}}}\n",
                dir.display()
            );
        }
        fs::write(dir.join("htpasswd"), HTPASSWD).expect("the password file");
        config += &auth_config.replace("DIR", &dir.display().to_string());
        let path = dir.join("config.yml");
        fs::write(&path, config).expect("the registry's configuration");
        let args = ["serve".to_owned(), path.display().to_string()];
        let mut server = Server::start("registry", &args, &dir.join("log"));
        server.wait_until(|| listens(port));
        Self {
            server,
            port,
            folder,
            scheme: if tls == Tls::Off { "http" } else { "https" },
            auth,
        }
    }

    /// `127.0.0.1:PORT`, the host part of references.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The reference of a repository and tag (`repo:tag`) here.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// File of the certificate authority of a registry with TLS.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Files of a certificate by the authority, and of its key.
    pub fn certificate(&self) -> [PathBuf; 2] {
        ["server.crt", "server.key"].map(|name| self.folder.path().join(name))
    }

    fn identity(&self) -> reqwest::Identity {
        let read = |path| fs::read(path).expect("a certificate or key");
        let pem = self.certificate().map(read).concat();
        reqwest::Identity::from_pem(&pem).expect("a certificate with its key")
    }

    /// Folder of the stored blobs and links, for tests that damage them.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage/docker/registry/v2")
    }

    /// Ends the server; its port then refuses connections.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Pushes an image as `repo:tag` and returns its reference.
    pub fn push(&self, name: &str, image: &Built) -> String {
        self.push_parts(name, std::slice::from_ref(image));
        self.put_manifest(name, image.media_type, &image.manifest)
    }

    /// Pushes images behind one index as `repo:tag` and returns its reference.
    pub fn push_index(&self, name: &str, images: &[Built], dialect: Dialect) -> String {
        self.push_parts(name, images);
        let (index, media_type) = index_of(images, dialect);
        self.put_manifest(name, media_type, &index)
    }

    fn push_parts(&self, name: &str, images: &[Built]) {
        let (repository, _) = name.rsplit_once(':').expect("repo:tag");
        for image in images {
            for (digest, bytes) in &image.blobs {
                self.put_blob(repository, digest, bytes);
            }
            let by_digest = format!("{repository}@{}", image.digest);
            self.put_manifest(&by_digest, image.media_type, &image.manifest);
        }
    }

    fn put_blob(&self, repository: &str, digest: &str, bytes: &[u8]) {
        let (status, location) =
            self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), None);
        assert_eq!(status, 202, "the registry starts an upload");
        let mark = if location.contains('?') { '&' } else { '?' };
        let path = location
            .split_once(&self.host())
            .map_or(location.as_str(), |(_, path)| path);
        let path = format!("{path}{mark}digest={digest}");
        let body = ("application/octet-stream", bytes);
        assert_eq!(
            self.send("PUT", &path, Some(body)).0,
            201,
            "the registry keeps a blob"
        );
    }

    /// Puts raw bytes as the manifest `repo:tag` or `repo@digest`, and returns its reference.
    pub fn put_manifest(&self, name: &str, media_type: &str, manifest: &[u8]) -> String {
        let (repository, tag) = name
            .split_once('@')
            .or_else(|| name.rsplit_once(':'))
            .expect("repo:tag or repo@digest");
        let path = format!("/v2/{repository}/manifests/{tag}");
        let (status, answer) = self.send("PUT", &path, Some((media_type, manifest)));
        assert_eq!(status, 201, "the registry keeps a manifest: {answer}");
        self.reference(name)
    }

    /// One request: its status, and its Location header or else its body.
    fn send(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> (u16, String) {
        let url = format!("{}://{}{path}", self.scheme, self.host());
        let method = method.parse().expect("an HTTP method");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut client = reqwest::Client::builder().no_proxy();
            if self.scheme == "https" {
                let pem = fs::read(self.ca()).expect("the authority's certificate");
                let ca = reqwest::Certificate::from_pem(&pem).expect("a certificate");
                client = client.add_root_certificate(ca).identity(self.identity());
            }
            let client = client.build().expect("a client");
            let mut request = client.request(method, &url);
            match &self.auth {
                Auth::Nothing => {}
                Auth::Password => request = request.basic_auth(USER, Some(PASSWORD)),
                Auth::Token(signer) => {
                    let access = Signer::access(repository_of(path), &["pull", "push"]);
                    request = request.bearer_auth(signer.token(&json!([access])));
                }
            }
            if let Some((media_type, bytes)) = body {
                request = request
                    .header("content-type", media_type)
                    .body(bytes.to_vec());
            }
            let response = request.send().await.expect("the registry answers");
            let status = response.status().as_u16();
            let location = response
                .headers()
                .get("location")
                .map(|value| value.to_str().expect("an ASCII location").to_owned());
            let answer = match location {
                Some(location) => location,
                None => response.text().await.expect("a body of text"),
            };
            (status, answer)
        })
    }
}

/// The repository in a path of the registry's API.
fn repository_of(path: &str) -> &str {
    let rest = path.strip_prefix("/v2/").unwrap_or(path);
    let end = rest.find("/blobs/").or_else(|| rest.find("/manifests/"));
    &rest[..end.unwrap_or(rest.len())]
}

/// An authority, and a certificate by it for this machine's names: `ca.crt`, `server.crt` and
/// `server.key`.
pub fn write_certificates(dir: &Path) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).expect("a certificate");
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().expect("a key");
    let names = [
        "127.0.0.1",
        "0.0.0.0",
        "localhost",
        "image-registry.openshift-image-registry.svc",
        "image-registry.openshift-image-registry.svc.cluster.local",
    ];
    let names = names.map(str::to_owned);
    let certificate = CertificateParams::new(names.to_vec())
        .expect("names of the server")
        .signed_by(&key, &issuer)
        .expect("a signed certificate");
    let write = |name: &str, text: String| {
        fs::write(dir.join(name), text).expect("the registry's certificates");
    };
    write("ca.crt", ca_certificate.pem());
    write("server.crt", certificate.pem());
    write("server.key", key.serialize_pem());
}
