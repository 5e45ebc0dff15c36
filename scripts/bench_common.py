"""What the benchmarks share: where things are, what images and Modules are made of, and how a
run is measured."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import typing

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = pathlib.Path(
    os.environ.get("KMM_TEST_ENV")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    / "kubectl-kmm-preflight/test-env"
)
MEDIA_TYPE = "application/vnd.oci.image."


def binary():
    """The program under test: the first argument, or the release build."""
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                        ROOT / "target/release/kubectl-kmm-preflight").resolve()
    if not path.exists():
        sys.exit(f"{path} is missing: cargo build --release")
    return path


def kernels_with(path):
    """The environment's kernels that have this file in their folder of modules, each with the
    root that holds it."""
    for root in sorted((ENVIRONMENT / "debian").glob("*/root")):
        kernel = root.parent.name
        if (root / "lib/modules" / kernel / path).exists():
            yield root, kernel


def module_files(root, kernel, path):
    """A module of that kernel as an image of KMM's holds it, with depmod's files."""
    with tempfile.TemporaryDirectory() as folder:
        modules = pathlib.Path(folder, "opt/lib/modules", kernel)
        (modules / "extra").mkdir(parents=True)
        shutil.copy(root / "lib/modules" / kernel / path, modules / "extra")
        programs = os.environ["PATH"] + ":/usr/sbin:/sbin"
        subprocess.run(["depmod", "-b", f"{folder}/opt", kernel], check=True,
                       stderr=subprocess.DEVNULL, env={**os.environ, "PATH": programs})
        return {str(file.relative_to(folder)): file.read_bytes()
                for file in sorted(pathlib.Path(folder).rglob("*")) if file.is_file()}


def image_config():
    """The configuration of an image that shows a shell, as KMM's init container needs one."""
    return json.dumps({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []},
        "history": [{"created_by": "RUN /bin/sh -c make # buildkit"}],
    }).encode()


def image_manifest(config, layers):
    """The manifest of an image; both arguments are of digests and sizes, the lowest layer first."""
    return json.dumps({
        "schemaVersion": 2, "mediaType": f"{MEDIA_TYPE}manifest.v1+json",
        "config": {"mediaType": f"{MEDIA_TYPE}config.v1+json", **config},
        "layers": [{"mediaType": f"{MEDIA_TYPE}layer.v1.tar+gzip", **layer} for layer in layers],
    }).encode()


def module(name, loaded, image):
    """A Module that loads a kernel module from an image, on every kernel, as JSON."""
    return json.dumps({
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
        "metadata": {"name": name, "namespace": "bench"},
        "spec": {"selector": {}, "moduleLoader": {"container": {
            "modprobe": {"moduleName": loaded, "dirName": "/opt"},
            "kernelMappings": [{"regexp": ".*", "containerImage": image}],
        }}}})


def layer(files, ends=True):
    """A gzip layer of files, given as their bytes or as a path to them; one that does not end
    goes on with the layer that is put behind it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for path, content in files.items():
            content = content if isinstance(content, bytes) else content.read_bytes()
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
        end = None if ends else tar.offset
    return gzip.compress(raw.getvalue()[:end], 1, mtime=0)


class Layout:
    """An OCI layout of images with one layer each."""

    def __init__(self, folder):
        self.folder, self.manifests = folder, []
        (folder / "blobs/sha256").mkdir(parents=True)

    def blob(self, content):
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    def image(self, name, files):
        manifest = image_manifest(self.blob(image_config()), [self.blob(layer(files))])
        reference = f"bench.example/{name}:1"
        self.manifests.append({
            "mediaType": f"{MEDIA_TYPE}manifest.v1+json", **self.blob(manifest),
            "annotations": {"org.opencontainers.image.ref.name": reference}})
        return reference

    def push(self, registry, images):
        """Puts images into a registry; their names there."""
        names = []
        for manifest in self.manifests:
            reference = manifest["annotations"]["org.opencontainers.image.ref.name"]
            if reference not in images:
                continue
            name = reference.removesuffix(":1").split("/", 1)[1]
            content = self.read(manifest)
            parsed = json.loads(content)
            for blob in [parsed["config"], *parsed["layers"]]:
                registry.put_blob(name, blob["digest"].removeprefix("sha256:"), self.read(blob))
            registry.put_manifest(name, content)
            names.append(f"{registry.host}/{name}:1")
        return names

    def read(self, descriptor):
        return (self.folder / "blobs/sha256" / descriptor["digest"][7:]).read_bytes()

    def close(self):
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (self.folder / "index.json").write_text(json.dumps(
            {"schemaVersion": 2, "manifests": self.manifests}))


class Measured(typing.NamedTuple):
    """A run that has ended: what it wrote, how long it took, the CPU's seconds, its peak memory
    in MiB, and its exit code."""

    output: bytes
    seconds: float
    cpu: float
    peak: float
    code: int


def measured(command, **options):
    """Runs a command to its end."""
    peak = 0

    def watch():
        # Its rusage would count this script's own memory, which it starts as a copy of.
        nonlocal peak
        while mark := high_water_mark(process.pid):
            peak = max(peak, mark)
            time.sleep(0.005)

    start, before = time.monotonic(), os.times()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, **options)
    watcher = threading.Thread(target=watch)
    watcher.start()
    output = process.stdout.read()
    watcher.join()
    code, after = process.wait(), os.times()
    seconds = time.monotonic() - start
    cpu = (after.children_user - before.children_user
           + after.children_system - before.children_system)
    return Measured(output, seconds, cpu, peak / 1024, code)


def high_water_mark(pid):
    """`VmHWM` of a process in KiB; 0 once it has ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    marks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(marks[0]) if marks else 0
