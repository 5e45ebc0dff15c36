//! Which proxy leads to a URL, as Go's `golang.org/x/net/http/httpproxy` decides it, and
//! kubectl, CRI-O and podman with it (pure).

use std::net::IpAddr;

use url::{Host, Url};

use crate::net::address::{host_of, shown};

/// The proxies of the environment, and what is asked for without them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    /// For HTTPS URLs.
    https: Option<Setting>,
    /// For HTTP URLs.
    http: Option<Setting>,
    /// `NO_PROXY`.
    excepted: Vec<Exception>,
    /// A `host[:port]` that only a proxy of this process's own leads to, and that proxy.
    tunnel: Option<(String, Url)>,
}

/// A proxy, or why its address cannot be used.
type Setting = Result<Url, BadProxy>;

/// The address of a proxy that is none. Nothing is asked for without the proxy instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is not the address of a proxy: {why}")]
pub(crate) struct BadProxy {
    /// The variable or field that holds it.
    setting: String,
    /// What is wrong, without the address, which may hold a password.
    why: &'static str,
}

impl Proxies {
    /// The proxies that this process's environment names.
    pub(crate) fn of_environment() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the settings with `lookup`; the upper-case name goes first, an empty value
    /// counts as absent.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first = |name: &str| {
            [name.to_owned(), name.to_lowercase()]
                .into_iter()
                .find_map(|name| Some((lookup(&name).filter(|value| !value.is_empty())?, name)))
        };
        let proxy = |name: &str| first(name).map(|(value, name)| parse(&value, &name));
        Self {
            https: proxy("HTTPS_PROXY"),
            http: proxy("HTTP_PROXY"),
            excepted: first("NO_PROXY")
                .map(|(value, _)| exceptions(&value))
                .unwrap_or_default(),
            tunnel: None,
        }
    }

    /// The same with a proxy of this process's own to one `host[:port]`.
    pub(crate) fn with_tunnel(&self, address: &str, proxy: &Url) -> Self {
        Self {
            tunnel: Some((address.to_owned(), proxy.clone())),
            ..self.clone()
        }
    }

    /// The proxy to a URL; `None` for a direct connection.
    ///
    /// # Errors
    /// The proxy's address cannot be used.
    pub(crate) fn for_url(&self, url: &Url) -> Result<Option<&Url>, BadProxy> {
        if let Some((address, tunnel)) = &self.tunnel
            && host_of(url) == *address
        {
            return Ok(Some(tunnel));
        }
        let setting = match url.scheme() {
            "https" => &self.https,
            "http" => &self.http,
            _ => &None,
        };
        match setting {
            Some(setting) if self.wants_proxy(url) => {
                setting.as_ref().map(Some).map_err(Clone::clone)
            }
            _ => Ok(None),
        }
    }

    /// `httpproxy.config.useProxy`
    fn wants_proxy(&self, url: &Url) -> bool {
        let (name, address) = match url.host() {
            Some(Host::Domain(name)) => (name.to_ascii_lowercase(), None),
            Some(Host::Ipv4(ip)) => (ip.to_string(), Some(IpAddr::V4(ip))),
            Some(Host::Ipv6(ip)) => (ip.to_string(), Some(IpAddr::V6(ip).to_canonical())),
            None => return true,
        };
        let is_own = name == "localhost" || address.is_some_and(|ip| ip.is_loopback());
        let port = url.port_or_known_default().unwrap_or_default().to_string();
        !is_own
            && !self
                .excepted
                .iter()
                .any(|exception| exception.covers(&name, address, &port))
    }
}

/// The address of a proxy, with or without a scheme, which is then `http`.
///
/// # Errors
/// It is not the address of a proxy.
pub(crate) fn parse(value: &str, setting: &str) -> Result<Url, BadProxy> {
    let bad = |why| BadProxy {
        setting: setting.to_owned(),
        why,
    };
    if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(bad("it contains a space"));
    }
    let text = match value.contains("://") {
        true => value.to_owned(),
        false => format!("http://{value}"),
    };
    let (_, rest) = text.split_once("://").unwrap_or_default();
    if rest.is_empty() || rest.starts_with(['/', '\\', '?', '#', ':']) {
        return Err(bad("it has no host"));
    }
    let url = Url::parse(&text).map_err(|_| bad("it is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(bad("only http, https and socks5 proxies are supported"));
    }
    match url.host_str() {
        Some(host) if !host.is_empty() => Ok(url),
        _ => Err(bad("it has no host")),
    }
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    /// `*`
    All,
    /// `10.0.0.0/8`
    Network(IpAddr, u32),
    /// `10.1.2.3`, with `:port` or not.
    Address(IpAddr, Option<String>),
    /// A domain with its leading dot.
    Domain {
        suffix: String,
        /// The domain itself is covered too.
        itself: bool,
        port: Option<String>,
    },
}

/// `httpproxy.config.init`
fn exceptions(value: &str) -> Vec<Exception> {
    let mut exceptions = Vec::new();
    for entry in value.split(',') {
        let entry = entry.trim().to_lowercase();
        if entry == "*" {
            return vec![Exception::All];
        }
        exceptions.extend(exception(&entry));
    }
    exceptions
}

fn exception(entry: &str) -> Option<Exception> {
    if let Some((network, bits)) = entry.split_once('/')
        && let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>())
        && bits <= if network.is_ipv4() { 32 } else { 128 }
    {
        return Some(Exception::Network(network, bits));
    }
    let (host, port) = split_host_port(entry);
    if host.is_empty() {
        return None;
    }
    let port = port.filter(|port| !port.is_empty()).map(str::to_owned);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Exception::Address(address.to_canonical(), port));
    }
    let host = host
        .strip_prefix('*')
        .filter(|rest| rest.starts_with('.'))
        .unwrap_or(host);
    let itself = !host.starts_with('.');
    let name = host.trim_start_matches('.');
    // International names are compared in the form that is sent.
    let name = match Host::parse(name) {
        Ok(Host::Domain(name)) => name,
        _ => name.to_owned(),
    };
    Some(Exception::Domain {
        suffix: format!(".{name}"),
        itself,
        port,
    })
}

/// Go's `net.SplitHostPort`; all of it is the host where there is no port.
fn split_host_port(entry: &str) -> (&str, Option<&str>) {
    if let Some((host, port)) = entry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
    {
        return (host, Some(port));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (entry, None),
    }
}

impl Exception {
    fn covers(&self, name: &str, address: Option<IpAddr>, port: &str) -> bool {
        let at = |wanted: &Option<String>| wanted.as_deref().is_none_or(|wanted| wanted == port);
        match self {
            Self::All => true,
            Self::Network(network, bits) => {
                address.is_some_and(|address| in_network(address, *network, *bits))
            }
            Self::Address(wanted, wanted_port) => address == Some(*wanted) && at(wanted_port),
            Self::Domain {
                suffix,
                itself,
                port: wanted_port,
            } => {
                address.is_none()
                    && (name.ends_with(suffix.as_str()) || (*itself && name == &suffix[1..]))
                    && at(wanted_port)
            }
        }
    }
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    let host_bits = width - bits;
    host_bits == 128 || address >> host_bits == network >> host_bits
}

/// A proxy as messages name it.
pub(crate) fn named(proxy: &Url) -> String {
    format!("proxy {}", shown(proxy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(settings: &[(&str, &str)]) -> Proxies {
        Proxies::read(|name| {
            let found = settings.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    /// Each line is what `golang.org/x/net/http/httpproxy` answers.
    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        for (none, url, direct) in [
            ("", "https://api.example.org:6443/", false),
            ("api.example.org", "https://api.example.org:6443/", true),
            ("example.org", "https://api.example.org/", true),
            ("EXAMPLE.org", "https://api.example.ORG/", true),
            (".example.org", "https://api.example.org/", true),
            (".example.org", "https://example.org/", false),
            ("*.example.org", "https://api.example.org/", true),
            ("*.example.org", "https://example.org/", false),
            ("*example.org", "https://api.example.org/", false),
            ("ample.org", "https://api.example.org/", false),
            (
                "api.example.org:6443",
                "https://api.example.org:6443/",
                true,
            ),
            ("api.example.org:443", "https://api.example.org/", true),
            (
                "api.example.org:443",
                "https://api.example.org:6443/",
                false,
            ),
            (".example.org:80", "http://api.example.org/", true),
            (
                "registry.corp.example:5000",
                "http://registry.corp.example:5000/v2/",
                true,
            ),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", false),
            ("10.0.0.0/33", "https://10.1.2.3/", false),
            ("10.1.2.3", "https://10.1.2.3/", true),
            ("10.1.2.3:5000", "http://10.1.2.3:5000/", true),
            ("10.1.2.3:5000", "http://10.1.2.3:5001/", false),
            ("2.3", "https://10.1.2.3/", false),
            ("fd00::/8", "https://[fd00::1]/", true),
            ("fd00::1", "https://[fd00::1]/", true),
            ("[fd00::1]:443", "https://[fd00::1]/", true),
            ("[fd00::1]:444", "https://[fd00::1]/", false),
            ("0.0.0.0/0", "https://1.2.3.4/", true),
            ("::/0", "https://[fd00::1]/", true),
            ("other,,10.0.0.0/99x,", "https://10.1.2.3/", false),
            ("other, api.example.org ,", "https://api.example.org/", true),
            ("x,*", "https://api.example.org/", true),
            (":443", "https://api.example.org/", false),
            ("", "https://localhost:1/", true),
            ("", "https://127.9.9.9/", true),
            ("", "https://[::1]/", true),
            ("", "https://a.localhost/", false),
        ] {
            let proxies = proxies(&[
                ("HTTPS_PROXY", "http://proxy:3128"),
                ("HTTP_PROXY", "proxy:3128"),
                ("no_proxy", none),
            ]);
            let parsed = Url::parse(url).expect("a URL");
            let found = proxies.for_url(&parsed).expect("a good proxy");
            let expected = (!direct).then(|| "http://proxy:3128/".to_owned());
            assert_eq!(found.map(Url::to_string), expected, "{none} {url}");
        }
    }

    #[test]
    fn the_scheme_chooses_the_variable_and_upper_case_goes_first() {
        let proxies = proxies(&[("HTTP_PROXY", "socks5://one"), ("http_proxy", "http://two")]);
        let found = |url: &str| {
            let url = Url::parse(url).expect("a URL");
            let found = proxies.for_url(&url).expect("a good proxy");
            found.map(|proxy| proxy.scheme().to_owned())
        };
        assert_eq!(found("https://h/"), None);
        assert_eq!(found("http://h/").as_deref(), Some("socks5"));
    }

    #[test]
    fn a_damaged_address_is_an_error_and_never_a_direct_connection() {
        let url = Url::parse("https://registry.example/").expect("a URL");
        let own = Url::parse("https://localhost/").expect("a URL");
        for value in [
            "http://user:hush@pro xy:3128",
            " http://proxy:3128",
            "ftp://proxy:3128",
            "http:///",
            "http://",
            "http:///proxy",
            "http://:3128",
            "http://proxy:hush",
            "://proxy",
        ] {
            let proxies = proxies(&[("https_proxy", value)]);
            let error = proxies.for_url(&url).expect_err(value).to_string();
            assert!(error.starts_with("https_proxy is not"), "{error}");
            assert!(!error.contains("hush"), "{error}");
            assert_eq!(proxies.for_url(&own), Ok(None), "{value}");
        }
        for value in [
            "http://proxy:3128",
            "proxy",
            "https://u:p@proxy",
            "socks5h://[::1]:1",
        ] {
            assert!(parse(value, "x").is_ok(), "{value}");
        }
    }
}
