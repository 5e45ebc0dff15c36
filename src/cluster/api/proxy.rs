//! Which proxy leads to the API server, as Go's `golang.org/x/net/http/httpproxy` decides it
//! and kubectl with it (pure).

use std::net::IpAddr;

/// The proxy settings of the environment.
#[derive(Debug, Clone, Default)]
pub struct ProxyEnv {
    /// `HTTPS_PROXY`, or `https_proxy`.
    pub https: Option<String>,
    /// `HTTP_PROXY`, or `http_proxy`.
    pub http: Option<String>,
    /// `NO_PROXY`, or `no_proxy`.
    pub none: Option<String>,
}

impl ProxyEnv {
    /// Reads the settings with `lookup`; the upper-case name goes first, an empty value
    /// counts as absent.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first = |name: &str| {
            [name.to_owned(), name.to_lowercase()]
                .iter()
                .find_map(|name| lookup(name).filter(|value| !value.is_empty()))
        };
        Self {
            https: first("HTTPS_PROXY"),
            http: first("HTTP_PROXY"),
            none: first("NO_PROXY"),
        }
    }

    /// The proxy to the server `scheme://host:port`; `None` for a direct connection.
    /// Loopback addresses and what `NO_PROXY` names are never asked for through a proxy.
    pub fn for_server(&self, scheme: &str, host: &str, port: u16) -> Option<String> {
        let proxy = match scheme {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        }?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = host.parse::<IpAddr>().ok();
        if host == "localhost" || address.is_some_and(|ip| ip.is_loopback()) {
            return None;
        }
        let excepted = self
            .none
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
            .any(|rule| excepts(rule, host, address, port));
        if excepted {
            return None;
        }
        // Go takes a proxy without a scheme for an HTTP proxy.
        if proxy.contains("://") {
            Some(proxy.clone())
        } else {
            Some(format!("http://{proxy}"))
        }
    }
}

/// True when one entry of `NO_PROXY` covers the server.
fn excepts(rule: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if rule == "*" {
        return true;
    }
    if let (Some((network, bits)), Some(address)) = (rule.split_once('/'), address) {
        return match (network.parse::<IpAddr>(), bits.parse::<u32>()) {
            (Ok(network), Ok(bits)) => in_network(address, network, bits),
            _ => false,
        };
    }
    let (name, wanted_port) = match rule.rsplit_once(':') {
        Some((name, digits)) if digits.parse::<u16>().is_ok() && !name.ends_with(':') => {
            (name, digits.parse::<u16>().ok())
        }
        _ => (rule, None),
    };
    if wanted_port.is_some_and(|wanted| wanted != port) {
        return false;
    }
    let name = name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_lowercase();
    let host = host.to_lowercase();
    if let (Ok(rule), Some(address)) = (name.parse::<IpAddr>(), address) {
        return rule == address;
    }
    // `example.org` covers itself and its subdomains, `.example.org` and `*.example.org`
    // the subdomains alone.
    match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
        Some(domain) => host.ends_with(&format!(".{domain}")),
        None => host == name || host.ends_with(&format!(".{name}")),
    }
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    let host_bits = width - bits.min(width);
    host_bits == 128 || address >> host_bits == network >> host_bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(https: &str, none: &str, host: &str, port: u16) -> Option<String> {
        let lookup = |name: &str| match name {
            "HTTPS_PROXY" => Some(https.to_owned()),
            "no_proxy" => Some(none.to_owned()),
            _ => None,
        };
        ProxyEnv::read(lookup).for_server("https", host, port)
    }

    #[test]
    fn the_servers_host_is_looked_up_in_no_proxy() {
        for (none, host, direct) in [
            ("", "api.example.org", false),
            ("api.example.org", "api.example.org", true),
            ("example.org", "api.example.org", true),
            ("EXAMPLE.org", "api.example.ORG", true),
            (".example.org", "api.example.org", true),
            (".example.org", "example.org", false),
            ("*.example.org", "api.example.org", true),
            ("ample.org", "api.example.org", false),
            ("api.example.org:6443", "api.example.org", true),
            ("api.example.org:443", "api.example.org", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("fd00::/8", "[fd00::1]", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::/0", "fd00::1", true),
            ("other,,10.0.0.0/99x,", "10.1.2.3", false),
            ("other, api.example.org,", "api.example.org", true),
            ("*", "api.example.org", true),
            ("", "localhost", true),
            ("", "127.0.0.1", true),
            ("", "[::1]", true),
        ] {
            let expected = (!direct).then(|| "http://proxy:3128".to_owned());
            assert_eq!(
                proxy("http://proxy:3128", none, host, 6443),
                expected,
                "{none} {host}"
            );
        }
    }

    #[test]
    fn the_scheme_chooses_the_variable() {
        let env = ProxyEnv {
            https: None,
            http: Some("proxy:3128".into()),
            none: None,
        };
        assert_eq!(env.for_server("https", "h", 443), None);
        assert_eq!(
            env.for_server("http", "h", 80).as_deref(),
            Some("http://proxy:3128")
        );
    }
}
