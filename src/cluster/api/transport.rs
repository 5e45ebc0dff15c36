//! The connection under kube's client: by which proxy, trusting whom, and as whom.
//!
//! kube's own has Nagle's algorithm on, so that the first request waits some 40 ms for the
//! server to acknowledge the end of the TLS handshake, trusts a certificate only for its
//! issuer, and shows the user's certificate to an HTTPS proxy.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::ConfigExt;
use kube::{Client, Config};
use rustls::pki_types::ServerName;
use tower::{BoxError, ServiceBuilder};
use url::Url;

use crate::cluster::api::fault::{Fault, Route};
use crate::cluster::api::kubeconfig::Settings;
use crate::cluster::api::tls::identity;
use crate::net::tls::{self, Trusted};

/// Which versions of HTTP a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// HTTP/2 where the server has it: requests side by side share one connection.
    Newest,
    /// HTTP/1.1, the only version in which the API server takes an upgrade to WebSockets.
    Upgradable,
}

/// How long a shared connection may be silent before it is tried. One that went dead would
/// otherwise hold up every request after it.
const SILENCE: Duration = Duration::from_secs(5);

/// A client with the credentials of `config`, to whom `settings` lead.
///
/// # Errors
/// A certificate, a key, or a server's name cannot be used.
pub(crate) fn client(
    settings: &Settings,
    config: &Config,
    versions: Versions,
) -> Result<Client, Fault> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let Some(proxy) = &settings.proxy else {
        return build(settings, config, versions, connector);
    };
    let address = |proxy: &Url| -> Result<Uri, Fault> {
        proxy
            .as_str()
            .parse()
            .map_err(|_| Fault::Nonsense("the proxy's address cannot be used".to_owned()))
    };
    let (user, password) = user_of(proxy);
    match proxy.scheme() {
        "socks5" | "socks5h" => {
            let mut socks = SocksV5::new(address(proxy)?, connector);
            if !user.is_empty() {
                socks = socks.with_auth(user, password);
            }
            build(settings, config, versions, socks)
        }
        "https" => {
            let own = settings.authorities.clone().unwrap_or_default();
            let trust = tls::config(Trusted::SystemAnd(own), None).map_err(Fault::Credentials)?;
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(trust)
                .https_or_http()
                .enable_http1()
                .wrap_connector(connector);
            build(
                settings,
                config,
                versions,
                with_auth(Tunnel::new(address(proxy)?, connector), &user, &password),
            )
        }
        _ => build(
            settings,
            config,
            versions,
            with_auth(Tunnel::new(address(proxy)?, connector), &user, &password),
        ),
    }
}

fn build<C>(
    settings: &Settings,
    config: &Config,
    versions: Versions,
    connector: C,
) -> Result<Client, Fault>
where
    HttpsConnector<C>: Connect + Clone + Send + Sync + 'static,
    C: tower::Service<Uri>,
{
    let route = settings.route();
    let trusted = match (config.accept_invalid_certs, &settings.authorities) {
        (true, _) => Trusted::Anybody,
        (false, Some(authorities)) => Trusted::Only(authorities.clone()),
        (false, None) => Trusted::SystemAnd(Vec::new()),
    };
    let identity = identity(&config.auth_info).map_err(Fault::Credentials)?;
    let tls = tls::config(trusted, identity.as_ref()).map_err(Fault::Credentials)?;
    let mut builder = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone()).map_err(|_| {
            Fault::Credentials(format!("`{name}` is not a server name (--tls-server-name)"))
        })?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = match versions {
        Versions::Newest => builder.enable_all_versions().wrap_connector(connector),
        Versions::Upgradable => builder.enable_http1().wrap_connector(connector),
    };
    let http = HttpClient::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(SILENCE)
        .http2_keep_alive_timeout(SILENCE)
        .http2_keep_alive_while_idle(true)
        .build(connector);
    let fault = |error: kube::Error| Fault::of_kube(&error, &route);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(fault)?)
        .layer(config.extra_headers_layer().map_err(fault)?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace.clone()))
}

fn user_of(proxy: &Url) -> (String, String) {
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let password = proxy.password().unwrap_or_default();
    (decoded(proxy.username()), decoded(password))
}

fn with_auth<C>(tunnel: Tunnel<C>, user: &str, password: &str) -> Tunnel<C> {
    if user.is_empty() && password.is_empty() {
        return tunnel;
    }
    let pair = STANDARD.encode(format!("{user}:{password}"));
    match HeaderValue::from_str(&format!("Basic {pair}")) {
        Ok(mut value) => {
            value.set_sensitive(true);
            tunnel.with_auth(value)
        }
        Err(_) => tunnel,
    }
}

/// Where requests go, for messages.
impl Settings {
    pub(crate) fn route(&self) -> Route {
        Route {
            server: self.server.clone(),
            proxy: self.proxy.as_ref().map(crate::net::proxy::named),
        }
    }
}
