"""A real registry on a loopback port, for the benchmarks."""

import hashlib
import http.client
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request


class Registry:
    """A real registry (distribution) on a loopback port."""

    def __init__(self, binary, storage, metrics=None):
        """With a port for its metrics it counts what it serves."""
        self.binary, self.metrics = binary, metrics
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        counting = "" if metrics is None else (
            f", debug: {{addr: '127.0.0.1:{metrics}', prometheus: {{enabled: true}}}}")
        self.config = tempfile.NamedTemporaryFile("w", suffix=".yml")
        self.config.write(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {storage}}}}}\n"
            f"http: {{addr: '{self.host}'{counting}}}\n")
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

    def served(self):
        """The bytes of all answers so far, and how many blobs were among them."""
        url = f"http://127.0.0.1:{self.metrics}/metrics"
        with urllib.request.urlopen(url) as answer:
            text = answer.read().decode()

        def total(name, labels):
            lines = re.findall(rf"^{name}\{{([^}}]*)\}} (\S+)$", text, re.MULTILINE)
            return int(sum(float(value) for of, value in lines
                           if all(label in of for label in labels)))

        return (total("registry_http_response_size_bytes_sum", ()),
                total("registry_http_requests_total",
                      ('code="200"', 'handler="blob"', 'method="get"')))

    def put(self, name, content):
        """Puts a blob into a repository; its digest."""
        digest = hashlib.sha256(content).hexdigest()
        self.put_blob(name, digest, content)
        return f"sha256:{digest}"

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
