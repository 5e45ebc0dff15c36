//! From kubectl's flags, kubeconfig files and the pod's own account to a client's settings.
//!
//! kube's own loader is passed by in three places: it fails on a missing file of
//! `$KUBECONFIG` (kubectl skips it), it looks up the proxy instead of the API server in
//! `NO_PROXY`, and it knows no override but context, cluster and user.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Config;
use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::cli::connection::ConnectionArgs;
use crate::cluster::api::overrides::{override_cluster, override_user, without_credentials};
use crate::cluster::api::pod;
use crate::cluster::api::tls;
use crate::error::Error;
use crate::net::address::{shown, shown_text};
use crate::net::proxy::{self, BadProxy, Proxies};

/// How long a connection to the API server may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of a client, and what messages need beside them.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// kube's settings.
    pub config: Config,
    /// `scheme://host:port` of the API server.
    pub server: String,
    /// The certificates that its own is to be signed by; `None` for the system's.
    pub(crate) authorities: Option<Vec<CertificateDer<'static>>>,
    /// The proxy that leads to it.
    pub(crate) proxy: Option<Url>,
    /// The user is the account of the pod that this process runs in.
    pub(crate) is_own: bool,
}

/// Reads the settings: `--kubeconfig`, else `$KUBECONFIG` or `~/.kube/config`, else the
/// pod's own account; the other flags go over what was found.
///
/// # Errors
/// A file, context, cluster, certificate or address that is absent or cannot be used.
pub(crate) fn settings(args: &ConnectionArgs) -> Result<Settings, Error> {
    let (paths, given) = kubeconfig_paths(args);
    let found = read_files(&paths, given)?;
    let mut settings = match found {
        Some(kubeconfig) => of_kubeconfig(kubeconfig, args)?,
        None if args.server.is_some() => of_parts(Cluster::default(), AuthInfo::default(), args)?,
        None => {
            let own = pod::account(|name| std::env::var(name).ok(), Path::new(pod::ACCOUNT))
                .ok_or_else(|| no_kubeconfig(&paths))?;
            let mut settings = of_parts(own.cluster, own.user, args)?;
            settings.is_own = true;
            if let Some(namespace) = own.namespace {
                settings.config.default_namespace = namespace;
            }
            settings
        }
    };
    let config = &mut settings.config;
    config.default_retry = false;
    config.connect_timeout = match args.request_timeout {
        Some(limit) if limit.is_zero() => Some(CONNECT_TIMEOUT),
        Some(limit) => Some(limit.min(CONNECT_TIMEOUT)),
        None => Some(CONNECT_TIMEOUT),
    };
    Ok(settings)
}

/// The names of the contexts that the kubeconfig files hold; none where they cannot be read.
pub(crate) fn contexts(args: &ConnectionArgs) -> Vec<String> {
    let (paths, given) = kubeconfig_paths(args);
    read_files(&paths, given)
        .ok()
        .flatten()
        .map(|config| config.contexts.into_iter().map(|context| context.name))
        .into_iter()
        .flatten()
        .collect()
}

/// The files to read, and whether `--kubeconfig` named them.
fn kubeconfig_paths(args: &ConnectionArgs) -> (Vec<PathBuf>, bool) {
    if let Some(path) = &args.kubeconfig {
        return (vec![path.clone()], true);
    }
    let listed: Vec<PathBuf> = std::env::var_os("KUBECONFIG")
        .map(|value| {
            std::env::split_paths(&value)
                .filter(|path| !path.as_os_str().is_empty())
                .collect()
        })
        .unwrap_or_default();
    if !listed.is_empty() {
        return (listed, false);
    }
    let home = std::env::home_dir().map(|home| home.join(".kube").join("config"));
    (home.into_iter().collect(), false)
}

/// Merges the files; the first one that sets a value wins. `None` when there is none.
fn read_files(paths: &[PathBuf], given: bool) -> Result<Option<Kubeconfig>, Error> {
    let mut merged: Option<Kubeconfig> = None;
    for path in paths {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && !given => continue,
            Err(error) => return Err(unusable(path, &error)),
            Ok(_) => {}
        }
        let next = Kubeconfig::read_from(path).map_err(|error| unusable(path, &error))?;
        merged = Some(match merged {
            None => next,
            Some(merged) => merged.merge(next).map_err(|error| unusable(path, &error))?,
        });
    }
    Ok(merged.filter(|config| !config.clusters.is_empty() || !config.contexts.is_empty()))
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    // The YAML parser draws the place below its first line.
    let text = error.to_string();
    let why = text.lines().next().unwrap_or_default();
    Error::Input {
        message: format!("kubeconfig {} cannot be used: {why}", path.display()),
        hint: "Pass another file with --kubeconfig or $KUBECONFIG.".to_owned(),
    }
}

fn no_kubeconfig(paths: &[PathBuf]) -> Error {
    let looked: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    Error::Cluster {
        message: format!(
            "no kubeconfig with a cluster at {}, and this is not a pod in a cluster",
            looked.join(", ")
        ),
        hint: "Log in to the cluster, or pass --kubeconfig. Without a cluster, use `run --local \
            -f FILE` with --kernel-version or --release-image."
            .to_owned(),
    }
}

/// Picks context, cluster and user.
fn of_kubeconfig(kubeconfig: Kubeconfig, args: &ConnectionArgs) -> Result<Settings, Error> {
    let context_name = args
        .context
        .clone()
        .or(kubeconfig.current_context.clone())
        .filter(|name| !name.is_empty());
    let context = match &context_name {
        None => None,
        Some(name) => {
            let known = || kubeconfig.contexts.iter().map(|known| known.name.as_str());
            let found = kubeconfig
                .contexts
                .iter()
                .find(|known| known.name == *name)
                .and_then(|known| known.context.clone());
            if found.is_none() && args.cluster.is_none() && args.server.is_none() {
                return Err(missing("context", name, known()));
            }
            found
        }
    };
    let cluster_name = args
        .cluster
        .clone()
        .or(context.as_ref().map(|context| context.cluster.clone()));
    let cluster = match &cluster_name {
        None if args.server.is_some() => Cluster::default(),
        None => {
            return Err(Error::Input {
                message: "the kubeconfig has no current context".to_owned(),
                hint: "Pass --context, or run `kubectl config use-context NAME`.".to_owned(),
            });
        }
        Some(name) => {
            let known = || kubeconfig.clusters.iter().map(|known| known.name.as_str());
            kubeconfig
                .clusters
                .iter()
                .find(|known| known.name == *name)
                .and_then(|known| known.cluster.clone())
                .or(args.server.is_some().then(Cluster::default))
                .ok_or_else(|| missing("cluster", name, known()))?
        }
    };
    let user_name = args
        .user
        .clone()
        .or(context.as_ref().and_then(|context| context.user.clone()))
        .filter(|name| !name.is_empty());
    let user = match &user_name {
        None => AuthInfo::default(),
        Some(name) => {
            let known = || {
                kubeconfig
                    .auth_infos
                    .iter()
                    .map(|known| known.name.as_str())
            };
            let found = kubeconfig
                .auth_infos
                .iter()
                .find(|known| known.name == *name)
                .and_then(|known| known.auth_info.clone());
            match found {
                Some(user) => user,
                None if args.user.is_some() => return Err(missing("user", name, known())),
                None => AuthInfo::default(),
            }
        }
    };
    let mut settings = of_parts(cluster, user, args)?;
    if let Some(namespace) = context.and_then(|context| context.namespace) {
        settings.config.default_namespace = namespace;
    }
    Ok(settings)
}

fn missing<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<&str> = known.collect();
    Error::Input {
        message: format!("the kubeconfig has no {what} `{name}`"),
        hint: match known.is_empty() {
            true => format!("Add a {what} to the kubeconfig, or pass another --kubeconfig."),
            false => format!("Pass one of these with --{what}: {}.", known.join(", ")),
        },
    }
}

/// Puts the flags over the kubeconfig's cluster and user, and makes kube's settings of them.
fn of_parts(
    mut cluster: Cluster,
    mut user: AuthInfo,
    args: &ConnectionArgs,
) -> Result<Settings, Error> {
    override_cluster(&mut cluster, args);
    override_user(&mut user, args);
    let server = cluster.server.clone().unwrap_or_default();
    let server = if server.contains("://") {
        server
    } else {
        format!("https://{server}")
    };
    let bad_address = |error: String| Error::Input {
        message: format!(
            "`{}` is not a valid address of an API server: {error}",
            shown_text(&server)
        ),
        hint: "Use https://HOST:PORT in --server or in the kubeconfig's cluster.".to_owned(),
    };
    let url = url::Url::parse(&server).map_err(|error| bad_address(error.to_string()))?;
    if url.host_str().is_none() {
        return Err(bad_address("it has no host".to_owned()));
    }
    if url.scheme() != "https" {
        user = without_credentials(user, &server);
    }
    let address = server
        .parse()
        .map_err(|error| bad_address(format!("{error}")))?;
    if let Some(exec) = &mut user.exec
        && exec.provide_cluster_info
    {
        exec.cluster =
            Some(
                (&cluster)
                    .try_into()
                    .map_err(|error: KubeconfigError| Error::Input {
                        message: format!("the kubeconfig's cluster cannot be used: {error}"),
                        hint: "Check its certificate-authority.".to_owned(),
                    })?,
            );
    }
    if user.exec.is_none() {
        // What is wrong with it is wrong in the kubeconfig, and not on the way to the server.
        tls::identity(&user).map_err(|why| Error::Input {
            message: format!("the kubeconfig's user cannot be used: {why}"),
            hint: "Correct client-certificate and client-key, or pass another --user.".to_owned(),
        })?;
    }
    let authorities = tls::certificate_authority(&cluster)?;
    let mut config = Config::new(address);
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.tls_server_name = cluster
        .tls_server_name
        .clone()
        .filter(|name| !name.is_empty());
    config.auth_info = user;
    let proxy = match cluster.proxy_url.filter(|proxy| !proxy.is_empty()) {
        Some(value) => Some(proxy::parse(&value, "proxy-url").map_err(bad_proxy)?),
        None => {
            let proxies = Proxies::of_environment();
            proxies.for_url(&url).map_err(bad_proxy)?.cloned()
        }
    };
    Ok(Settings {
        server: shown(&url).trim_end_matches('/').to_owned(),
        config,
        authorities,
        proxy,
        is_own: false,
    })
}

fn bad_proxy(bad: BadProxy) -> Error {
    Error::Input {
        message: format!("no request was sent to the API server: {bad}"),
        hint: "Check proxy-url of the kubeconfig's cluster, and HTTPS_PROXY.".to_owned(),
    }
}
