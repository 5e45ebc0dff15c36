//! A token server of the tests' own: it gives out signed tokens, which a real registry
//! verifies (distribution, "Token Authentication Specification").

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::faults::{Answer, Asked, FaultServer};
use crate::registry::write_certificates;

/// The name of both the issuer and the service in tokens.
pub const NAME: &str = "tests";

/// Who may pull what.
#[derive(Debug, Clone, Copy)]
pub enum Account {
    /// User, password, and the prefix of the repositories that they open.
    Password(&'static str, &'static str, &'static str),
    /// The same for somebody who may pull, and not push.
    Puller(&'static str, &'static str, &'static str),
    /// An identity token and that prefix.
    Identity(&'static str, &'static str),
}

/// A running token server.
#[derive(Debug)]
pub struct TokenServer {
    http: FaultServer,
    signer: Arc<Signer>,
    scheme: &'static str,
    folder: TempDir,
}

impl TokenServer {
    /// Over plain HTTP.
    pub fn start(accounts: &[Account]) -> Self {
        Self::serve(accounts, false)
    }

    /// Over TLS, with a certificate by [`TokenServer::ca`].
    pub fn with_tls(accounts: &[Account]) -> Self {
        Self::serve(accounts, true)
    }

    fn serve(accounts: &[Account], tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the token server");
        let signer = Arc::new(Signer::new());
        fs::write(folder.path().join("signer.crt"), &signer.pem).expect("its certificate");
        let accounts = accounts.to_vec();
        let signing = Arc::clone(&signer);
        let answer = move |asked: &Asked| answer(asked, &accounts, &signing);
        let http = if tls {
            write_certificates(folder.path());
            FaultServer::with_tls(folder.path(), answer)
        } else {
            FaultServer::start(answer)
        };
        Self {
            http,
            signer,
            scheme: if tls { "https" } else { "http" },
            folder,
        }
    }

    /// The URL under another name of this machine.
    pub fn realm(&self, name: &str) -> String {
        let host = self.http.host();
        let (_, port) = host.rsplit_once(':').expect("host:port");
        format!("{}://{name}:{port}/token", self.scheme)
    }

    /// File of the certificate that tokens are verified with.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("signer.crt")
    }

    /// File of the authority of the server's own certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// What signs the tokens.
    pub fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer)
    }

    /// The `Authorization` headers of the requests so far.
    pub fn shown(&self) -> Vec<Option<String>> {
        let asked = self.http.asked("/token");
        let header = |asked: &Asked| asked.headers.get("authorization").cloned();
        asked.iter().map(header).collect()
    }
}

fn answer(asked: &Asked, accounts: &[Account], signer: &Signer) -> Answer {
    let query = asked.path.split_once('?').map(|(_, query)| query);
    let text = query.unwrap_or(&asked.body);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect();
    let value = |key: &str| {
        let found = pairs.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let header = asked.headers.get("authorization");
    let refresh = value("refresh_token");
    let account = accounts.iter().find_map(|account| match account {
        Account::Password(user, password, prefix) | Account::Puller(user, password, prefix) => {
            let wanted = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            let pushes = matches!(account, Account::Password(..));
            (header == Some(&wanted)).then_some((*prefix, pushes))
        }
        Account::Identity(token, prefix) => (refresh == *token).then_some((*prefix, true)),
    });
    if account.is_none() && (header.is_some() || !refresh.is_empty()) {
        return Answer::new(401, "");
    }
    let scope: Vec<&str> = value("scope").split(':').collect();
    let access = match (account, scope.as_slice()) {
        (Some((prefix, pushes)), ["repository", name, actions]) if name.starts_with(prefix) => {
            let wanted = actions.split(',');
            let allowed = wanted.filter(|action| pushes || *action == "pull");
            json!([Signer::access(name, &allowed.collect::<Vec<_>>())])
        }
        _ => json!([]),
    };
    let token = signer.token(&access);
    let key = if refresh.is_empty() {
        "token"
    } else {
        "access_token"
    };
    Answer::new(200, json!({key: token, "expires_in": 300}).to_string())
}

/// Signs tokens with a key of its own.
#[derive(Debug)]
pub struct Signer {
    key: EcdsaKeyPair,
    der: Vec<u8>,
    pem: String,
}

impl Signer {
    fn new() -> Self {
        let pair = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::default()
            .self_signed(&pair)
            .expect("a certificate");
        let pkcs8 = pair.serialize_der();
        Self {
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)
                .expect("an ECDSA key"),
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
        }
    }

    /// The claim to do something with a repository.
    pub fn access(repository: &str, actions: &[&str]) -> Value {
        json!({"type": "repository", "name": repository, "actions": actions})
    }

    /// A token with these claims, good for some minutes.
    pub fn token(&self, access: &Value) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.der)]});
        let claims = json!({
            "iss": NAME, "aud": NAME, "sub": "", "jti": "1", "access": access,
            "iat": now, "nbf": now - 60, "exp": now + 300,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), text.as_bytes())
            .expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Several authorities in one file.
pub fn bundle(folder: &Path, files: &[PathBuf]) -> PathBuf {
    let pem: String = files
        .iter()
        .map(|file| fs::read_to_string(file).expect("a certificate"))
        .collect();
    let bundle = folder.join("bundle.crt");
    fs::write(&bundle, pem).expect("a file");
    bundle
}
