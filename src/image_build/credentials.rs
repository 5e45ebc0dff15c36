//! Credentials for base images, in the form that builders read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::image_build::command::BuilderKind;
use crate::images::registry::access::Access;
use crate::images::registry::credentials::Credential;
use crate::images::registry::reference;

/// An authfile.
#[derive(Default)]
pub(crate) struct AuthFile {
    /// containers-auth.json(5); docker's config.json has the same form.
    pub json: String,
    /// What must not be seen in a log.
    pub secrets: Vec<String>,
}

impl std::fmt::Debug for AuthFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuthFile({} secrets)", self.secrets.len())
    }
}

/// The credentials that `access` has for the images that a build pulls. An image without any
/// is pulled anonymously, as a node would.
pub(crate) async fn auth_file(kind: BuilderKind, images: &[String], access: &Access) -> AuthFile {
    let mut auths = Map::new();
    let mut secrets = Vec::new();
    for image in images {
        let Ok(reference) = reference::parse(image) else {
            continue;
        };
        let repository = format!("{}/{}", reference.registry(), reference.repository());
        let Some(credential) = first_credential(access, &repository).await else {
            continue;
        };
        let entry = match &credential {
            Credential::Basic { username, password } => {
                let encoded = STANDARD.encode(format!("{username}:{}", password.reveal()));
                secrets.push(password.reveal().to_owned());
                secrets.push(encoded.clone());
                json!({ "auth": encoded })
            }
            Credential::IdentityToken(token) => {
                secrets.push(token.reveal().to_owned());
                json!({ "identitytoken": token.reveal() })
            }
        };
        let key = match kind {
            BuilderKind::Docker => docker_key(reference.registry()).to_owned(),
            BuilderKind::Buildah | BuilderKind::Podman => repository,
        };
        auths.insert(key, entry);
    }
    AuthFile {
        json: json!({ "auths": Value::Object(auths) }).to_string(),
        secrets,
    }
}

/// The key under which docker looks for a registry's credential: its host, and for Docker Hub
/// the address of its index (docker/cli, `GetAuthConfigKey`).
fn docker_key(registry: &str) -> &str {
    match registry {
        "docker.io" | "index.docker.io" => "https://index.docker.io/v1/",
        registry => registry,
    }
}

async fn first_credential(access: &Access, repository: &str) -> Option<Credential> {
    for source in &access.credentials {
        match source.credential_for(repository).await {
            Ok(Some(credential)) => return Some(credential),
            Ok(None) => {}
            Err(fault) => tracing::warn!("{fault}"),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::images::registry::credentials::{CredentialSource, SecretText};

    #[tokio::test]
    async fn only_the_images_that_are_pulled_get_their_credentials() {
        let basic = Credential::Basic {
            username: "me".into(),
            password: SecretText::new("pass"),
        };
        let source = CredentialSource::new(
            "test",
            vec![
                ("quay.io/org".into(), basic.clone()),
                ("docker.io".into(), basic.clone()),
                ("other.example".into(), basic),
            ],
        );
        let access = Access {
            credentials: vec![Arc::new(source)],
            ..Access::default()
        };
        let images = [
            "quay.io/org/dtk@sha256:".to_owned() + &"0".repeat(64),
            "unlisted.example/x:1".into(),
        ];
        for (kind, key) in [
            (BuilderKind::Buildah, "quay.io/org/dtk"),
            (BuilderKind::Docker, "quay.io"),
        ] {
            let file = auth_file(kind, &images, &access).await;
            assert_eq!(
                file.json,
                format!(r#"{{"auths":{{"{key}":{{"auth":"bWU6cGFzcw=="}}}}}}"#)
            );
            assert_eq!(file.secrets, ["pass", "bWU6cGFzcw=="]);
        }
    }

    #[tokio::test]
    async fn docker_finds_the_credential_of_docker_hub_where_it_looks_for_it() {
        let basic = Credential::Basic {
            username: "me".into(),
            password: SecretText::new("pass"),
        };
        let source = CredentialSource::new("test", vec![("docker.io".into(), basic)]);
        let access = Access {
            credentials: vec![Arc::new(source)],
            ..Access::default()
        };
        for (kind, key) in [
            (BuilderKind::Buildah, "docker.io/library/busybox"),
            (BuilderKind::Docker, "https://index.docker.io/v1/"),
        ] {
            let file = auth_file(kind, &["busybox:1".to_owned()], &access).await;
            assert_eq!(
                file.json,
                format!(r#"{{"auths":{{"{key}":{{"auth":"bWU6cGFzcw=="}}}}}}"#)
            );
        }
    }
}
