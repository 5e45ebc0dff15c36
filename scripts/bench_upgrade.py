"""An upgrade as clusters have it: 200 Modules, six pools of nodes and three releases, which
together bring twelve kernels. The pools come from an API server that answers with what is
written here; images are in an OCI layout on disk, and in the cache after a first run."""

import http.server
import json
import statistics
import threading

from bench_common import kernels_with, measured, module, module_files

MODULES, ROUNDS, JOBS = 200, 5, 8
RELEASES = ("5.0.1", "5.0.2", "5.0.3")
# Pool, operating system, kernel type.
POOLS = (("master", "rhel-9", "default"), ("worker", "rhel-9", "default"),
         ("storage", "rhel-9", "default"), ("rt", "rhel-9", "realtime"),
         ("ten", "rhel-10", "default"), ("ten-rt", "rhel-10", "realtime"))
GROUP = "machineconfiguration.openshift.io"


def rows(program, scratch, layout, loaded, path):
    """Per row the seconds, the CPU's seconds and the peak memory in MiB: all kernels, each kernel
    on its own (the slowest is kept), and one Module on all kernels, which is the reading of the
    facts."""
    kernels = Kernels(layout, path)
    folder = {}
    for kernel, (root, base) in kernels.of.items():
        for name, content in module_files(root, base, path).items():
            folder[name.replace(base, kernel)] = content
    images = [layout.image(f"upgrade-{number}", {**folder, f"etc/release-{number}": b"x\n"})
              for number in range(MODULES)]
    layout.close()
    files = {}
    for name, some in (("all", images), ("few", images[:1])):
        files[name] = scratch / f"upgrade-{name}.yaml"
        files[name].write_text("\n---\n".join(
            module(f"driver-{number}", loaded, image) for number, image in enumerate(some)))
    with ApiServer(kernels) as server:
        config = scratch / "kubeconfig"
        config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server.url}}], "users": [],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}]}))

        def run(file, *words):
            command = [program, "run", "--local", "-f", files[file], "--kubeconfig", config,
                       "--oci-layout", layout.folder, "--cache-dir", scratch / "cache-upgrade",
                       "-j", str(JOBS), "-o", "json", "--progress", "none"]
            for word in words:
                command.append(word)
            return measured(command)

        releases = [word for image in kernels.releases for word in ("--release-image", image)]
        expected = MODULES * len(kernels.of)
        counts = json.loads(run("all", *releases).output)["counts"]
        if counts["verified"] != expected:
            raise SystemExit(f"{expected} rows should be verified: {counts}")
        singles = [
            [run("all", "--kernel-version", kernel, "--dtk-image", image, "--arch", "amd64")
             for _ in range(2)][1]
            for kernel, image in kernels.toolkits.items()]
        found = {"upgrade": [], "upgrade-facts": []}
        for _ in range(ROUNDS):
            found["upgrade"].append(run("all", *releases))
            found["upgrade-facts"].append(run("few", *releases))
    slowest = max(singles, key=lambda one: one.seconds)
    medians = {name: (statistics.median(one.seconds for one in runs),
                      statistics.median(one.cpu for one in runs),
                      max(one.peak for one in runs)) for name, runs in found.items()}
    return {**medians, "upgrade-one": (slowest.seconds, slowest.cpu, slowest.peak)}


class Kernels:
    """Twelve kernels under names of their own, over those of the environment, in the toolkits
    of three releases with two operating systems each."""

    def __init__(self, layout, path):
        # In the end all have symbol versions, so that the name in a module's version magic
        # does not count.
        bases = [(root, kernel) for root, kernel in kernels_with(path)]
        self.of, self.toolkits, self.releases = {}, {}, []
        for number, version in enumerate(RELEASES):
            tags = []
            for stream in ("rhel-9", "rhel-10"):
                pair = []
                for kind in ("", "-rt"):
                    root, base = bases[len(self.of) % len(bases)]
                    kernel = f"6.1.{number}-{stream[5:]}{kind}-amd64"
                    self.of[kernel] = (root, base)
                    pair.append(kernel)
                files = {"etc/driver-toolkit-release.json": json.dumps({
                    "KERNEL_VERSION": pair[0], "RT_KERNEL_VERSION": pair[1],
                    "RHEL_VERSION": stream[5:]}).encode()}
                for kernel in pair:
                    files.update(facts(*self.of[kernel], kernel))
                image = layout.image(f"toolkit-{version}-{stream}", files)
                self.toolkits.update({kernel: image for kernel in pair})
                suffix = "" if stream == "rhel-9" else "-10"
                tags.append({"name": f"driver-toolkit{suffix}",
                             "from": {"kind": "DockerImage", "name": image}})
            references = {"kind": "ImageStream", "metadata": {"name": version},
                          "spec": {"tags": tags}}
            self.releases.append(layout.image(f"release-{version}", {
                "release-manifests/image-references": json.dumps(references).encode()}))


def facts(root, base, kernel):
    """What tells modules whether they load on a kernel, without the in-tree modules."""
    files = {}
    for part in (f"lib/modules/{base}", f"usr/src/kernels/{base}"):
        for path in sorted((root / part).iterdir()):
            if path.is_file() and not path.is_symlink():
                files[f"{part.replace(base, kernel)}/{path.name}"] = path
    return files


class ApiServer:
    """Answers what is asked for about pools and nodes."""

    def __init__(self, kernels):
        answers = {"/api/v1/nodes": listed(node(name) for name, _, _ in POOLS),
                   f"/apis/{GROUP}/v1/machineconfigpools": listed(
                       pool(name, stream) for name, stream, _ in POOLS)}
        for name, _, kind in POOLS:
            answers[f"/apis/{GROUP}/v1/machineconfigs/rendered-{name}"] = {
                "metadata": {"name": f"rendered-{name}"}, "spec": {"kernelType": kind}}

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                """Answers with what is known of the path."""
                path = self.path.split("?")[0]
                missing = {"kind": "Status", "code": 404, "message": "not found"}
                body = json.dumps(answers.get(path, missing)).encode()
                self.send_response(200 if path in answers else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


def listed(items):
    """A list of objects."""
    return {"kind": "List", "apiVersion": "v1", "items": list(items)}


def role(name):
    """The labels of a role."""
    return {f"node-role.kubernetes.io/{name}": ""}


def node(name):
    """A node of a pool."""
    return {"metadata": {"name": f"{name}-0", "labels": role(name)},
            "status": {"nodeInfo": {"architecture": "amd64", "operatingSystem": "linux",
                                    "kernelVersion": "6.1.0-0-amd64"}}}


def pool(name, stream):
    """A pool with an operating system of its own."""
    rendered = {"configuration": {"name": f"rendered-{name}"}}
    return {"metadata": {"name": name}, "status": rendered,
            "spec": {**rendered, "nodeSelector": {"matchLabels": role(name)},
                     "osImageStream": {"name": stream}}}
