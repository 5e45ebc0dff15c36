//! Layers by their tables of contents: only the table and the files that count are fetched.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use crate::images::layers::layer_reader::{
    LayerLimits, Purpose, Reading, index_entries, needs_content,
};
use crate::images::layers::tar_stream::Kind;
use crate::images::layers::toc::{
    FOOTER, Fetched, Listed, Piece, Toc, TocPlace, estargz_table, table_offset, unpacked,
};
use crate::images::open_image::LayerRef;
use crate::images::registry::digest;
use crate::images::registry::repository::Repository;
use crate::model::budget::Budget;
use crate::model::layer::LayerIndex;

/// A smaller layer is fetched as a whole: that is one request.
const SMALL_LAYER: u64 = 1 << 20;
/// Most bytes of the files that are fetched one by one.
const MAX_FETCHED: u64 = 32 << 20;
/// How many tables are read side by side, of all images.
static TABLES: Semaphore = Semaphore::const_new(2);
/// Pieces nearer to each other than this come with one request.
const NEAR: u64 = 64 << 10;
/// Most requests for pieces.
const MAX_REQUESTS: usize = 32;
/// Most bytes that are decompressed only to pass them over, for files that share a piece with
/// others (eStargz's `innerOffset`).
const MAX_SKIPPED: u64 = 256 << 20;

/// The index of a layer, read by its table of contents; `None` when it has none that can be
/// trusted, or when reading all of it is as good.
pub(crate) async fn read(
    repository: &Repository,
    layer: &LayerRef,
    purpose: Purpose,
    limits: LayerLimits,
    budget: &Arc<Budget>,
) -> Option<LayerIndex> {
    if layer.size < SMALL_LAYER {
        return None;
    }
    // A table and what is made of it take memory that no index counts yet.
    let _one_at_a_time = TABLES.acquire().await.ok()?;
    let (table, end) = table(repository, layer).await?;
    let size = layer.size;
    let (listed, runs) = aside(move || {
        let listed = Toc::parse(&table).ok()?.entries(end);
        let runs = runs(wanted(&listed, purpose), size)?;
        Some((listed, runs))
    })
    .await?;
    let mut packed = Packed::default();
    for (from, to) in runs {
        let bytes = repository.range(&layer.digest, from, to).await.ok()??;
        packed.0.push((from, bytes));
    }
    let budget = Arc::clone(budget);
    aside(move || index(listed, &packed, purpose, limits, &budget)).await
}

/// Works on a thread that may be busy for a while. A panic there leaves the layer to those who
/// read all of it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok().flatten()
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
            let packed = range(offset, end).await?;
            aside(move || {
                let table = estargz_table(&packed).ok()?;
                digest::verify(&digest, &table).then_some((table, offset))
            })
            .await
        }
        TocPlace::ZstdChunked {
            from,
            length,
            digest,
        } => {
            let packed = range(from, from + length).await?;
            aside(move || {
                if !digest::verify(&digest, &packed) {
                    return None;
                }
                Some((unpacked(&packed).ok()?, from))
            })
            .await
        }
    }
}

/// The files that are read for more than their name, or for that of a link to them.
fn wanted(listed: &[Listed], purpose: Purpose) -> impl Iterator<Item = &Listed> + Clone {
    let links = listed.iter().filter_map(|listed| match &listed.entry.kind {
        Kind::Hardlink(target) if needs_content(&listed.entry.name, purpose) => {
            Some(target.trim_start_matches('/'))
        }
        _ => None,
    });
    let linked: Arc<HashSet<&str>> = Arc::new(links.collect());
    listed.iter().filter(move |listed| {
        let name = &listed.entry.name;
        needs_content(name, purpose)
            || (listed.entry.kind == Kind::File && linked.contains(name.trim_start_matches('/')))
    })
}

/// The ranges of a layer of `size` bytes that hold the pieces of these files, first one first;
/// `None` where the layer has no such pieces, or where reading all of it is as good.
fn runs<'a>(
    wanted: impl Iterator<Item = &'a Listed> + Clone,
    size: u64,
) -> Option<Vec<(u64, u64)>> {
    let unpacked = total(wanted.clone().map(|listed| listed.entry.size));
    let pieces = wanted.flat_map(|listed| &listed.pieces);
    let skipped = total(pieces.clone().map(|piece| piece.skip));
    let mut places: Vec<(u64, u64)> = pieces.map(|piece| (piece.from, piece.to)).collect();
    places.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (from, to) in places {
        if from > to || to > size {
            return None;
        }
        match runs.last_mut() {
            Some((_, end)) if from <= end.saturating_add(NEAR) => *end = to.max(*end),
            _ => runs.push((from, to)),
        }
    }
    let packed = total(runs.iter().map(|(from, to)| to - from));
    let is_worth_it = packed < size / 2
        && packed.max(unpacked) <= MAX_FETCHED
        && skipped <= MAX_SKIPPED
        && runs.len() <= MAX_REQUESTS;
    is_worth_it.then_some(runs)
}

/// A sum of numbers that a stranger may have written.
fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// Bytes of a layer that were fetched, in runs that are apart, each with where it begins.
#[derive(Default)]
struct Packed(Vec<(u64, Vec<u8>)>);

impl Packed {
    /// The bytes of a piece; none where they were not fetched.
    fn of(&self, piece: &Piece) -> &[u8] {
        let after = self.0.partition_point(|(from, _)| *from <= piece.from);
        let run = after.checked_sub(1).and_then(|at| self.0.get(at));
        let inside = run.and_then(|(from, bytes)| {
            let place = |byte: u64| usize::try_from(byte.checked_sub(*from)?).ok();
            bytes.get(place(piece.from)?..place(piece.to)?)
        });
        inside.unwrap_or_default()
    }
}

/// The index, with the verified contents of the wanted files.
fn index(
    listed: Vec<Listed>,
    packed: &Packed,
    purpose: Purpose,
    limits: LayerLimits,
    budget: &Arc<Budget>,
) -> Option<LayerIndex> {
    let mut contents = HashMap::new();
    for file in wanted(&listed, purpose) {
        let content = file.content(|piece| packed.of(piece)).ok()?;
        let is_whole = content.len() as u64 == file.entry.size;
        if !is_whole || (!content.is_empty() && !digest::verify(&file.digest, &content)) {
            return None;
        }
        contents.insert(file.entry.name.clone(), content);
    }
    let entries = listed.into_iter().map(|listed| {
        let fetched = Fetched::of(contents.get(&listed.entry.name).map(Vec::as_slice));
        (listed.entry, fetched)
    });
    let reading = Reading {
        purpose,
        limits,
        wanted: &BTreeSet::new(),
        large_file: &Mutex::default(),
        budget,
    };
    index_entries(entries, &reading).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of kernel modules, each by its size, and the offset, end and skipped bytes of
    /// its one piece.
    fn modules(files: &[(u64, u64, u64, u64)]) -> Vec<Listed> {
        let entries: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(number, (size, from, to, skip))| {
                serde_json::json!({
                    "name": format!("opt/lib/modules/6.1/{number}.ko"), "type": "reg",
                    "size": size, "offset": from, "endOffset": to, "innerOffset": skip,
                })
            })
            .collect();
        let table = serde_json::json!({"entries": entries}).to_string();
        Toc::parse(table.as_bytes()).expect("a table").entries(SIZE)
    }

    const SIZE: u64 = 10 << 20;

    #[test]
    fn few_requests_fetch_what_is_near_to_each_other() {
        let far = 4 << 20;
        for (files, expected) in [
            (&[][..], Some(vec![])),
            (
                &[(9, far, far + 5, 0), (9, 0, 10, 0), (9, 100, 120, 3)],
                Some(vec![(0, 120), (far, far + 5)]),
            ),
            // More than half of the layer, a piece behind its end, and one that ends first.
            (&[(9, 0, 6 << 20, 0)], None),
            (&[(9, 0, SIZE + 1, 0)], None),
            (&[(9, 10, 5, 0)], None),
        ] {
            let listed = modules(files);
            let found = runs(wanted(&listed, Purpose::Modules), SIZE);
            assert_eq!(found, expected, "{files:?}");
        }
    }

    /// Numbers of a stranger's table, which nothing vouches for before the layer is read.
    #[test]
    fn a_table_of_absurd_sizes_is_not_followed() {
        for files in [
            [(u64::MAX, 0, 10, 0), (1, 20, 30, 0)],
            [(9, 0, 10, u64::MAX), (9, 20, 30, 1)],
        ] {
            let listed = modules(&files);
            assert_eq!(runs(wanted(&listed, Purpose::Modules), SIZE), None);
        }
    }

    #[test]
    fn pieces_are_found_in_their_run() {
        let packed = Packed(vec![(10, b"0123456789".to_vec()), (100, b"abc".to_vec())]);
        let listed = modules(&[
            (1, 10, 12, 0),
            (1, 15, 20, 0),
            (1, 101, 103, 0),
            (1, 5, 7, 0),
        ]);
        let bytes: Vec<&[u8]> = listed
            .iter()
            .flat_map(|listed| &listed.pieces)
            .map(|piece| packed.of(piece))
            .collect();
        assert_eq!(bytes, [&b"01"[..], b"56789", b"bc", b""]);
    }
}
