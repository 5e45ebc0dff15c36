//! Registries behind a proxy, as the environment names it.

use crate::support::faults::{Asked, FaultServer, serve_image};
use crate::support::image::{Image, Layer};
use crate::support::preflight::Preflight;

const REGISTRY: &str = "registry.invalid:5000";

/// A proxy that answers for the registry, which has no address of its own.
fn proxy() -> FaultServer {
    let image = Image::new()
        .with_tools()
        .layer(Layer::new().dir("opt/lib/modules"))
        .build();
    FaultServer::start(move |asked| {
        let own = asked.path.strip_prefix("http://registry.invalid:5000");
        let asked = Asked {
            path: own.unwrap_or("/not/for/this/registry").to_owned(),
            ..asked.clone()
        };
        serve_image(&image, &asked)
    })
}

#[test]
fn a_proxy_is_asked_unless_no_proxy_has_the_registry() {
    let proxy = proxy();
    let url = format!("http://{}", proxy.host());
    let inspect = |variables: &[(&str, &str)]| {
        let call = Preflight::new(["inspect", &format!("{REGISTRY}/team/driver:1")])
            .arg(format!("--insecure-registry={REGISTRY}"));
        variables
            .iter()
            .fold(call, |call, (name, value)| call.env(name, value))
            .run()
    };
    // The image is read, and has no module in it.
    inspect(&[("HTTP_PROXY", &url)]).code(4);
    assert!(!proxy.asked("/manifests/1").is_empty());
    let before = proxy.asked("").len();
    for no_proxy in ["registry.invalid", ".invalid", "*"] {
        let ended = inspect(&[("HTTP_PROXY", &url), ("NO_PROXY", no_proxy)]).code(3);
        assert!(ended.stderr.contains("cannot resolve"), "{}", ended.stderr);
    }
    assert_eq!(proxy.asked("").len(), before, "it is passed by");
    inspect(&[("HTTP_PROXY", &url), ("NO_PROXY", "other.invalid")]).code(4);
}
