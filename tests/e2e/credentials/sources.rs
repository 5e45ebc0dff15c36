//! Each source alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::setup::{
    IDENTITY, Setup, WRONG, answering, builder, helper, home_file, module, outcome, plain, run,
    secret,
};
use crate::support::preflight::Preflight;
use crate::support::registry::{PASSWORD, USER};

/// A source: what findings call it, and a call that has the credential there and nowhere else.
type Source = (&'static str, fn(&Setup, &str) -> Preflight);

const SOURCES: [Source; 16] = [
    ("imageRepoSecret ns/pull", |setup, password| {
        let config = setup.auths("", password);
        let module = module("ns", "m", &setup.reference, Some("pull"));
        run(&(module + &secret("ns", "pull", "dockerconfigjson", &config)))
    }),
    ("imageRepoSecret ns/pull", |setup, password| {
        let config: Value = serde_json::from_str(&setup.auths("", password)).expect("JSON");
        let config = config["auths"].to_string();
        let module = module("ns", "m", &setup.reference, Some("pull"));
        run(&(module + &secret("ns", "pull", "dockercfg", &config)))
    }),
    ("ServiceAccount builder's ns/pull", |setup, password| {
        let config = setup.auths("", password);
        let module = module("ns", "m", &setup.reference, None);
        let account = builder("ns", "pull");
        run(&(module + &account + &secret("ns", "pull", "dockerconfigjson", &config)))
    }),
    (
        "the cluster's pull secret openshift-config/pull-secret",
        |setup, password| {
            let config = setup.auths("", password);
            let module = module("ns", "m", &setup.reference, None);
            let secret = secret(
                "openshift-config",
                "pull-secret",
                "dockerconfigjson",
                &config,
            );
            run(&(module + &secret))
        },
    ),
    ("--authfile", |setup, password| {
        let call = home_file(plain(setup), "auth.json", &setup.auths("", password));
        let file = call.home().join("auth.json");
        call.arg("--authfile").arg(file)
    }),
    ("$REGISTRY_AUTH_FILE", |setup, password| {
        let call = home_file(plain(setup), "auth.json", &setup.auths("", password));
        let file = call.home().join("auth.json");
        call.env("REGISTRY_AUTH_FILE", file)
    }),
    ("run/containers/auth.json", |setup, password| {
        let config = setup.auths("", password);
        let call = home_file(plain(setup), "run/containers/auth.json", &config);
        let folder = call.home().join("run");
        call.env("XDG_RUNTIME_DIR", folder)
    }),
    (".config/containers/auth.json", |setup, password| {
        let config = setup.auths("", password);
        home_file(plain(setup), ".config/containers/auth.json", &config)
    }),
    ("conf/containers/auth.json", |setup, password| {
        let config = setup.auths("", password);
        let call = home_file(plain(setup), "conf/containers/auth.json", &config);
        let folder = call.home().join("conf");
        call.env("XDG_CONFIG_HOME", folder)
    }),
    (".docker/config.json", |setup, password| {
        let config = setup.auths("", password);
        home_file(plain(setup), ".docker/config.json", &config)
    }),
    ("dock/config.json", |setup, password| {
        let call = home_file(plain(setup), "dock/config.json", &setup.auths("", password));
        let folder = call.home().join("dock");
        call.env("DOCKER_CONFIG", folder)
    }),
    (".dockercfg", |setup, password| {
        let config: Value = serde_json::from_str(&setup.auths("", password)).expect("JSON");
        home_file(plain(setup), ".dockercfg", &config["auths"].to_string())
    }),
    (".docker/config.json", |setup, password| {
        let config = json!({"credHelpers": {setup.registry.host(): "one"}}).to_string();
        let call = home_file(plain(setup), ".docker/config.json", &config);
        helper(call, "one", &answering(setup, USER, password))
    }),
    (".docker/config.json", |setup, password| {
        let config = json!({"credsStore": "all"}).to_string();
        let call = home_file(plain(setup), ".docker/config.json", &config);
        helper(call, "all", &answering(setup, USER, password))
    }),
    // Of several entries the one with the longest path counts; the others are wrong.
    (".docker/config.json", |setup, password| {
        let auth = |password: &str| json!({"auth": STANDARD.encode(format!("{USER}:{password}"))});
        let host = setup.registry.host();
        let config = json!({"auths": {
            host.clone(): auth("no"), format!("{host}/team"): auth("neither"),
            format!("{host}/team/driver"): auth(password),
            format!("{host}/team/drive"): auth("nor that"),
        }});
        home_file(plain(setup), ".docker/config.json", &config.to_string())
    }),
    // As docker writes keys: with a scheme and the version of the API.
    (".docker/config.json", |setup, password| {
        let auth = STANDARD.encode(format!("{USER}:{password}"));
        let key = format!("http://{}/v2/", setup.registry.host());
        let config = json!({"auths": {key: {"auth": auth}}}).to_string();
        home_file(plain(setup), ".docker/config.json", &config)
    }),
];

#[test]
fn every_source_opens_a_registry_and_is_named_where_it_does_not() {
    for setup in [Setup::basic(), Setup::tokens()] {
        for (name, source) in SOURCES {
            let opened = source(&setup, PASSWORD).run().code(1);
            assert_eq!(outcome(&opened).0, "module-not-found", "{name}: {opened:?}");
            let refused = source(&setup, WRONG).run().code(3);
            let (code, message) = outcome(&refused);
            assert_eq!(code, "image-unauthorized", "{name}: {message}");
            assert!(message.contains(name), "{name}: {message}");
            for (ended, secret) in [(&opened, PASSWORD), (&refused, WRONG)] {
                let encoded = STANDARD.encode(format!("{USER}:{secret}"));
                for text in [&ended.stdout, &ended.stderr] {
                    let told = text.contains(secret) || text.contains(&encoded);
                    assert!(!told && !text.contains("eyJ"), "{name}: {text}");
                }
            }
        }
        let nobody = plain(&setup).run().code(3);
        let (code, message) = outcome(&nobody);
        assert_eq!(code, "image-unauthorized", "{message}");
        assert!(message.contains("no credentials configured"), "{message}");
        if let Some(tokens) = &setup.tokens {
            assert!(tokens.shown().iter().any(Option::is_some));
        }
    }
}

#[test]
fn an_identity_token_is_exchanged_for_one_that_the_registry_takes() {
    let setup = Setup::tokens();
    let host = setup.registry.host();
    for (identity, code) in [(IDENTITY, 1), (WRONG, 3)] {
        let config = json!({"auths": {host.clone(): {"identitytoken": identity}}}).to_string();
        let file = home_file(plain(&setup), ".docker/config.json", &config);
        let config = json!({"credHelpers": {host.clone(): "robot"}}).to_string();
        let call = home_file(plain(&setup), ".docker/config.json", &config);
        let helped = helper(call, "robot", &answering(&setup, "<token>", identity));
        for call in [file, helped] {
            let ended = call.run().code(code);
            let expected = ["module-not-found", "image-unauthorized"][usize::from(code == 3)];
            assert_eq!(outcome(&ended).0, expected);
            assert!(!ended.stdout.contains(identity) && !ended.stderr.contains(identity));
        }
    }
}

/// A pull Secret is written by whoever may write to the namespace; a file is this user's own.
#[test]
fn a_secret_starts_no_helper_of_this_machine_and_a_file_does() {
    let setup = Setup::basic();
    let host = setup.registry.host();
    let marks = tempfile::tempdir().expect("a folder");
    let marked = |call: Preflight| {
        let mark = marks.path().join("asked");
        let _ = std::fs::remove_file(&mark);
        let script = format!(
            "touch {}\n{}",
            mark.display(),
            answering(&setup, USER, PASSWORD)
        );
        let ended = helper(call, "here", &script).run();
        (ended, mark.exists())
    };
    for config in [
        json!({"credsStore": "here"}),
        json!({"credHelpers": {host.clone(): "here"}}),
    ] {
        let config = config.to_string();
        let module = module("ns", "m", &setup.reference, Some("pull"));
        let secret = secret("ns", "pull", "dockerconfigjson", &config);
        let (ended, asked) = marked(run(&(module + &secret)));
        assert!(!asked, "{config}: {ended:?}");
        assert_eq!(outcome(&ended.code(3)).0, "image-unauthorized");
        let (ended, asked) = marked(home_file(plain(&setup), ".docker/config.json", &config));
        assert!(asked, "{config}");
        assert_eq!(outcome(&ended.code(1)).0, "module-not-found");
    }
}
