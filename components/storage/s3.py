"""The images lie in a bucket, which the registry alone reaches."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pulumi

from ..component import Component
from ..containers.container import stack_network
from ..hosts import File, Reader
from ..ordering import without_dependencies
from ..settings.storage import S3
from .attached import Attached, StorageArgs
from .data_volume import data_volume, mounted
from .layer_cache import LayerCache

AUTHORITY = "ca.crt"
"""The file with the authority of the endpoint's certificate, beside config.yml."""


@dataclass(frozen=True)
class ReadWithBucket(Reader):
    """The registry reads the bundle: with it, the declared image has to use the bucket before it is live."""

    program: ClassVar[str] = "registry"
    script: ClassVar[Path] = Path(__file__).parent / "s3.sh"

    image: pulumi.Input[str]
    network: pulumi.Input[str]
    """By which it gets to the bucket."""
    root: pulumi.Input[str]
    """What the keys of a trial's objects start with."""


class S3Storage(Component):
    """A bucket that somebody made. It says which one, and by a keyed digest whether the keys are others."""

    network: pulumi.Output[str]
    """The name of a network that leads out of the server."""

    def __init__(self, name: str, bucket: pulumi.Output[S3], args: StorageArgs, opts: pulumi.ResourceOptions) -> None:
        public = pulumi.Output.unsecret(bucket)
        keys = bucket.apply(lambda one: f"{one.access_key.get_secret_value()}\n{one.secret_key.get_secret_value()}")
        props = {
            "type": "s3",
            "bucket": public.apply(lambda one: one.bucket),
            "region": public.apply(lambda one: one.region),
            "endpoint": public.apply(lambda one: one.endpoint or ""),
            "prefix": public.apply(lambda one: one.prefix),
            "keys": without_dependencies(args.container.seed.fingerprint(keys)),
        }
        super().__init__(name, opts, props)
        # The internal network stays the only one to the proxy: to this one, nothing but the registry is connected.
        self.declared = stack_network(f"{name}-network", args.container, "storage", self.child())
        self.network = self.declared.name
        self.register_outputs({})


def bucket(settings: S3, args: StorageArgs) -> Attached:
    """Declare what a registry needs that keeps the images in a bucket."""
    known = settings.known()
    storage = S3Storage(f"{args.name}-storage", known, args, args.component.child(depends_on=[args.network]))
    authority = pulumi.Output.unsecret(known).apply(lambda one: one.trusted or "")
    # Of the two nginx has one, so that it starts again where the volume goes or comes, and not once more.
    kept = data_volume(args)[0] if settings.keep_volume else None
    return Attached(
        driver=pulumi.Output.secret(known.apply(driver)),
        reader=ReadWithBucket(
            args.image,
            storage.network,
            f"/{settings.prefix}/private-registry-trial" if settings.prefix else "/private-registry-trial",
        ),
        tried_after=[storage.declared],
        # What ends the registries does so before their network goes.
        started_after=[storage.declared],
        files={} if settings.trusted is None else {AUTHORITY: File(authority)},
        # Beside the authorities that the image has: Go reads every certificate in the folder.
        envs=["SSL_CERT_DIR=/etc/private-registry/current"],
        networks=[storage.network],
        data=mounted(kept, read_only=True) if kept else None,
        cache=None if settings.keep_volume else _cache(settings.cache_size, known, args),
    )


def _cache(gib: int, known: pulumi.Output[S3], args: StorageArgs) -> LayerCache:
    place = pulumi.Output.unsecret(known.apply(_place))
    opts = args.component.child(depends_on=[args.network])
    return LayerCache(f"{args.name}-cache", gib, place, args.container, args.image, opts)


def _place(bucket: S3) -> str:
    """Return what tells a bucket and its prefix from any other, hexadecimal."""
    where = json.dumps([bucket.endpoint, bucket.region, bucket.bucket, bucket.prefix])
    return hashlib.sha256(where.encode()).hexdigest()[:12]


def driver(bucket: S3) -> dict[str, Any]:
    """Return what config.yml says of a bucket (https://distribution.github.io/distribution/storage-drivers/s3/)."""
    endpoint = bucket.endpoint or ""
    parameters = {
        "accesskey": bucket.access_key.get_secret_value(),
        "secretkey": bucket.secret_key.get_secret_value(),
        "region": bucket.region,
        "bucket": bucket.bucket,
        "rootdirectory": f"/{bucket.prefix}",
    }
    # Servers of one's own seldom have a name for each bucket.
    own = {"regionendpoint": endpoint, "forcepathstyle": True, "secure": endpoint.startswith("https:")}
    # A client that is sent to the bucket would have to reach it, and the login would end there.
    return {"s3": parameters | (own if endpoint else {}), "redirect": {"disable": True}}
