//! Layers, each read once per run however many images share it, in bounded memory.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::images::image_source::{ImageSource, blocking};
use crate::images::layers::layer_limits::{KEPT_BY_ALL, KEPT_BY_ONE};
use crate::images::layers::layer_reader::{LayerLimits, Purpose, ReadLayer, Reading, read_layer};
use crate::images::layers::tar_fault::TarFault;
use crate::images::layers::{toc_reader, weight};
use crate::images::open_image::LayerRef;
use crate::images::registry::cache::Cache;
use crate::images::registry::digest::Verifier;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::model::budget::{Budget, Charge};
use crate::model::layer::LayerIndex;

const LAYER: &str = "reading a layer";
/// How many bytes stay in memory of the indexes that nobody uses at the moment.
const RECENT_BYTES: usize = 24 << 20;
/// An index of more bytes is written to the cache, and read from there, one at a time.
const LARGE_INDEX: usize = 8 << 20;

/// The layers of a run.
#[derive(Debug)]
pub(crate) struct Layers {
    cache: Arc<Cache>,
    limits: LayerLimits,
    slots: Mutex<HashMap<(String, Purpose), SharedSlot>>,
    recent: Mutex<Recent>,
    large_file: Arc<Mutex<Vec<u8>>>,
    /// What all images may keep, side by side.
    common: Arc<Budget>,
    /// What the image may keep for which that was not enough, one at a time.
    alone: tokio::sync::Mutex<Arc<Budget>>,
}

type SharedSlot = Arc<tokio::sync::Mutex<Slot>>;

/// What is known about one layer. Whoever holds its lock reads the layer; the others wait.
#[derive(Debug, Default)]
struct Slot {
    index: Weak<LayerIndex>,
    /// Faults that the next reader would meet as well: from everywhere when the place is
    /// `None`.
    faults: Vec<(Option<String>, Fault)>,
}

/// Why a layer could not be read.
#[derive(Debug)]
struct LayerFault {
    fault: Fault,
    /// The bytes were those that the digest stands for: every place has them so.
    everywhere: bool,
}

impl LayerFault {
    /// It may go better when others have ended.
    fn is_busy(&self) -> bool {
        self.fault.kind == FaultKind::Busy
    }
}

fn busy(message: &str) -> LayerFault {
    Fault::new(FaultKind::Busy, message).into()
}

impl From<Fault> for LayerFault {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            everywhere: false,
        }
    }
}

/// The indexes used last.
#[derive(Debug, Default)]
struct Recent {
    indexes: VecDeque<Arc<LayerIndex>>,
    bytes: usize,
}

impl Recent {
    fn add(&mut self, index: &Arc<LayerIndex>) {
        if let Some(at) = self.indexes.iter().position(|i| Arc::ptr_eq(i, index)) {
            if let Some(index) = self.indexes.remove(at) {
                self.indexes.push_back(index);
            }
            return;
        }
        self.bytes += index.charge.bytes();
        self.indexes.push_back(Arc::clone(index));
        while self.bytes > RECENT_BYTES
            && let Some(index) = self.indexes.pop_front()
        {
            self.bytes -= index.charge.bytes();
        }
    }
}

impl Layers {
    pub(crate) fn new(cache: Arc<Cache>, limits: LayerLimits) -> Self {
        Self {
            cache,
            limits,
            slots: Mutex::default(),
            recent: Mutex::default(),
            large_file: Arc::default(),
            common: Budget::of(KEPT_BY_ALL),
            alone: tokio::sync::Mutex::new(Budget::of(KEPT_BY_ONE)),
        }
    }

    /// What all images may keep.
    pub(crate) fn common(&self) -> &Arc<Budget> {
        &self.common
    }

    /// A budget of its own for one image, once it is that image's turn. Whoever waits for it
    /// keeps nothing meanwhile.
    pub(crate) async fn alone(&self) -> tokio::sync::MutexGuard<'_, Arc<Budget>> {
        self.alone.lock().await
    }

    /// The index of a layer, which is counted in a budget. One that is read for a budget of its
    /// own is not shared, so that nothing of that budget outlives the turn.
    pub(crate) async fn index(
        &self,
        place: &ImageSource,
        layer: &LayerRef,
        purpose: Purpose,
        budget: &Arc<Budget>,
    ) -> Result<Arc<LayerIndex>, Fault> {
        let is_shared = Arc::ptr_eq(budget, &self.common);
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (layer.digest.clone(), purpose);
            Arc::clone(slots.entry(key).or_default())
        };
        let mut slot = slot.lock().await;
        let site = place.site();
        // Before the index: a place is blamed for what it gave, whatever others give later.
        let known = slot
            .faults
            .iter()
            .find(|(of, _)| of.as_ref().is_none_or(|of| *of == site));
        if let Some((_, fault)) = known {
            return Err(fault.clone());
        }
        if let Some(index) = slot.index.upgrade() {
            return Ok(self.used(index));
        }
        let mut read = self.find_or_read(place, layer, purpose, budget).await;
        if read.as_ref().is_err_and(LayerFault::is_busy) && is_shared && self.forget() {
            read = self.find_or_read(place, layer, purpose, budget).await;
        }
        match read {
            Ok(index) if is_shared => {
                let index = Arc::new(index);
                slot.index = Arc::downgrade(&index);
                Ok(self.used(index))
            }
            Ok(index) => Ok(Arc::new(index)),
            Err(fault) if fault.is_busy() => Err(fault.fault),
            Err(LayerFault { fault, everywhere }) => {
                slot.faults
                    .push(((!everywhere).then_some(site), fault.clone()));
                Err(fault)
            }
        }
    }

    fn used(&self, index: Arc<LayerIndex>) -> Arc<LayerIndex> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.add(&index);
        index
    }

    /// Lets go of the indexes that nobody uses; false where there is none.
    fn forget(&self) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = std::mem::take(&mut *recent);
        !forgotten.indexes.is_empty()
    }

    async fn find_or_read(
        &self,
        place: &ImageSource,
        layer: &LayerRef,
        purpose: Purpose,
        budget: &Arc<Budget>,
    ) -> Result<LayerIndex, LayerFault> {
        let kind = match purpose {
            Purpose::Modules => "modules",
            Purpose::Kernel => "kernel",
        };
        let (cache, digest) = (Arc::clone(&self.cache), layer.digest.clone());
        let (large_file, own) = (Arc::clone(&self.large_file), Arc::clone(budget));
        let known = blocking(LAYER, move || {
            let is_large = cache.size_of(kind, &digest) > LARGE_INDEX as u64;
            let _one_at_a_time =
                is_large.then(|| large_file.lock().unwrap_or_else(PoisonError::into_inner));
            let Some(mut index) = cache.get::<LayerIndex>(kind, &digest) else {
                return Ok(None);
            };
            index.charge = Charge::on(&own);
            match index.charge.add(weight::of_index(&index)) {
                true => Ok(Some(index)),
                false => Err(busy(&TarFault::Busy.to_string())),
            }
        })
        .await?;
        if let Some(index) = known {
            return Ok(index);
        }
        let by_table = match place {
            ImageSource::Registry(repository) => {
                toc_reader::read(repository, layer, purpose, self.limits, budget).await
            }
            ImageSource::Layout(_) | ImageSource::Stacked(..) => None,
        };
        let index = match by_table {
            Some(index) => index,
            None => {
                let read = self.read_from(place, layer, purpose, BTreeSet::new(), budget);
                read.await?.index
            }
        };
        let (cache, digest) = (Arc::clone(&self.cache), layer.digest.clone());
        let large_file = Arc::clone(&self.large_file);
        blocking(LAYER, move || {
            let is_large = index.charge.bytes() > LARGE_INDEX;
            let _one_at_a_time =
                is_large.then(|| large_file.lock().unwrap_or_else(PoisonError::into_inner));
            cache.put(kind, &digest, &index);
            Ok(index)
        })
        .await
    }

    /// Reads a layer for the whole content of some of its files.
    pub(crate) async fn read(
        &self,
        place: &ImageSource,
        layer: &LayerRef,
        purpose: Purpose,
        wanted: BTreeSet<String>,
    ) -> Result<ReadLayer, Fault> {
        let read = self.read_from(place, layer, purpose, wanted, &self.common);
        let read = read.await;
        read.map_err(|read| read.fault)
    }

    async fn read_from(
        &self,
        place: &ImageSource,
        layer: &LayerRef,
        purpose: Purpose,
        wanted: BTreeSet<String>,
        budget: &Arc<Budget>,
    ) -> Result<ReadLayer, LayerFault> {
        let Some(verifier) = Verifier::new(&layer.digest) else {
            let message = format!(
                "the manifest lists a layer as `{}`, which is not a digest",
                layer.digest
            );
            return Err(Fault::new(FaultKind::Unreadable, message).into());
        };
        let blob = place.blob(&layer.digest, layer.size).await?;
        let (limits, budget) = (self.limits.of_size(layer.size), Arc::clone(budget));
        let large_file = Arc::clone(&self.large_file);
        let layer = layer.clone();
        blocking(LAYER, move || {
            let mut blob = VerifiedBlob::new(blob, verifier);
            let reading = Reading {
                purpose,
                limits,
                wanted: &wanted,
                large_file: &large_file,
                budget: &budget,
            };
            let read = read_layer(&mut blob, &reading);
            if let Err(fault @ TarFault::Busy) = &read {
                let message = format!("layer {} cannot be read: {fault}", layer.digest);
                return Err(busy(&message));
            }
            // Damage inside a blob that is not what was asked for is the lesser news.
            let whole = blob.finish(layer.size);
            match (read, whole) {
                (Err(TarFault::Io(fault)), _) | (_, Err(fault)) if is_fault(&fault) => {
                    Err(into_fault(fault, &layer).into())
                }
                (_, Err(fault)) => Err(into_fault(fault, &layer).into()),
                (Err(fault), Ok(())) => Err(LayerFault {
                    fault: Fault::new(
                        FaultKind::Unreadable,
                        format!("layer {} cannot be read: {fault}", layer.digest),
                    ),
                    everywhere: true,
                }),
                (Ok(read), Ok(())) => Ok(read),
            }
        })
        .await
    }
}

fn is_fault(fault: &io::Error) -> bool {
    fault.get_ref().is_some_and(|inner| inner.is::<Fault>())
}

/// The fault that a place put into an I/O error, or the error as one.
fn into_fault(fault: io::Error, layer: &LayerRef) -> Fault {
    let message = fault.to_string();
    match fault.into_inner().map(|inner| inner.downcast::<Fault>()) {
        Some(Ok(fault)) => *fault,
        _ => Fault::new(
            FaultKind::Unreadable,
            format!("layer {} cannot be read: {message}", layer.digest),
        ),
    }
}

/// A blob that is hashed as it passes.
struct VerifiedBlob {
    blob: Box<dyn BufRead + Send>,
    verifier: Verifier,
    length: u64,
}

impl VerifiedBlob {
    fn new(blob: Box<dyn BufRead + Send>, verifier: Verifier) -> Self {
        Self {
            blob,
            verifier,
            length: 0,
        }
    }

    /// Reads what is left, and compares the whole with what the manifest promised.
    fn finish(mut self, size: u64) -> io::Result<()> {
        loop {
            let length = self.fill_buf()?.len();
            if length == 0 {
                break;
            }
            self.consume(length);
            if self.length > size {
                break;
            }
        }
        let damaged = |message: &str| {
            let hint = "Push the image again: it was corrupted in the registry or in transit.";
            Err(io::Error::other(
                Fault::new(FaultKind::Unreadable, message).hint(hint),
            ))
        };
        if self.length != size {
            return damaged(&format!(
                "a layer has {} bytes instead of the {size} in the manifest",
                self.length
            ));
        }
        if !self.verifier.matches() {
            return damaged("a layer does not match its digest in the manifest");
        }
        Ok(())
    }
}

impl Read for VerifiedBlob {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = {
            let bytes = self.fill_buf()?;
            let length = bytes.len().min(into.len());
            into[..length].copy_from_slice(&bytes[..length]);
            length
        };
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for VerifiedBlob {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.blob.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What was not consumed yet is there without another read.
        if let Ok(bytes) = self.blob.fill_buf() {
            self.verifier.update(&bytes[..amount]);
        }
        self.length += amount as u64;
        self.blob.consume(amount);
    }
}
