//! What a build reads, written into its folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::image_build::bases::Base;
use crate::image_build::builder::Builder;
use crate::image_build::command::docker::{SecretFile, with_secret_mounts};
use crate::image_build::command::{BuildRun, BuilderKind};
use crate::image_build::credentials;
use crate::image_build::docker_config;
use crate::image_build::dockerfile::{Dockerfile, Step};
use crate::image_build::redaction::Redaction;
use crate::image_build::request::{BuildConfig, BuildRequest};
use crate::images::registry::mirrors::{Mirrors, registries_conf};
use crate::own_files::workspace::{self, write_private};

/// What was written for one build.
pub(super) struct Inputs {
    pub(super) run: BuildRun,
    pub(super) bases: Vec<Base>,
    pub(super) secret_files: Vec<SecretFile>,
    pub(super) redaction: Redaction,
}

impl BuildConfig {
    /// Writes what one build reads: its Dockerfile, Secrets, credentials.
    pub(super) async fn write_inputs(
        &self,
        builder: &Builder,
        request: &BuildRequest,
        folder: &Path,
    ) -> io::Result<Inputs> {
        let secrets_folder = folder.join("secrets");
        let auth_folder = folder.join("auth");
        fs::create_dir(&secrets_folder)?;
        fs::create_dir(&auth_folder)?;
        let mut secrets = Vec::new();
        let mut files = Vec::new();
        for (name, entries) in &request.secrets {
            let own = workspace::entry(&secrets_folder, name)?;
            fs::create_dir(&own)?;
            for (key, value) in entries {
                let source = workspace::entry(&own, key)?;
                write_private(&source, value)?;
                files.push(SecretFile {
                    id: format!("{name}-{}", files.len()),
                    source,
                    target: format!("/run/secrets/{name}/{key}"),
                });
            }
            secrets.push((name.clone(), own));
        }
        let parsed = Dockerfile::parse(&request.dockerfile).ok();
        let images = parsed
            .as_ref()
            .map(|dockerfile| dockerfile.images(&request.args))
            .unwrap_or_default();
        let mirrors = &self.mirrors;
        let sources = pull_sources(mirrors, &images);
        let insecure = self.insecure(request, &images);
        let auth = credentials::auth_file(builder.kind, &sources, &request.access).await;
        let authfile = match builder.kind {
            BuilderKind::Docker => {
                let user = docker_config::of_user();
                docker_config::write(&auth_folder, user.as_deref(), &auth.json)?
            }
            BuilderKind::Buildah | BuilderKind::Podman => {
                let path = auth_folder.join("config.json");
                write_private(&path, auth.json.as_bytes())?;
                path
            }
        };
        let mut text = request.dockerfile.clone();
        if let (BuilderKind::Docker, Some(dockerfile)) = (builder.kind, &parsed) {
            text = with_secret_mounts(&text, &runs(dockerfile), &files);
        }
        let path = folder.join("Dockerfile");
        write_private(&path, text.as_bytes())?;
        let values = request
            .secrets
            .iter()
            .flat_map(|(_, entries)| entries.values());
        let redaction = Redaction::of(
            values
                .map(Vec::as_slice)
                .chain(auth.secrets.iter().map(String::as_bytes)),
        );
        let id = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(Inputs {
            run: BuildRun {
                dockerfile: path,
                tag: format!("localhost/kmm-preflight-{}:{id}", std::process::id()),
                arch: request.arch,
                args: request.args.clone(),
                secrets,
                authfile: Some(authfile),
                certificates: self.certificates(folder, &sources)?,
                policy: policy(folder)?,
                registries_conf: self.registries_conf(folder, &insecure)?,
                insecure,
            },
            bases: request.bases.clone(),
            secret_files: files,
            redaction,
        })
    }

    /// The hosts of base images that may be plain HTTP or have unknown certificates: those of
    /// `--insecure-registry`, and where `baseImageRegistryTLS` says so, every base image's. A
    /// Dockerfile that does not parse is left to the builder; the hosts of the flag that stand
    /// in it count then.
    fn insecure(&self, request: &BuildRequest, images: &[String]) -> Vec<String> {
        let hosts: Vec<&str> = images.iter().filter_map(|i| i.split('/').next()).collect();
        let tls = request.base_tls;
        if tls.insecure || tls.insecure_skip_tls_verify {
            return hosts.into_iter().map(str::to_owned).collect();
        }
        let is_named = |host: &&String| match images {
            [] => request.dockerfile.contains(host.as_str()),
            _ => hosts.contains(&host.as_str()),
        };
        let listed = self.insecure_registries.iter();
        listed.filter(is_named).cloned().collect()
    }

    /// The rules for mirrors and for insecure hosts as a file; without any, the file of the flag.
    /// The builder's own switch would turn verification off for every registry of the build.
    fn registries_conf(&self, folder: &Path, insecure: &[String]) -> io::Result<Option<PathBuf>> {
        let mirrors = &self.mirrors;
        if mirrors.registries().is_empty() && insecure.is_empty() {
            return Ok(self.registries_conf.clone());
        }
        let path = folder.join("registries.conf");
        let insecure = [&self.insecure_registries, insecure].concat();
        let text = registries_conf::write(mirrors, &insecure);
        write_private(&path, text.as_bytes())?;
        Ok(Some(path))
    }

    /// A folder in the form of containers-certs.d(5) with everything that is known about the
    /// registries that are asked; the builder itself knows this machine's folders only, and
    /// only while it is given no other.
    fn certificates(&self, folder: &Path, sources: &[String]) -> io::Result<Option<PathBuf>> {
        let trust = &self.trust;
        let mut hosts: Vec<&str> = sources.iter().filter_map(|s| s.split('/').next()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let of_cluster = hosts
            .iter()
            .any(|host| trust.of_cluster.contains_key(*host));
        if self.ca_file.is_none() && !of_cluster {
            return Ok(None);
        }
        let certificates = folder.join("certificates");
        fs::create_dir(&certificates)?;
        if let Some(ca_file) = &self.ca_file {
            fs::copy(ca_file, certificates.join("ca.crt"))?;
        }
        for (index, host) in hosts.iter().enumerate() {
            let known = trust.of_host(host).map_err(io::Error::other)?;
            for (number, authority) in known.authorities.iter().enumerate() {
                let name = format!("{index}-{number}.crt");
                write_private(&certificates.join(name), authority)?;
            }
            if let Some((certificate, key)) = &known.identity {
                write_private(&certificates.join(format!("{index}.cert")), certificate)?;
                write_private(&certificates.join(format!("{index}.key")), key)?;
            }
        }
        Ok(Some(certificates))
    }
}

/// The references under which images may be pulled: their own, and those at their mirrors.
fn pull_sources(mirrors: &Mirrors, images: &[String]) -> Vec<String> {
    images
        .iter()
        .flat_map(|image| {
            let sources = mirrors.sources(image).unwrap_or_default();
            let at_mirrors = sources.into_iter().map(|source| source.reference);
            std::iter::once(image.clone()).chain(at_mirrors)
        })
        .collect()
}

/// The offsets of the steps that may read Secrets.
fn runs(dockerfile: &Dockerfile) -> Vec<usize> {
    dockerfile
        .stages
        .iter()
        .flat_map(|stage| &stage.steps)
        .filter(|placed| matches!(placed.step, Step::Run(_)))
        .map(|placed| placed.offset)
        .collect()
}

/// containers-policy.json(5) is required; a machine without any gets one that allows every
/// image, as nodes do.
fn policy(folder: &Path) -> io::Result<Option<PathBuf>> {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let known = [
        home.join(".config/containers/policy.json"),
        "/etc/containers/policy.json".into(),
    ];
    if known.iter().any(|path| path.exists()) {
        return Ok(None);
    }
    let path = folder.join("policy.json");
    write_private(&path, br#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
    Ok(Some(path))
}
