//! What the commands that look at images share: registries and layouts as the flags say,
//! and the facts about kernels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use der::Decode;
use rustls::pki_types::CertificateDer;

use crate::check::facts::FactsStore;
use crate::check::image::ImageCheck;
use crate::check::objects::{Known, Objects};
use crate::cli::connection::ConnectionArgs;
use crate::cli::run::RegistryArgs;
use crate::cli::target::TargetArgs;
use crate::cluster::api::fault::{Fault, RBAC_FOLDER};
use crate::cluster::registry::OwnRegistry;
use crate::cluster::{Cluster, connect};
use crate::error::Error;
use crate::images::layers::layer_reader::LayerLimits;
use crate::images::open::{Images, ImagesConfig};
use crate::images::registry::access::Access;
use crate::images::registry::cache::Cache;
use crate::images::registry::cluster_registry::{self, ClusterRegistry};
use crate::images::registry::credentials;
use crate::images::registry::http::{self, HttpConfig};
use crate::images::registry::mirrors::registry_sources::RegistrySources;
use crate::images::registry::mirrors::{self, Mirrors};
use crate::images::registry::trust::{TrustPlaces, host_of_key};
use crate::input::{Inputs, source};
use crate::judge::Trust;
use crate::kmm::releases::KmmRelease;
use crate::sign::pem;

/// The way to images and to the objects that Modules refer to.
#[derive(Debug)]
pub(crate) struct Session {
    /// Registries and layouts.
    pub images: Arc<Images>,
    /// Secrets, ConfigMaps and credentials.
    pub objects: Arc<Objects>,
    /// Remarks about the files of rules, for stderr.
    pub notes: Vec<String>,
}

impl Session {
    /// The way that the flags, this machine's files, `-f` and the cluster say.
    ///
    /// # Errors
    /// A layout, or a file of credentials, rules or certificates, cannot be used.
    pub(crate) async fn new(
        args: &RegistryArgs,
        inputs: &mut Inputs,
        cluster: Option<Arc<Cluster>>,
    ) -> Result<Self, Error> {
        Self::of_nodes(args, inputs, cluster, NodeSettings::default()).await
    }

    /// The same with settings of the cluster's nodes.
    async fn of_nodes(
        args: &RegistryArgs,
        inputs: &mut Inputs,
        cluster: Option<Arc<Cluster>>,
        settings: NodeSettings,
    ) -> Result<Self, Error> {
        let variable = |name: &str| std::env::var_os(name);
        let trust = TrustPlaces {
            of_cluster: settings
                .authorities
                .into_iter()
                .map(|(key, pem)| (host_of_key(&key), pem))
                .collect(),
            ..TrustPlaces::of_machine(&variable)
        };
        let (mirrors, notes) = mirrors::places::read(args.registries_conf.as_deref(), &variable)
            .map_err(|why| {
                unusable(
                    why,
                    "Correct the file, or pass another one with --registries-conf.",
                )
            })?;
        let sets = mirrors::sets::rules(&inputs.mirror_sets)
            .map_err(|why| unusable(why, "Correct the mirror set, or remove it from -f."))?;
        let local_sources = credentials::places::sources(args.authfile.as_deref(), &variable)
            .map_err(|why| unusable(why, "Pass a file in the format of podman login."))?;
        let of_cluster = settings
            .registry
            .map(|registry| registry as Arc<dyn ClusterRegistry>);
        let objects = Objects {
            secrets: std::mem::take(&mut inputs.secrets),
            config_maps: std::mem::take(&mut inputs.config_maps),
            service_accounts: std::mem::take(&mut inputs.service_accounts),
            cluster,
            local_sources: local_sources.into_iter().map(Arc::new).collect(),
            local_first: args.authfile.is_some(),
            known: Known::default(),
        };
        Ok(Self {
            images: images(
                args,
                mirrors.and(sets).of_nodes(settings.sources),
                trust,
                of_cluster,
            )
            .await?,
            objects: Arc::new(objects),
            notes,
        })
    }
}

/// What a cluster says of how its nodes pull, beside its mirror sets.
#[derive(Debug, Default)]
struct NodeSettings {
    /// Authorities by host, as [`Cluster::trusted_authorities`] gives them.
    authorities: BTreeMap<String, Vec<u8>>,
    /// Which registries are insecure, blocked or allowed.
    sources: RegistrySources,
    /// Its own registry.
    registry: Option<Arc<OwnRegistry>>,
}

impl Session {
    /// The way to an image that a command is about. A cluster is asked where a flag names one,
    /// and where the image has a name that is known inside of a cluster only.
    ///
    /// # Errors
    /// As [`Session::as_nodes`], or no cluster is configured.
    pub(crate) async fn of_image(
        image: &str,
        args: &RegistryArgs,
        connection: &ConnectionArgs,
    ) -> Result<Self, Error> {
        let host = image.split('/').next().unwrap_or(image);
        let is_inside = args.oci_layout.is_empty() && cluster_registry::is_service(host);
        let cluster = match is_inside || connection.names_a_cluster() {
            true => Some(Arc::new(connect(connection).await?)),
            false => None,
        };
        Self::as_nodes(args, &mut Inputs::default(), cluster).await
    }

    /// The same with the mirror rules of the cluster's nodes, behind those of `-f`, and with
    /// the registries that they refuse and the authorities that they trust, as far as they
    /// may be read.
    ///
    /// # Errors
    /// As [`Session::new`], or the API server cannot be asked.
    pub(crate) async fn as_nodes(
        args: &RegistryArgs,
        inputs: &mut Inputs,
        cluster: Option<Arc<Cluster>>,
    ) -> Result<Self, Error> {
        let mut notes = Vec::new();
        let mut settings = NodeSettings::default();
        if let Some(cluster) = &cluster {
            let mut as_far_as_allowed = |what: &str, fault: Fault| match fault {
                Fault::Forbidden(why) => {
                    notes.push(format!(
                        "Images are read without the {what} of the cluster's nodes: {why} \
                         ({RBAC_FOLDER}/cross-check.yaml grants it)."
                    ));
                    Ok(())
                }
                fault => Err(fault.into_error(
                    &format!("reading the {what} of the cluster's nodes"),
                    "cross-check",
                )),
            };
            let (sets, image) = futures::join!(cluster.mirror_sets(), cluster.image_config());
            match sets {
                Ok(sets) => inputs.mirror_sets.extend(sets),
                Err(fault) => as_far_as_allowed("mirror rules", fault)?,
            }
            let image = match image {
                Ok(image) => Some(image),
                Err(fault) => {
                    as_far_as_allowed("image configuration", fault)?;
                    None
                }
            };
            let registry = OwnRegistry::of(Arc::clone(cluster), image.as_ref()).await;
            settings.registry = Some(Arc::new(registry));
            let image = image.unwrap_or_default();
            settings.sources = RegistrySources::of_image(&image)
                .map_err(|why| unusable(why, "Correct the object in the cluster."))?;
            match cluster.trusted_authorities(&image).await {
                Ok(trusted) => settings.authorities = trusted,
                Err(fault) => as_far_as_allowed("trusted CAs", fault)?,
            }
        }
        let mut session = Self::of_nodes(args, inputs, cluster, settings).await?;
        session.notes.extend(notes);
        Ok(session)
    }
}

/// The certificates of `--ca-file`.
///
/// # Errors
/// It cannot be read or holds none.
pub(crate) fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    http::read_authorities(file)
        .map_err(|fault| unusable(fault.message, &fault.hint.unwrap_or_default()))
}

fn unusable(message: String, hint: &str) -> Error {
    Error::Input {
        message,
        hint: hint.to_owned(),
    }
}

async fn images(
    args: &RegistryArgs,
    mirrors: Mirrors,
    trust: TrustPlaces,
    of_cluster: Option<Arc<dyn ClusterRegistry>>,
) -> Result<Arc<Images>, Error> {
    let cache_dir = match (&args.cache_dir, args.no_cache) {
        (_, true) => None,
        (Some(dir), false) => Some(dir.clone()),
        (None, false) => Cache::default_dir(),
    };
    let config = ImagesConfig {
        layouts: args.oci_layout.clone(),
        mirrors,
        http: HttpConfig {
            ca_files: args.ca_file.iter().cloned().collect(),
            trust,
            insecure_hosts: args.insecure_registry.clone(),
            ..HttpConfig::default()
        },
        cache_dir,
        cache_size: Some(args.cache_size.as_u64()),
        limits: LayerLimits::default(),
    };
    // An archive may have to be decompressed.
    source::aside("opening the layouts", move || {
        Images::with_cluster(config, of_cluster)
            .map(Arc::new)
            .map_err(|fault| unusable(fault.message, &fault.hint.unwrap_or_default()))
    })
    .await
}

/// The Image stage with the facts and keys that the flags name.
///
/// # Errors
/// A certificate of `--signing-cert` or the folder of `--kernel-dir` cannot be used.
pub(crate) fn image_check(
    target: &TargetArgs,
    images: Arc<Images>,
    access: Access,
    release: KmmRelease,
) -> Result<ImageCheck, Error> {
    if let Some(dir) = &target.kernel_dir
        && !dir.is_dir()
    {
        return Err(Error::Input {
            message: format!("--kernel-dir {}: no such folder", dir.display()),
            hint: "Pass a root with /lib/modules/K and /usr/src/kernels/K, a /lib/modules/K, or \
                an unpacked headers tree."
                .to_owned(),
        });
    }
    Ok(ImageCheck {
        facts: FactsStore::new(target.kernel_dir.clone(), Arc::clone(&images), access),
        images,
        trust: trust(&target.signing_cert, target.secure_boot)?,
        release,
        flavor_is_assumed: false,
    })
}

/// The certificates of `--signing-cert`, PEM (of several certificates too) or DER.
fn trust(files: &[PathBuf], secure_boot: bool) -> Result<Trust, Error> {
    let mut certificates = Vec::new();
    for file in files {
        let bad = |why: &str| Error::Input {
            message: format!("--signing-cert {}: {why}", file.display()),
            hint: "Pass an X.509 certificate in PEM or DER.".to_owned(),
        };
        let bytes = std::fs::read(file).map_err(|error| bad(&error.to_string()))?;
        let mut found: Vec<Vec<u8>> = pem::blocks(&bytes)
            .into_iter()
            .filter(|block| block.label == "CERTIFICATE")
            .map(|block| block.content)
            .collect();
        if found.is_empty() {
            found.push(bytes);
        }
        for der in found {
            x509_cert::Certificate::from_der(&der).map_err(|_| bad("no certificate"))?;
            certificates.push(der);
        }
    }
    Ok(Trust {
        certificates,
        secure_boot,
    })
}
