"""A control plane for the benchmarks: kube-apiserver and etcd of the test environment."""

import json
import os
import socket
import subprocess
import sys
import time

from bench_common import ENVIRONMENT


class Cluster:
    """A control plane that ends with the `with` block."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.kubeconfig = folder / "kubeconfig"
        self.variables = {"PATH": os.environ["PATH"], "HOME": str(folder),
                          "KUBECONFIG": str(self.kubeconfig)}

    def __enter__(self):
        client, peer, self.port = free_ports(3)
        self.start(
            "etcd", f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}", "--unsafe-no-fsync")
        key, public = self.folder / "sa.key", self.folder / "sa.pub"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True,
                       stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], check=True,
                       stderr=subprocess.DEVNULL)
        (self.folder / "tokens.csv").write_text("admin-token,admin,1,system:masters\n")
        self.start(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{client}",
            f"--cert-dir={self.folder}/certs", f"--secure-port={self.port}",
            "--bind-address=127.0.0.1", f"--token-auth-file={self.folder}/tokens.csv",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={public}", f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount")
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {
                "server": f"https://127.0.0.1:{self.port}",
                "certificate-authority": f"{self.folder}/certs/apiserver.crt"}}],
            "users": [{"name": "bench", "user": {"token": "admin-token"}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}]}))
        for _ in range(600):
            if self.run("get", "namespace", "default").returncode == 0:
                return self
            time.sleep(0.1)
        sys.exit("kube-apiserver does not become ready")

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()

    def start(self, tool, *args):
        with open(self.folder / f"{tool}.log", "wb") as log:
            self.processes.append(subprocess.Popen(
                [ENVIRONMENT / "bin" / tool, *args], stdout=log, stderr=log))

    def run(self, *args, given=None):
        return subprocess.run([ENVIRONMENT / "bin/kubectl", *args], env=self.variables,
                              input=given, capture_output=True, text=True, check=False)

    def kubectl(self, *args, given=None):
        ended = self.run(*args, given=given)
        if ended.returncode:
            sys.exit(f"kubectl {' '.join(args)}: {ended.stderr}")

    def apply(self, value):
        """Applies an object."""
        self.kubectl("apply", "--server-side", "-f", "-", given=json.dumps(value))


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
