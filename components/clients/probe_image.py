"""The image by which a client proves that it can push and pull."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping

REPOSITORY = "private-registry/verification"
"""Where the probe image is pushed to: always the same one, so that nothing grows."""
_LOCAL_IMAGE = "private-registry-verification"


def payload(reference: str) -> Callable[[str], Mapping[str, str]]:
    """Return what a proof's script carries, by the password of the stack's own user."""
    return lambda password: {"password": f"{password}\n", "image": f"{_probe_image(reference)}\n"}


def _probe_image(reference: str) -> str:
    """Return an archive for ``docker load``, in base64: one layer with one small file.

    The bytes are the same every time, and no other registry's: what one proof removes, another may need.
    """
    layer = _tar({"verification": f"This image proves that a client can push to and pull from {reference}.\n".encode()})
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    tag = hashlib.sha256(reference.encode()).hexdigest()[:12]
    manifest = [{"Config": "config.json", "RepoTags": [f"{_LOCAL_IMAGE}:{tag}"], "Layers": ["layer.tar"]}]
    archive = _tar({"config.json": config, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()})
    return base64.b64encode(gzip.compress(archive, mtime=0)).decode()


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
