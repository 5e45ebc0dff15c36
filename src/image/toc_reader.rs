//! Layers by their tables of contents: only the table and the files that count are fetched.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use crate::image::layer_reader::{LayerLimits, Purpose, Reading, index_entries, needs_content};
use crate::image::open::LayerRef;
use crate::image::toc::{
    FOOTER, Fetched, Listed, Piece, Toc, TocPlace, estargz_table, table_offset, unpacked,
};
use crate::model::layer::LayerIndex;
use crate::registry::digest;
use crate::registry::repository::Repository;

/// A smaller layer is fetched as a whole: that is one request.
const SMALL_LAYER: u64 = 1 << 20;
/// Most bytes of the files that are fetched one by one.
const MAX_FETCHED: u64 = 32 << 20;
/// Pieces nearer to each other than this come with one request.
const NEAR: u64 = 64 << 10;
/// Most requests for pieces.
const MAX_REQUESTS: usize = 32;

/// The index of a layer, read by its table of contents; `None` when it has none that can be
/// trusted, or when reading all of it is as good.
pub(crate) async fn read(
    repository: &Repository,
    layer: &LayerRef,
    purpose: Purpose,
    limits: LayerLimits,
) -> Option<LayerIndex> {
    if layer.size < SMALL_LAYER {
        return None;
    }
    let (table, end) = table(repository, layer).await?;
    let listed = Toc::parse(&table).ok()?.entries(end);
    let wanted: Vec<&Listed> = listed
        .iter()
        .filter(|listed| needs_content(&listed.entry.name, purpose))
        .collect();
    let pieces = pieces(repository, layer, &wanted).await?;
    let bytes_of = |piece: &Piece| pieces.get(&piece.from).cloned().unwrap_or_default();
    let mut contents = HashMap::new();
    for listed in wanted {
        let content = listed.content(bytes_of).ok()?;
        let is_whole = content.len() as u64 == listed.entry.size;
        if !is_whole || (!content.is_empty() && !digest::verify(&listed.digest, &content)) {
            return None;
        }
        contents.insert(listed.entry.name.clone(), content);
    }
    let entries = listed.into_iter().map(|listed| {
        let fetched = Fetched(contents.get(&listed.entry.name).cloned());
        (listed.entry, fetched)
    });
    let reading = Reading {
        purpose,
        limits,
        wanted: &BTreeSet::new(),
        large_file: &Mutex::new(()),
    };
    index_entries(entries, &reading).ok()
}

/// The table, verified, and where the files before it end.
async fn table(repository: &Repository, layer: &LayerRef) -> Option<(Vec<u8>, u64)> {
    let range = async |from, to| {
        repository
            .range(&layer.digest, from, to)
            .await
            .ok()
            .flatten()
    };
    match TocPlace::of(layer)? {
        TocPlace::EStargz { digest } => {
            let end = layer.size.checked_sub(FOOTER)?;
            let offset = table_offset(&range(end, layer.size).await?)?;
            if offset >= end || end - offset > MAX_FETCHED {
                return None;
            }
            let table = estargz_table(&range(offset, end).await?).ok()?;
            digest::verify(&digest, &table).then_some((table, offset))
        }
        TocPlace::ZstdChunked {
            from,
            length,
            digest,
        } => {
            let packed = range(from, from + length).await?;
            if !digest::verify(&digest, &packed) {
                return None;
            }
            Some((unpacked(&packed).ok()?, from))
        }
    }
}

/// The compressed bytes of the pieces by their start, fetched in few requests.
async fn pieces(
    repository: &Repository,
    layer: &LayerRef,
    wanted: &[&Listed],
) -> Option<HashMap<u64, Vec<u8>>> {
    let mut places: Vec<(u64, u64)> = wanted
        .iter()
        .flat_map(|listed| listed.pieces.iter().map(|piece| (piece.from, piece.to)))
        .collect();
    places.sort_unstable();
    places.dedup();
    let unpacked: u64 = wanted.iter().map(|listed| listed.entry.size).sum();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &(from, to) in &places {
        if from > to || to > layer.size {
            return None;
        }
        match runs.last_mut() {
            Some((_, end)) if from <= end.saturating_add(NEAR) => *end = to.max(*end),
            _ => runs.push((from, to)),
        }
    }
    let packed: u64 = runs.iter().map(|(from, to)| to - from).sum();
    let is_worth_it = packed < layer.size / 2 && packed.max(unpacked) <= MAX_FETCHED;
    if !is_worth_it || runs.len() > MAX_REQUESTS {
        return None;
    }
    let mut pieces = HashMap::new();
    for (from, to) in runs {
        let bytes = repository.range(&layer.digest, from, to).await.ok()??;
        let inside = places
            .iter()
            .filter(|(start, end)| *start >= from && *end <= to);
        for &(start, end) in inside {
            let at = usize::try_from(start - from).ok()?;
            let length = usize::try_from(end - start).ok()?;
            pieces.insert(start, bytes.get(at..at + length)?.to_vec());
        }
    }
    Some(pieces)
}
