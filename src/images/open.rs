//! Finds images in layouts and registries, and gives their layers, each read once per run.

use std::path::PathBuf;
use std::sync::Arc;

use crate::findings::finding::{Code, Finding};
use crate::images::image_source::ImageSource;
pub(crate) use crate::images::layers::layer_reader::FileBytes;
use crate::images::layers::layer_reader::{LayerLimits, Purpose};
use crate::images::layers::stack::Layers;
use crate::images::layouts::on_disk::Layouts;
pub(crate) use crate::images::open_image::{LayerRef, OpenImage};
use crate::images::opened::Opened;
use crate::images::registry::access::Access;
use crate::images::registry::cache::{self, Cache};
use crate::images::registry::client::Registries;
use crate::images::registry::cluster_registry::ClusterRegistry;
use crate::images::registry::digest;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::http::HttpConfig;
pub(crate) use crate::images::registry::image_config::ImageConfig;
use crate::images::registry::image_config::MAX_CONFIG;
use crate::images::registry::manifest::{self, Manifest};
use crate::images::registry::mirrors::Mirrors;
use crate::images::registry::trust::TrustPlaces;
use crate::model::budget::Budget;
use crate::model::layer::LayerIndex;
use crate::model::target::Arch;

mod layout;

/// How deep indexes may lie in each other.
const MAX_INDEX_DEPTH: usize = 4;

/// Where images are looked for.
#[derive(Debug, Clone, Default)]
pub struct ImagesConfig {
    /// Layouts and archives on disk (`--oci-layout`), looked into before any registry.
    pub layouts: Vec<PathBuf>,
    /// The rules for what may be pulled from where.
    pub mirrors: Mirrors,
    /// How registries are trusted.
    pub http: HttpConfig,
    /// The folder where what is learnt about layers is kept (`--cache-dir`, or
    /// [`Cache::default_dir`]); `None` keeps it for this run only (`--no-cache`).
    pub cache_dir: Option<PathBuf>,
    /// The size that this folder is cut down to, in bytes; `None` is [`cache::DEFAULT_SIZE`].
    pub cache_size: Option<u64>,
    /// Beyond these a layer is not read.
    pub limits: LayerLimits,
}

/// Where images are looked for, and what was learnt of them in this run.
#[derive(Debug)]
pub struct Images {
    layouts: Layouts,
    mirrors: Mirrors,
    trust: TrustPlaces,
    registries: Arc<Registries>,
    pub(super) cache: Arc<Cache>,
    pub(crate) layers: Layers,
    opened: Opened,
}

/// What the manifest of an image says.
struct Found {
    /// Its digest.
    digest: String,
    /// It, as it was written.
    manifest: Vec<u8>,
    /// The layers, the top one first.
    layers: Vec<LayerRef>,
    /// The digest of the configuration.
    config_digest: String,
    /// Remarks on the way to it.
    notes: Vec<Finding>,
    /// Where it is.
    place: ImageSource,
}

impl Images {
    /// Images in these places.
    ///
    /// # Errors
    /// A folder named as a layout is none, or a file of certificates cannot be read.
    pub fn new(config: ImagesConfig) -> Result<Self, Fault> {
        Self::with_cluster(config, None)
    }

    /// The same with the registry of the cluster itself.
    ///
    /// # Errors
    /// As [`Images::new`].
    pub(crate) fn with_cluster(
        config: ImagesConfig,
        of_cluster: Option<Arc<dyn ClusterRegistry>>,
    ) -> Result<Self, Fault> {
        let cache = Arc::new(match &config.cache_dir {
            Some(dir) => Cache::in_dir(dir, config.cache_size.unwrap_or(cache::DEFAULT_SIZE)),
            None => Cache::for_this_run(),
        });
        Ok(Self {
            layouts: Layouts::open(&config.layouts)?,
            mirrors: config.mirrors,
            registries: Registries::new(&config.http, of_cluster)?,
            trust: config.http.trust,
            layers: Layers::new(Arc::clone(&cache), config.limits),
            cache,
            opened: Opened::default(),
        })
    }

    /// The registries, for those who push to them.
    pub fn registries(&self) -> &Arc<Registries> {
        &self.registries
    }

    /// The rules for what may be pulled from where, for those who pull themselves.
    pub fn mirrors(&self) -> &Mirrors {
        &self.mirrors
    }

    /// The certificates of single registries, for those who pull themselves.
    pub fn trust(&self) -> &TrustPlaces {
        &self.trust
    }

    /// Reads the manifest of an image for an architecture: from a layout where one has it
    /// under one of its names, else from the first place that the mirrors allow. What was
    /// seen just now under the same name, with the same access, is not looked at again.
    ///
    /// # Errors
    /// Why there is no such image, or why it could not be looked at.
    pub async fn open(
        &self,
        reference: &str,
        arch: Arch,
        access: &Access,
    ) -> Result<Arc<OpenImage>, Finding> {
        let open = || self.open_named(reference, arch, access);
        self.opened.get_or_open(reference, arch, access, open).await
    }

    /// The layers of an image, the top one first, by its manifest alone.
    ///
    /// # Errors
    /// As [`Images::open`].
    pub(crate) async fn layers_of(
        &self,
        reference: &str,
        arch: Arch,
        access: &Access,
    ) -> Result<Vec<LayerRef>, Finding> {
        let found = self.find(reference, arch, access).await?;
        Ok(found.layers)
    }

    async fn open_named(
        &self,
        reference: &str,
        arch: Arch,
        access: &Access,
    ) -> Result<OpenImage, Finding> {
        let found = self.find(reference, arch, access).await?;
        let opened = self.open_found(found, reference).await;
        opened.map_err(|fault| fault.into_finding(reference))
    }

    /// Reads the manifest of that digest, and through indexes the one for the architecture.
    async fn open_at(
        &self,
        place: ImageSource,
        digest: &str,
        reference: &str,
        arch: Arch,
    ) -> Result<OpenImage, Fault> {
        let found = self.find_at(place, digest, arch).await?;
        self.open_found(found, reference).await
    }

    /// Reads the configuration, and keeps the manifest for those who read the image again.
    async fn open_found(&self, found: Found, reference: &str) -> Result<OpenImage, Fault> {
        self.keep(&found.place, &found.digest, found.manifest)
            .await?;
        let config = self.document(&found.place, &found.config_digest, Some(MAX_CONFIG));
        Ok(OpenImage {
            reference: reference.to_owned(),
            digest: found.digest,
            config: ImageConfig::parse(&config.await?)?,
            layers: found.layers,
            notes: found.notes,
            config_digest: found.config_digest,
            place: found.place,
        })
    }

    async fn find_at(&self, place: ImageSource, digest: &str, arch: Arch) -> Result<Found, Fault> {
        let bytes = self.document(&place, digest, None).await?;
        self.choose(place, bytes, arch).await
    }

    async fn find(&self, reference: &str, arch: Arch, access: &Access) -> Result<Found, Finding> {
        if let Some(on_disk) = self.layouts.find(reference, &self.mirrors) {
            let place = self.layouts.place(&on_disk);
            let digest = &on_disk.found.image.digest;
            let found = self.find_at(place, digest, arch).await;
            let mut found = found.map_err(|fault| fault.into_finding(reference))?;
            found.notes.extend(on_disk.remark(reference));
            return Ok(found);
        }
        let found = self.find_in_registries(reference, arch, access).await;
        found.map_err(|fault| {
            let fault = self.layouts.add_miss(reference, fault);
            fault.into_finding(reference)
        })
    }

    /// Asks each place that may serve the image, the first one first, until one has it.
    async fn find_in_registries(
        &self,
        reference: &str,
        arch: Arch,
        access: &Access,
    ) -> Result<Found, Fault> {
        let sources = self.mirrors.sources(reference);
        let sources = sources.map_err(|rule| {
            Fault::new(FaultKind::Unreachable, rule.0)
                .hint("Push the image to a registry that nodes may pull from, or change the rule.")
        })?;
        let mut faults: Vec<Fault> = Vec::new();
        for source in sources {
            match self.registries.manifest(&source, access).await {
                Ok((repository, manifest)) => {
                    let place = ImageSource::Registry(repository);
                    let mut found = self.choose(place, manifest, arch).await?;
                    if source.mirror_of.is_some() {
                        let message =
                            format!("image {reference} was read from {}", source.reference);
                        found.notes.push(Finding::new(Code::ImageMirrored, message));
                    }
                    return Ok(found);
                }
                Err(fault) => faults.push(fault),
            }
        }
        Err(worst(faults))
    }

    /// From the bytes of a manifest or index to the manifest for the architecture.
    async fn choose(
        &self,
        place: ImageSource,
        mut bytes: Vec<u8>,
        arch: Arch,
    ) -> Result<Found, Fault> {
        let mut depth = 0;
        let (config, layers) = loop {
            match Manifest::parse(&bytes)? {
                Manifest::Image { config, layers } => break (config, layers),
                Manifest::Index(_) if depth == MAX_INDEX_DEPTH => {
                    return Err(Fault::new(
                        FaultKind::Unreadable,
                        format!("indexes are nested more than {MAX_INDEX_DEPTH} deep"),
                    ));
                }
                Manifest::Index(manifests) => {
                    let Some(chosen) = manifest::select(&manifests, arch) else {
                        return Err(arch_missing(arch, manifest::platforms(&manifests)));
                    };
                    bytes = self.document(&place, &chosen.digest, None).await?;
                    depth += 1;
                }
            }
        };
        Ok(Found {
            digest: digest::sha256(&bytes),
            manifest: bytes,
            layers: layers.into_iter().rev().map(LayerRef::from).collect(),
            config_digest: config.digest.into(),
            notes: Vec::new(),
            place,
        })
    }

    /// The index of a layer, counted from the top. A layer is fetched once per run however
    /// many images share it.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn layer(
        &self,
        image: &OpenImage,
        from_top: usize,
        purpose: Purpose,
    ) -> Result<Arc<LayerIndex>, Finding> {
        let Some(layer) = image.layers.get(from_top) else {
            let message = format!(
                "internal error: image {} has no layer \
                {from_top}",
                image.reference
            );
            return Err(Finding::new(Code::Internal, message));
        };
        let index = self
            .layers
            .index(&image.place, layer, purpose, self.layers.common());
        let index = index.await;
        index.map_err(|fault| fault.into_finding(&image.reference))
    }

    /// The same, counted in a budget.
    ///
    /// # Errors
    /// Why it could not be read; [`FaultKind::Busy`] where the budget has no more.
    pub(crate) async fn layer_within(
        &self,
        image: &OpenImage,
        layer: &LayerRef,
        budget: &Arc<Budget>,
    ) -> Result<Arc<LayerIndex>, Fault> {
        let index = self
            .layers
            .index(&image.place, layer, Purpose::Modules, budget);
        index.await
    }
}

/// What all places together answer: "no such image" only when each of them says so.
fn worst(mut faults: Vec<Fault>) -> Fault {
    let all = faults
        .iter()
        .map(|fault| fault.message.clone())
        .collect::<Vec<_>>();
    let at = faults
        .iter()
        .position(|fault| fault.kind != FaultKind::NotFound);
    if faults.is_empty() {
        return Fault::new(FaultKind::Unreachable, "not found anywhere else");
    }
    let mut fault = faults.swap_remove(at.unwrap_or_default());
    fault.message = all.join("; ");
    fault
}

fn arch_missing(arch: Arch, there: Option<String>) -> Fault {
    let message = match there {
        Some(there) => format!("there is no image for {arch}, only for {there}"),
        None => format!("there is no image for {arch}, nor for any other architecture"),
    };
    Fault::new(FaultKind::ArchMissing, message)
}
