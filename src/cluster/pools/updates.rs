//! `--to X.Y.Z`: the release image of an update that the cluster knows (pure).

use semver::Version;
use serde_json::Value;

use crate::error::Error;

/// A release that the cluster can be updated to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Update {
    /// Its version.
    pub version: String,
    /// The release image, by digest as ClusterVersion names it.
    pub image: String,
    /// Why the update is recommended only under conditions; empty for an available one.
    pub risks: Vec<String>,
}

/// The versions that a ClusterVersion can be updated to, the conditional ones last.
pub(crate) fn versions(cluster_version: &Value) -> Vec<String> {
    let status = &cluster_version["status"];
    let conditional = list(&status["conditionalUpdates"]);
    list(&status["availableUpdates"])
        .iter()
        .map(version)
        .chain(conditional.iter().map(|update| version(&update["release"])))
        .map(str::to_owned)
        .collect()
}

/// Every update that the cluster offers, the conditional ones last.
pub(crate) fn all(cluster_version: &Value) -> Vec<Update> {
    let found = versions(cluster_version).into_iter();
    found
        .filter_map(|version| find(cluster_version, &version).ok())
        .collect()
}

/// The image of the release that the cluster runs, or is on its way to.
pub(crate) fn todays_image(cluster_version: &Value) -> Option<&str> {
    let image = cluster_version["status"]["desired"]["image"].as_str();
    image.filter(|image| !image.is_empty())
}

/// The image of the release that an update which is not over leads away from
/// (`status.history`, newest first).
pub(crate) fn image_before(cluster_version: &Value) -> Option<&str> {
    let history = list(&cluster_version["status"]["history"]);
    let (now, before) = (history.first()?, history.get(1)?);
    let is_under_way = now["state"] == "Partial";
    let image = before["image"].as_str().filter(|image| !image.is_empty());
    image.filter(|_| is_under_way)
}

/// Finds a version in `availableUpdates`, then in `conditionalUpdates`, then takes the
/// cluster's own (`status.desired`).
///
/// # Errors
/// The version is none of them; the known ones are listed.
pub(crate) fn find(cluster_version: &Value, wanted: &str) -> Result<Update, Error> {
    let status = &cluster_version["status"];
    let available = list(&status["availableUpdates"]);
    let conditional = list(&status["conditionalUpdates"]);
    let wanted = wanted.trim_start_matches('v');
    let image_of = |release: &Value| {
        (release["version"] == wanted)
            .then(|| release["image"].as_str())
            .flatten()
            .filter(|image| !image.is_empty())
            .map(str::to_owned)
    };
    if let Some(image) = available.iter().find_map(image_of) {
        return Ok(Update {
            version: wanted.to_owned(),
            image,
            risks: Vec::new(),
        });
    }
    for update in conditional {
        if let Some(image) = image_of(&update["release"]) {
            return Ok(Update {
                version: wanted.to_owned(),
                image,
                risks: risks(update),
            });
        }
    }
    if let Some(image) = image_of(&status["desired"]) {
        return Ok(Update {
            version: wanted.to_owned(),
            image,
            risks: Vec::new(),
        });
    }
    let mut known: Vec<String> = available
        .iter()
        .map(|release| version(release).to_owned())
        .chain(
            conditional
                .iter()
                .map(|update| format!("{} (conditional)", version(&update["release"]))),
        )
        .filter(|version| !version.is_empty())
        .collect();
    known.sort_by_key(|text| {
        let number = text.split(' ').next().unwrap_or_default();
        std::cmp::Reverse(Version::parse(number).ok())
    });
    let hint = if known.is_empty() {
        "The cluster's channel has no updates; pass --release-image.".into()
    } else {
        format!(
            "Pass one of these with --to: {}; or pass --release-image.",
            known.join(", ")
        )
    };
    Err(Error::Input {
        message: format!("the cluster has no update to {wanted}"),
        hint,
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn version(release: &Value) -> &str {
    release["version"].as_str().unwrap_or_default()
}

/// The risks of a conditional update, each with its name, its text and its page.
fn risks(update: &Value) -> Vec<String> {
    list(&update["risks"])
        .iter()
        .map(|risk| {
            let text = |key: &str| risk[key].as_str().unwrap_or_default().trim().to_owned();
            let mut line = format!("{}: {}", text("name"), text("message"));
            if !text("url").is_empty() {
                line.push_str(&format!(" ({})", text("url")));
            }
            line
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster_version() -> Value {
        json!({"status": {
            "desired": {"version": "4.16.1", "image": "r@sha256:1"},
            "availableUpdates": [
                {"version": "4.16.9", "image": "r@sha256:9"},
                {"version": "4.16.10", "image": "r@sha256:10"}],
            "conditionalUpdates": [{
                "release": {"version": "4.17.0", "image": "r@sha256:17"},
                "risks": [{"name": "Slow", "message": "nodes are slow", "url": "https://x"}]}]}})
    }

    #[test]
    fn versions_are_found_in_every_list() {
        for (wanted, image, risks) in [
            ("4.16.10", "r@sha256:10", vec![]),
            ("4.16.1", "r@sha256:1", vec![]),
            (
                "4.17.0",
                "r@sha256:17",
                vec!["Slow: nodes are slow (https://x)"],
            ),
        ] {
            let update = find(&cluster_version(), wanted).expect("a known version");
            assert_eq!(update.image, image);
            assert_eq!(update.risks, risks);
        }
    }

    #[test]
    fn an_unknown_version_lists_the_known_ones_newest_first() {
        let error = find(&cluster_version(), "4.99.0").expect_err("unknown");
        assert_eq!(
            error.hint(),
            "Pass one of these with --to: 4.17.0 (conditional), 4.16.10, 4.16.9; or pass \
             --release-image."
        );
        let none = json!({"status": {"availableUpdates": null}});
        assert!(
            find(&none, "4.99.0")
                .expect_err("unknown")
                .hint()
                .contains("no update")
        );
    }
}
