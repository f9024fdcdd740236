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
    """A bucket of Amazon S3, or of what speaks its protocol. The stack never makes, empties or deletes it."""

    type: Literal["s3"] = "s3"
    bucket: Bucket
    """The bucket, which is there already."""
    region: Region
    """Its region; of a server of one's own what that is configured with, often `us-east-1`."""
    endpoint: StorageEndpoint | None = None
    """`https://HOST[:PORT]` of a server that is not Amazon's; layers are sent in clear to one with `http://`."""
    prefix: BucketPrefix = ""
    """What the keys of the objects start with, such as `team/registry`; two registries may not share one."""
    access_key_id: SecretText | None = None
    """The id of the access key; set it with --secret."""
    access_key_id_file: SecretFile | None = None
    """Or the file that holds it."""
    secret_access_key: SecretText | None = None
    """The secret of the access key; set it with --secret."""
    secret_access_key_file: SecretFile | None = None
    """Or the file that holds it."""
    authority: Certificates | None = None
    """Where the endpoint has a certificate of an authority of one's own: that authority, PEM."""
    authority_file: CertificatesFile | None = None
    """Or the file that holds it."""
    cache_size: Annotated[int, Field(ge=1, le=65536)] = 10
    """GiB of the server's disk for the layers that nginx keeps there, for whoever pulls them next."""
    keep_volume: bool = False
    """While images move from the volume or back: nginx leaves it mounted, need not start again, and keeps no layers."""

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
