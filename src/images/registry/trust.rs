//! Whom to trust, and who one is, at one registry host: containers-certs.d(5), and the
//! additional trusted CAs of an OpenShift cluster.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::images::registry::folders::{self, Variable};

/// The largest file of certificates, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Further certificates for one host, PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostTrust {
    /// Authorities that are trusted besides the others.
    pub authorities: Vec<Vec<u8>>,
    /// A client's certificate and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl HostTrust {
    /// True where nothing is said about the host.
    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty() && self.identity.is_none()
    }
}

/// Where to look for the certificates of hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustPlaces {
    /// Folders with a folder for each `host[:port]`; the first that has it counts.
    pub folders: Vec<PathBuf>,
    /// Authorities by `host[:port]`, PEM, of the cluster whose nodes pull.
    pub of_cluster: BTreeMap<String, Vec<u8>>,
}

impl TrustPlaces {
    /// The folders that podman, skopeo and docker look into.
    pub fn of_machine(variable: Variable<'_>) -> Self {
        let own = folders::home(variable).map(|home| home.join(".config/containers/certs.d"));
        let machine = folders::of_machine(["/etc/containers/certs.d", "/etc/docker/certs.d"]);
        Self {
            folders: own.into_iter().chain(machine).collect(),
            of_cluster: BTreeMap::new(),
        }
    }

    /// What is known about a host.
    ///
    /// # Errors
    /// A file is there and cannot be read, or a certificate has no key beside it.
    pub fn of_host(&self, host: &str) -> Result<HostTrust, String> {
        // No folder of Windows has a colon in its name; docker leaves it out (`cleanPath`).
        let name = match cfg!(windows) {
            true => host.replace(':', ""),
            false => host.to_owned(),
        };
        let mut trust = match self
            .folders
            .iter()
            .map(|dir| dir.join(&name))
            .find(|dir| dir.is_dir())
        {
            Some(folder) => read(&folder)?,
            None => HostTrust::default(),
        };
        trust.authorities.extend(self.of_cluster.get(host).cloned());
        Ok(trust)
    }
}

/// `*.crt` are authorities; `NAME.cert` and `NAME.key` are a client's certificate and key.
fn read(folder: &Path) -> Result<HostTrust, String> {
    let fault = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let entries = fs::read_dir(folder).map_err(|error| fault(folder, error))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| fault(folder, error))?.path());
    }
    paths.sort();
    let mut trust = HostTrust::default();
    for path in paths {
        let text = || bounded(&path).map_err(|error| fault(&path, error));
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => trust.authorities.push(text()?),
            Some("cert") if trust.identity.is_none() => {
                let key = path.with_extension("key");
                let pair = (text()?, bounded(&key).map_err(|error| fault(&key, error))?);
                trust.identity = Some(pair);
            }
            _ => {}
        }
    }
    Ok(trust)
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > LARGEST_FILE {
        return Err(io::Error::other(format!(
            "larger than {LARGEST_FILE} bytes"
        )));
    }
    fs::read(path)
}

/// The host of a key in the ConfigMap of additional trusted CAs, where a port follows two
/// dots because keys have no colons (OpenShift's `image.config.openshift.io`,
/// `spec.additionalTrustedCA`).
pub(crate) fn host_of_key(key: &str) -> String {
    match key.rsplit_once("..") {
        Some((host, port)) => format!("{host}:{port}"),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_that_has_the_host_counts_and_the_clusters_word_is_added() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        for (folder, host, name, text) in [
            (&first, "a.io:5000", "ca.crt", "one"),
            (&first, "a.io:5000", "client.cert", "certificate"),
            (&first, "a.io:5000", "client.key", "key"),
            (&first, "a.io:5000", "README", "text"),
            (&second, "a.io:5000", "ca.crt", "hidden"),
            (&second, "b.io", "x.crt", "two"),
            (&second, "c.io", "lonely.cert", "certificate"),
        ] {
            let folder = folder.path().join(host);
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join(name), text).expect("a file");
        }
        let places = TrustPlaces {
            folders: vec![first.path().into(), second.path().into()],
            of_cluster: [("b.io".to_owned(), b"three".to_vec())].into(),
        };
        let trust = |authorities: &[&str], identity: Option<(&str, &str)>| HostTrust {
            authorities: authorities
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect(),
            identity: identity.map(|(certificate, key)| (certificate.into(), key.into())),
        };
        assert_eq!(
            places.of_host("a.io:5000"),
            Ok(trust(&["one"], Some(("certificate", "key"))))
        );
        assert_eq!(places.of_host("b.io"), Ok(trust(&["two", "three"], None)));
        assert!(places.of_host("a.io").expect("nothing").is_empty());
        let error = places.of_host("c.io").expect_err("no key");
        assert!(error.contains("lonely.key"), "{error}");
    }

    #[test]
    fn keys_of_the_clusters_config_map_are_hosts() {
        assert_eq!(host_of_key("registry.example.com"), "registry.example.com");
        assert_eq!(
            host_of_key("registry.example.com..5000"),
            "registry.example.com:5000"
        );
    }
}
