//! The part of a kubelet that runs pods, by the tests: it runs the container of every pod as a process of this
//! machine, in a mount namespace and a root of its own, with the token of the pod's
//! ServiceAccount and the container's arguments and environment.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{ADMIN, Cluster};
use crate::preflight::program;

/// The index of a pod of an Indexed Job.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often pods are looked at.
const POLL: Duration = Duration::from_millis(150);

/// What a kubelet does to the pods of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Kills the process of that many of them, in the order in which they come.
    Killed(usize),
    /// Evicts the first of them.
    Evicted,
    /// Cannot pull their image.
    NoImage,
    /// Starts them, and never lets them go on.
    Stopped,
}

/// Runs pods; its processes end with it.
#[derive(Debug)]
pub struct PodRunner {
    end: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl PodRunner {
    /// Runs the pods of a cluster; those with a fate meet it.
    pub fn start(cluster: &Cluster, fates: &[(u32, Fate)]) -> Self {
        let (end, ended) = mpsc::channel();
        let mut node = Node {
            api: Api::new(cluster),
            url: cluster.url(),
            ca: fs::read(cluster.ca()).expect("the API server's certificate"),
            fates: fates.iter().copied().collect(),
            seen: BTreeMap::new(),
            running: BTreeMap::new(),
        };
        let thread = std::thread::spawn(move || node.run(&ended));
        Self {
            end,
            thread: Some(thread),
        }
    }
}

impl Drop for PodRunner {
    fn drop(&mut self) {
        let _ = self.end.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The API server, as an administrator.
struct Api {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    url: String,
}

impl Api {
    fn new(cluster: &Cluster) -> Self {
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true);
        Self {
            client: client.build().expect("a client"),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            url: cluster.url(),
        }
    }

    /// What the API server answers; nothing where it refuses or is away.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let kind = match method == reqwest::Method::PATCH {
            true => "application/merge-patch+json",
            false => "application/json",
        };
        let request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(ADMIN)
            .header("content-type", kind)
            .body(body.to_string());
        let text = self.runtime.block_on(async {
            let answer = request.send().await.ok()?;
            answer.error_for_status().ok()?.text().await.ok()
        })?;
        serde_json::from_str(&text).ok()
    }
}

/// A pod that runs.
struct Running {
    process: Child,
    path: String,
    log: Arc<Mutex<String>>,
    _root: TempDir,
}

struct Node {
    api: Api,
    url: String,
    ca: Vec<u8>,
    fates: BTreeMap<u32, Fate>,
    /// How many pods of an index there were.
    seen: BTreeMap<u32, usize>,
    /// By UID.
    running: BTreeMap<String, Option<Running>>,
}

impl Node {
    fn run(&mut self, ended: &Receiver<()>) {
        while ended.recv_timeout(POLL) == Err(mpsc::RecvTimeoutError::Timeout) {
            let Some(pods) = self.api.ask("GET", "/api/v1/pods", &Value::Null) else {
                continue;
            };
            let pods = pods["items"].as_array().cloned().unwrap_or_default();
            for pod in &pods {
                let uid = text(&pod["metadata"]["uid"]);
                if !self.running.contains_key(&uid)
                    && pod["metadata"]["deletionTimestamp"].is_null()
                {
                    let running = self.begin(pod);
                    self.running.insert(uid, running);
                }
            }
            let uids: Vec<String> = pods
                .iter()
                .map(|pod| text(&pod["metadata"]["uid"]))
                .collect();
            for (uid, running) in &mut self.running {
                let Some(pod) = running else { continue };
                if !uids.contains(uid) {
                    let _ = pod.process.kill();
                    let _ = pod.process.wait();
                    *running = None;
                } else if let Ok(Some(status)) = pod.process.try_wait() {
                    let code = status
                        .code()
                        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
                    let log = pod.log.lock().unwrap_or_else(PoisonError::into_inner);
                    let message = if code == 0 { "" } else { log.as_str() };
                    let state = json!({"terminated": {"exitCode": code, "message": message,
                        "reason": if code == 0 { "Completed" } else { "Error" }}});
                    let phase = if code == 0 { "Succeeded" } else { "Failed" };
                    let status = json!({"status": {"phase": phase,
                                                   "containerStatuses": [container(&state)]}});
                    let path = format!("{}/status", pod.path);
                    drop(log);
                    if self.api.ask("PATCH", &path, &status).is_some() {
                        *running = None;
                    }
                }
            }
        }
        for running in self.running.values_mut().flatten() {
            let _ = running.process.kill();
            let _ = running.process.wait();
        }
    }

    fn begin(&mut self, pod: &Value) -> Option<Running> {
        let index = pod["metadata"]["labels"][INDEX].as_str();
        let index: u32 = index.and_then(|index| index.parse().ok()).unwrap_or(0);
        let number = self.seen.entry(index).or_default();
        *number += 1;
        let number = *number;
        let fate = self.fates.get(&index).copied();
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}",
            text(&pod["metadata"]["namespace"]),
            text(&pod["metadata"]["name"])
        );
        let status = match fate {
            Some(Fate::NoImage) => json!({"phase": "Pending", "containerStatuses": [container(
                &json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such manifest"}}),
            )]}),
            Some(Fate::Evicted) if number == 1 => json!({"phase": "Failed", "reason": "Evicted",
                "message": "The node was low on resource: memory.",
                "conditions": [{"type": "DisruptionTarget", "status": "True",
                                "reason": "TerminationByKubelet", "message": "low on memory"}]}),
            _ => json!({"phase": "Running", "containerStatuses": [container(
                &json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
            )]}),
        };
        let runs = status["phase"] == "Running";
        self.api.ask(
            "PATCH",
            &format!("{path}/status"),
            &json!({"status": status}),
        );
        if !runs {
            return None;
        }
        let is_killed = matches!(fate, Some(Fate::Killed(times)) if number <= times);
        let is_stopped = is_killed || fate == Some(Fate::Stopped);
        let mut running = self.spawn(pod, path, is_stopped)?;
        if is_killed {
            std::thread::sleep(Duration::from_millis(500));
            running.process.kill().expect("the process can be killed");
        }
        Some(running)
    }

    /// Starts the container of a pod; one that is stopped waits for a signal that never comes.
    fn spawn(&self, pod: &Value, path: String, is_stopped: bool) -> Option<Running> {
        let namespace = text(&pod["metadata"]["namespace"]);
        let account = text(&pod["spec"]["serviceAccountName"]);
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                             "spec": {}});
        let token_path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let token = self.api.ask("POST", &token_path, &request)?;
        let root = self.root(&namespace, &text(&token["status"]["token"]));
        self.mount_config_maps(pod, root.path())?;
        let spec = &pod["spec"]["containers"][0];
        let folder = root.path().display();
        // As KMM's image has it: a read-only root, and a user that is nobody.
        let script = format!(
            "set -e; mount --make-rprivate /; \
             for name in bin lib lib64 usr etc dev proc; do \
               [ ! -e /$name ] || {{ mkdir {folder}/$name; mount --rbind /$name {folder}/$name; }}; \
             done; {} exec chroot --userspec=65532:65532 {folder} /preflight \"$@\"",
            if is_stopped { "kill -STOP $$;" } else { "" }
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]);
        let args = spec["args"].as_array().into_iter().flatten();
        command.args(args.filter_map(Value::as_str));
        let (_, address) = self.url.split_once("//").expect("a URL");
        let (host, port) = address.split_once(':').expect("a port");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/tmp")
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", port)
            .envs(environment(pod, spec));
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = process.expect("unshare starts");
        let log = Arc::new(Mutex::new(String::new()));
        keep(&log, process.stdout.take().expect("a pipe"));
        keep(&log, process.stderr.take().expect("a pipe"));
        Some(Running {
            process,
            path,
            log,
            _root: root,
        })
    }

    /// Puts the ConfigMaps of a pod where its container mounts them; nothing where one is not
    /// there, for which a kubelet waits.
    fn mount_config_maps(&self, pod: &Value, root: &Path) -> Option<()> {
        let namespace = text(&pod["metadata"]["namespace"]);
        let mounts = &pod["spec"]["containers"][0]["volumeMounts"];
        let mounts = mounts.as_array().into_iter().flatten();
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let Some(name) = volume["configMap"]["name"].as_str() else {
                continue;
            };
            let path = format!("/api/v1/namespaces/{namespace}/configmaps/{name}");
            let map = self.api.ask("GET", &path, &Value::Null)?;
            for mount in mounts
                .clone()
                .filter(|mount| mount["name"] == volume["name"])
            {
                let folder = text(&mount["mountPath"]);
                let folder = root.join(folder.trim_start_matches('/'));
                fs::create_dir_all(&folder).expect("a folder");
                for (key, value) in map["data"].as_object().into_iter().flatten() {
                    fs::write(folder.join(key), text(value)).expect("a file of the ConfigMap");
                }
            }
        }
        Some(())
    }

    /// A root with the program, its folders and what a kubelet mounts of a ServiceAccount.
    fn root(&self, namespace: &str, token: &str) -> TempDir {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().expect("a root");
        let open = |path: &Path, mode: u32| {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(path, mode).expect("permissions");
        };
        open(root.path(), 0o755);
        for folder in ["tmp", "cache"] {
            let folder = root.path().join(folder);
            fs::create_dir(&folder).expect("a folder");
            open(&folder, 0o777);
        }
        let own = root.path().join("preflight");
        fs::hard_link(program(), &own)
            .or_else(|_| fs::copy(program(), &own).map(drop))
            .expect("the program");
        let account = root
            .path()
            .join("var/run/secrets/kubernetes.io/serviceaccount");
        fs::create_dir_all(&account).expect("a folder");
        for (name, bytes) in [
            ("token", token.as_bytes()),
            ("ca.crt", &self.ca),
            ("namespace", namespace.as_bytes()),
        ] {
            fs::write(account.join(name), bytes).expect("a file of the account");
        }
        root
    }
}

/// The variables of a container, those from the pod's own fields among them.
fn environment(pod: &Value, container: &Value) -> Vec<(String, String)> {
    let variables = container["env"].as_array().into_iter().flatten();
    variables
        .map(|variable| {
            let field = text(&variable["valueFrom"]["fieldRef"]["fieldPath"]);
            let value = match field.split_once("['") {
                Some((path, key)) => {
                    let place = format!("/{}", path.replace('.', "/"));
                    let map = pod.pointer(&place).expect("labels or annotations");
                    text(&map[key.trim_end_matches("']")])
                }
                None => text(&variable["value"]),
            };
            (text(&variable["name"]), value)
        })
        .collect()
}

fn container(state: &Value) -> Value {
    json!({"name": "preflight", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
           "state": state})
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Keeps what a process writes, for the last words of a failed container.
fn keep(log: &Arc<Mutex<String>>, mut pipe: impl std::io::Read + Send + 'static) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&text);
        }
    });
}
