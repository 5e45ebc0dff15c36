//! A real kube-apiserver with its etcd, on loopback ports. No controller runs unless a test
//! starts those of Kubernetes; what an operator would write as status, tests write.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rcgen::KeyPair;
use tempfile::TempDir;

use crate::registry::write_certificates;
use crate::server::{Server, free_port, listens, tool};

/// Bearer token of a cluster administrator.
pub const ADMIN: &str = "admin-token";
/// Bearer token of a user who may do nothing.
pub const NOBODY: &str = "nobody-token";
/// The user that [`Cluster::client_certificate`] is of, without any right: rcgen's subject.
pub const CERTIFIED: &str = "rcgen self signed cert";

/// A running control plane. Its state goes when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    api_server: Server,
    etcd: Server,
    controllers: Option<Server>,
    port: u16,
    args: Vec<String>,
    folder: TempDir,
}

impl Cluster {
    /// Starts etcd and kube-apiserver and waits until they are ready.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the cluster");
        let dir = folder.path();
        let (client, peer, port) = (free_port(), free_port(), free_port());
        let client_url = format!("http://127.0.0.1:{client}");
        let peer_url = format!("http://127.0.0.1:{peer}");
        let etcd_args = [
            format!("--data-dir={}", dir.join("etcd").display()),
            format!("--listen-client-urls={client_url}"),
            format!("--advertise-client-urls={client_url}"),
            format!("--listen-peer-urls={peer_url}"),
            format!("--initial-advertise-peer-urls={peer_url}"),
            format!("--initial-cluster=default={peer_url}"),
            "--unsafe-no-fsync".to_owned(),
        ];
        let mut etcd = Server::start("etcd", &etcd_args, &dir.join("etcd.log"));
        etcd.wait_until(|| listens(client));

        let key = dir.join("sa.key");
        let public = dir.join("sa.pub");
        let pair = KeyPair::generate().expect("a key");
        fs::write(&key, pair.serialize_pem()).expect("the service account key");
        fs::write(&public, pair.public_key_pem()).expect("its public half");
        let tokens = dir.join("tokens.csv");
        fs::write(
            &tokens,
            format!("{ADMIN},admin,1,system:masters\n{NOBODY},nobody,2,\n"),
        )
        .expect("the token file");
        let clients = dir.join("clients");
        fs::create_dir(&clients).expect("a folder for certificates");
        write_certificates(&clients);
        let args = vec![
            format!("--etcd-servers={client_url}"),
            format!("--cert-dir={}", dir.join("certs").display()),
            format!("--secure-port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", public.display()),
            format!("--service-account-signing-key-file={}", key.display()),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            format!("--token-auth-file={}", tokens.display()),
            format!("--client-ca-file={}", clients.join("ca.crt").display()),
            "--authorization-mode=RBAC".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        let api_server = Server::start("kube-apiserver", &args, &dir.join("apiserver.log"));
        let mut cluster = Self {
            api_server,
            etcd,
            controllers: None,
            port,
            args,
            folder,
        };
        cluster.wait_until_ready();
        cluster
    }

    fn wait_until_ready(&mut self) {
        let kubeconfig = self.kubeconfig(ADMIN);
        self.api_server.wait_until(|| {
            let mut kubectl = kubectl(&kubeconfig);
            kubectl.args(["get", "--raw=/readyz", "--request-timeout=2s"]);
            let ready = kubectl.output().expect("kubectl runs").status.success();
            let mut kubectl = self::kubectl(&kubeconfig);
            kubectl.args(["get", "namespace", "default"]);
            ready && kubectl.output().expect("kubectl runs").status.success()
        });
    }

    /// Starts Kubernetes' own controllers of Jobs and CronJobs and its garbage collector.
    pub fn start_controllers(&mut self) {
        let args = [
            format!("--kubeconfig={}", self.kubeconfig(ADMIN).display()),
            "--controllers=job-controller,cronjob-controller,garbage-collector-controller"
                .to_owned(),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", free_port()),
            format!(
                "--cert-dir={}",
                self.folder.path().join("controllers").display()
            ),
        ];
        let log = self.folder.path().join("controllers.log");
        self.controllers = Some(Server::start("kube-controller-manager", &args, &log));
    }

    /// Ends the API server; its port then refuses connections.
    pub fn stop_api_server(&mut self) {
        self.api_server.stop();
    }

    /// Starts the API server again on the same port, with the state it had.
    pub fn restart_api_server(&mut self) {
        self.api_server.stop();
        let log = self.folder.path().join("apiserver.log");
        self.api_server = Server::start("kube-apiserver", &self.args, &log);
        self.wait_until_ready();
    }

    /// Ends etcd: the API server then answers with errors.
    pub fn stop_etcd(&mut self) {
        self.etcd.stop();
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Files of the certificate that [`CERTIFIED`] shows to the API server, and of its key.
    pub fn client_certificate(&self) -> [PathBuf; 2] {
        let clients = self.folder.path().join("clients");
        ["server.crt", "server.key"].map(|name| clients.join(name))
    }

    /// Certificate file that the API server can be verified with.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("certs/apiserver.crt")
    }

    /// Writes a kubeconfig for a bearer token and returns its path.
    pub fn kubeconfig(&self, token: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{token}.kubeconfig"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: '{}', certificate-authority: '{}'}}}}]\n\
             users: [{{name: test, user: {{token: '{token}'}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n",
            self.url(),
            self.ca().display()
        );
        fs::write(&path, text).expect("the kubeconfig");
        path
    }

    /// Runs kubectl as the administrator, holds it to success and returns its
    /// standard output.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str], input: &str) -> String {
        let output = self.try_kubectl(args, input);
        assert!(
            output.status.success(),
            "kubectl {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs kubectl as the administrator.
    pub fn try_kubectl(&self, args: &[&str], input: &str) -> Output {
        let mut child = kubectl(&self.kubeconfig(ADMIN))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut pipe = child.stdin.take().expect("a pipe to kubectl");
        pipe.write_all(input.as_bytes()).expect("kubectl reads");
        drop(pipe);
        child.wait_with_output().expect("kubectl ends")
    }

    /// Applies objects written as YAML.
    #[track_caller]
    pub fn apply(&self, yaml: &str) {
        self.kubectl(&["apply", "--server-side", "-f", "-"], yaml);
    }

    /// Applies every file of CRDs in a folder and waits until they are served.
    #[track_caller]
    pub fn install_crds(&self, folder: &Path) {
        let folder = folder.to_str().expect("a UTF-8 path");
        self.kubectl(&["apply", "--server-side", "-f", folder], "");
        let wait = [
            "wait",
            "--for=condition=Established",
            "--timeout=30s",
            "-f",
            folder,
        ];
        // kubectl fails where a CRD has no conditions yet.
        let start = Instant::now();
        while !self.try_kubectl(&wait, "").status.success() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "{folder} is served"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Replaces the status of an object (`KIND/NAME`) with a JSON value.
    #[track_caller]
    pub fn set_status(&self, object: &str, status: &serde_json::Value) {
        let patch = serde_json::json!({"status": status}).to_string();
        self.kubectl(
            &[
                "patch",
                object,
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ],
            "",
        );
    }
}

fn kubectl(kubeconfig: &Path) -> Command {
    let mut command = Command::new(tool("kubectl"));
    command
        .env_clear()
        .env("HOME", kubeconfig.parent().expect("a folder"))
        .arg("--kubeconfig")
        .arg(kubeconfig);
    command
}
