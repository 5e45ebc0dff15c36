"""A real registry on a loopback port, for the benchmarks."""

import http.client
import socket
import subprocess
import sys
import tempfile
import time


class Registry:
    """A real registry (distribution) on a loopback port."""

    def __init__(self, binary, storage):
        self.binary = binary
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.config = tempfile.NamedTemporaryFile("w", suffix=".yml")
        self.config.write(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {storage}}}}}\n"
            f"http: {{addr: '{self.host}'}}\n")
        self.config.flush()

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.binary, "serve", self.config.name],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                time.sleep(0.05)
        sys.exit("the registry does not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        answer.read()
        return answer

    def put_blob(self, name, digest, content):
        if self.request("HEAD", f"/v2/{name}/blobs/sha256:{digest}").status == 200:
            return
        answer = self.request("POST", f"/v2/{name}/blobs/uploads/")
        location = answer.headers["Location"].split(self.host, 1)[-1]
        answer = self.request("PUT", f"{location}&digest=sha256:{digest}", content,
                              {"Content-Type": "application/octet-stream"})
        assert answer.status == 201, answer.status

    def put_manifest(self, name, manifest):
        answer = self.request("PUT", f"/v2/{name}/manifests/1", manifest,
                              {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})
        assert answer.status == 201, answer.status
