"""Real servers that the tests alone need."""

from lab.go_programs import GoPrograms

PEBBLE = GoPrograms(
    "ACME CA",
    "pebble",
    "servers/acme",
    tuple(f"github.com/letsencrypt/pebble/v2/cmd/{program}" for program in ("pebble", "pebble-challtestsrv")),
    "some seconds",
)
"""An authority like a public one, and the name server that it asks."""

STEP_CA = GoPrograms(
    "private ACME CA",
    "step-ca",
    "servers/step-ca",
    ("github.com/smallstep/certificates/cmd/step-ca",),
    "about a minute on 2 cores",
)
"""One that a team runs for itself, whose root nobody knows by default."""

S3 = GoPrograms(
    "S3 server", "versitygw", "servers/s3", ("github.com/versity/versitygw/cmd/versitygw",), "about a minute on 2 cores"
)
"""An S3-compatible server, for the images and for a backend that a team shares."""

ALL = (S3, PEBBLE, STEP_CA)
