"""Proof that a client gets what the stack promises."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pulumi

from components.component import Component
from components.host_files import Host
from rendering.script import with_payload, words
from settings.model import VERIFICATION_USER

_SCRIPT = Path(__file__).parent / "verification.sh"
REPOSITORY = "private-registry/verification"
"""Where the probe image is pushed to: always the same one, so that nothing grows."""

_LOCAL_IMAGE = "private-registry-verification:probe"


class Verification(Component):
    """TLS with the distributed authority and not without it, 401 without a login, login, push, remove, pull.

    It runs again only when ``generation`` or the authority changes. A failure fails the update and names the step.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        reference: str,
        authority: str | None,
        password: pulumi.Input[str],
        generation: pulumi.Input[str],
        depends_on: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        script = pulumi.Output.secret(password).apply(
            lambda text: with_payload(_SCRIPT, {"password": f"{text}\n", "image": f"{_probe_image()}\n"})
        )
        known = words(registry=reference, repository=REPOSITORY, user=VERIFICATION_USER, authority=authority or "")
        command = host.run(
            name,
            script,
            pulumi.Output.concat(known, " generation=", generation),
            opts=self.child(depends_on=depends_on),
        )
        self.result = pulumi.Output.unsecret(command.stdout)
        self.register_outputs({})


def _probe_image() -> str:
    """Return an archive for ``docker load``, in base64: one layer with one small file, the same bytes every time."""
    layer = _tar({"verification": b"This image proves that a client can push to and pull from its registry.\n"})
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": [_LOCAL_IMAGE], "Layers": ["layer.tar"]}]
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
