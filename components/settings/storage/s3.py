"""The registry keeps the images in a bucket of Amazon S3, or of what speaks its protocol."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from ..fields import (
    Bucket,
    BucketPrefix,
    Certificates,
    CertificatesFile,
    Region,
    SecretFile,
    SecretText,
    StorageEndpoint,
)
from ..section import either
from .storage import Storage


class S3(Storage):
    """A bucket of Amazon S3, or of a compatible server. The stack never creates, empties or deletes it.

    Rules:
        - An access key ID and its secret are required, each as text or as a file.
        - `authority` only with `endpoint`.
        - `cacheSize` has no effect with `keepVolume: true`.

    Example:
        private-registry:storage:
          type: s3
          bucket: our-images
          region: eu-central-1
          endpoint: https://s3.example.com
          prefix: team/registry
          accessKeyIdFile: keys/storage.id
          secretAccessKeyFile: keys/storage.key
          cacheSize: 50
    """

    type: Literal["s3"] = "s3"
    bucket: Bucket
    """Name of the bucket. It must exist.

    Change: loss, restart: images that are not copied before cannot be pulled.
    """
    region: Region
    """Region of the bucket. For your own S3 server, the region that it is configured with, often `us-east-1`.

    Change: loss, restart: as `bucket`.
    """
    endpoint: StorageEndpoint | None = None
    """`https://HOST[:PORT]` of an S3 server that is not Amazon's. With `http://` the images are sent unencrypted.

    Change: loss, restart: as `bucket`, if it is another server.
    """
    prefix: BucketPrefix = ""
    """Prefix of all object names, for example `team/registry`. Two registries must not share one.

    Change: loss, restart: as `bucket`.
    """
    access_key_id: SecretText | None = None
    """ID of the access key. Set it with `--secret`.

    Change: restart: the new key is tested before it is used.
    """
    access_key_id_file: SecretFile | None = None
    """The file that contains it."""
    secret_access_key: SecretText | None = None
    """Secret of the access key. Set it with `--secret`.

    Change: restart: the new key is tested before it is used.
    """
    secret_access_key_file: SecretFile | None = None
    """The file that contains it."""
    authority: Certificates | None = None
    """If the endpoint has a certificate of your own CA: that CA certificate, PEM.

    Change: restart.
    """
    authority_file: CertificatesFile | None = None
    """The file that contains it."""
    cache_size: Annotated[int, Field(ge=1, le=65536)] = 10
    """Size in GiB of nginx's layer cache on the server's disk.

    Change: reload: with a smaller size, layers that no client pulled for long are removed first.
    """
    keep_volume: bool = False
    """`true` while images move between volume and bucket: nginx keeps the volume mounted, and caches no layers.

    Change: interruption: nginx stops and starts again with another volume.
    """

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = {
            "accessKeyId": (self.access_key_id, self.access_key_id_file),
            "secretAccessKey": (self.secret_access_key, self.secret_access_key_file),
        }
        for key, values in given.items():
            if all(value is None for value in values):
                raise ValueError(f"type: s3 needs either {key} or {key}File")
        if self.trusted is not None and self.endpoint is None:
            raise ValueError("authority cannot be used without endpoint: the certificate of Amazon is trusted already")
        return self

    @property
    def place(self) -> str:
        """The bucket, with all that tells it from others."""
        name = f"{self.bucket}/{self.prefix}" if self.prefix else self.bucket
        return f"bucket {name} in {self.region}{f' at {self.endpoint}' if self.endpoint else ''}"

    @property
    def access_key(self) -> SecretStr:
        """The id of the access key, wherever it came from."""
        return either(self.access_key_id, self.access_key_id_file) or SecretStr("")

    @property
    def secret_key(self) -> SecretStr:
        """The secret of the access key, wherever it came from."""
        return either(self.secret_access_key, self.secret_access_key_file) or SecretStr("")

    @property
    def trusted(self) -> str | None:
        """The authority of the endpoint's certificate, PEM; None where the registry's image has it."""
        return either(self.authority, self.authority_file)
