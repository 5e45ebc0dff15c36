//! `generate`: the preflight CR for a KMM release.

pub(crate) mod image_list;

use std::ffi::OsString;

use serde_json::{Value, json};

use crate::cli::cluster::GenerateArgs;
use crate::cli::pod_flags::Caller;
use crate::cluster::api::client::connect;
use crate::cluster::rbac;
use crate::console::output::Done;
use crate::error::Error;
use crate::findings::accept::Accept;
use crate::input::yaml;
use crate::report::answer::Answer;
use crate::report::{self, Format, Screen};
use crate::session::request_flags::RequestFlags;
use crate::session::targets::no_target;

/// The name of a Job or CronJob that nobody named.
const NAME: &str = "kmm-preflight";

/// Prints the CR for the cluster's KMM, or for that of `--kmm-version`.
///
/// # Errors
/// A contradictory or incomplete target, or a cluster or image that cannot be read.
pub(crate) async fn run(
    args: &GenerateArgs,
    format: Format,
    words: &[OsString],
    accepts: &[Accept],
) -> Result<Done, Error> {
    if args.rbac {
        return Ok(Done {
            stdout: report::print(&Rights, format, &Screen::PLAIN)?,
            ..Done::default()
        });
    }
    if let Some(form) = args.image_list {
        return image_list::run(args, form).await;
    }
    args.in_cluster.check()?;
    if args.in_cluster.is_wanted() {
        return in_cluster(args, format, words, accepts);
    }
    let flags = RequestFlags::from(args);
    let (kmm, cluster) = match &args.kmm_version {
        Some(release) => (*release, None),
        None => {
            let cluster = connect(&args.connection).await?;
            (cluster.kmm().await?, Some(cluster))
        }
    };
    let (request, mut warnings) = flags.request(kmm, cluster.as_ref()).await?;
    let desired = request.desired(kmm, args.name.as_deref())?;
    if let Some(cluster) = &cluster {
        warnings.extend(cluster.take_warnings());
    }
    let mut done = Done {
        stdout: print(&desired.object(), format)?,
        ..Done::default()
    };
    done.warn(&warnings);
    Ok(done)
}

/// Prints what runs the local validation in the cluster.
fn in_cluster(
    args: &GenerateArgs,
    format: Format,
    words: &[OsString],
    accepts: &[Accept],
) -> Result<Done, Error> {
    let wanted = &args.in_cluster;
    let name = args.name.as_deref().unwrap_or(NAME);
    let caller = Caller::Generate;
    let what = wanted.pods.in_cluster(name, words, caller, accepts)?;
    let has_pods = wanted.job || wanted.cronjob.is_some();
    if has_pods && !args.target.names_a_kernel() {
        return Err(no_target());
    }
    let mut objects = match &wanted.cronjob {
        Some(schedule) => what.cron_job(schedule),
        None if wanted.job => what.job(),
        None => Vec::new(),
    };
    if wanted.alert {
        objects.push(what.alert(wanted.cronjob.as_deref()));
    }
    Ok(Done {
        stdout: report::print(&Manifests(objects), format, &Screen::PLAIN)?,
        ..Done::default()
    })
}

/// A CR in the format of `-o`; YAML where nothing was chosen.
///
/// # Errors
/// The format is for reports, and a CR to create has no result yet.
pub(crate) fn print(object: &Value, format: Format) -> Result<String, Error> {
    report::print(&Manifest(object), format, &Screen::PLAIN)
}

/// Objects to apply together: documents of YAML, or a List.
pub(super) struct Manifests(pub(super) Vec<Value>);

impl Answer for Manifests {
    fn text(&self, _: &Screen, _: bool) -> String {
        let documents = self
            .0
            .iter()
            .map(|object| yaml::to_string(object).unwrap_or_default());
        documents.collect::<Vec<_>>().join("---\n")
    }

    fn document(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "List", "items": self.0})
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.0.iter().map(name_of).collect())
    }
}

/// The roles of `--rbac`: as text the commented manifests.
struct Rights;

impl Answer for Rights {
    fn text(&self, _: &Screen, _: bool) -> String {
        rbac::manifests()
    }

    fn document(&self) -> Value {
        Manifests(rbac::roles()).document()
    }

    fn names(&self) -> Option<Vec<String>> {
        Manifests(rbac::roles()).names()
    }
}

/// `kind.group/name`, as `kubectl` prints it.
fn name_of(object: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = word(&object["apiVersion"]);
    let group = version
        .rsplit_once('/')
        .map(|(group, _)| format!(".{group}"));
    format!(
        "{}{}/{}",
        word(&object["kind"]).to_lowercase(),
        group.unwrap_or_default(),
        word(&object["metadata"]["name"])
    )
}

/// An object to apply.
struct Manifest<'a>(&'a Value);

impl Answer for Manifest<'_> {
    fn text(&self, _: &Screen, _: bool) -> String {
        yaml::to_string(self.0).unwrap_or_default()
    }

    fn document(&self) -> Value {
        self.0.clone()
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(vec![name_of(self.0)])
    }
}
