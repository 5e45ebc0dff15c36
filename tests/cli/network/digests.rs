//! Digests of an index or a manifest become part of a path only where they are digests.

use serde_json::{Value, json};
use test_support::faults::{Answer, FaultServer, serve_image};
use test_support::image::descriptor;

use super::{READ, basic, image, inspect_as_user, shows};

const HOSTILE: &[&str] = &[
    "../../admin?delete=all#",
    "sha256:../../admin",
    "sha256/../../../admin",
    "admin",
    "",
    "sha256:0123",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
];

#[test]
fn what_is_no_digest_is_asked_of_nobody_and_damages_the_document() {
    let built = image();
    let index = |digest: &str| {
        let mut entry = descriptor(&built);
        entry["digest"] = digest.into();
        json!({"schemaVersion": 2, "manifests": [entry]})
    };
    let manifest: Value = serde_json::from_slice(&built.manifest).expect("JSON");
    let config = |digest: &str| {
        let mut manifest = manifest.clone();
        manifest["config"]["digest"] = digest.into();
        manifest
    };
    let layer = |digest: &str| {
        let mut manifest = manifest.clone();
        manifest["layers"][0]["digest"] = digest.into();
        manifest
    };
    let documents = HOSTILE
        .iter()
        .flat_map(|digest| [index(digest), config(digest), layer(digest)]);
    let good = manifest["config"]["digest"].as_str().expect("a digest");
    let benign = [(config(good), READ)];
    let cases = documents.map(|document| (document, 3)).chain(benign);
    for (document, code) in cases {
        let (text, built) = (document.to_string(), built.clone());
        let server = FaultServer::start(move |asked| {
            if !shows(asked, &basic()) {
                return Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\"");
            }
            match asked.path.contains("/manifests/1") {
                true => Answer::new(200, text.clone()),
                false => serve_image(&built, asked),
            }
        });
        let (call, _folder) = inspect_as_user(&server.host());
        let ended = call.run();
        assert_eq!(ended.code, Some(code), "{document}: {ended:?}");
        assert!(server.asked("admin").is_empty(), "{document}");
    }
}
