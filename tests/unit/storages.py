"""A stack's section ``storage`` for each storage that there is, with all that it has to say."""

from collections.abc import Mapping
from typing import Any

from components.settings.storage import S3, Storage, Volume

KEY, SECRET = "marker-key-id", "marker-secret-key"
BUCKET = {
    "type": "s3",
    "bucket": "our-images",
    "region": "eu-central-1",
    "endpoint": "https://s3.example.com:9000",
    "prefix": "team/registry",
    "accessKeyId": KEY,
    "secretAccessKey": SECRET,
}

EXAMPLES: Mapping[type[Storage], Mapping[str, Any]] = {
    Volume: {"type": "volume"},
    S3: BUCKET,
}
"""The settings of a storage -> what a stack's file may say, with texts as secrets that stand nowhere else."""
