"""A real private ACME authority, step-ca: its certificates come from an intermediate, whose root nobody knows."""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from lab import servers
from tests.acme import Authority, running
from tests.unit.authority import Pair, issue

REFUSED = "refused.test"
"""A name for which it may give no certificates."""
_PORT = 14100


@dataclass
class StepCa(Authority):
    """As ``step ca init --acme`` makes one; unlike pebble it knows accounts again after a start."""

    _: KW_ONLY
    own: Path
    """The folder with its program."""
    intermediate: Pair = field(init=False)
    dns: ClassVar[int] = 8153
    records: ClassVar[int] = 8155

    def __post_init__(self) -> None:
        self.root = issue("Team Root CA", authority=True, path_length=1)
        self.intermediate = issue("Team Intermediate CA", self.root, authority=True, path_length=0)
        self.issuer = self.root.pem

    @property
    def directory(self) -> str:
        return f"https://{self.address}:{_PORT}/acme/acme/directory"

    def serve(self) -> None:
        files = {
            "root.crt": self.root.pem,
            "intermediate.crt": self.intermediate.pem,
            "intermediate.key": self.intermediate.key_pem(),
            "ca.json": json.dumps(self._config()),
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)
        port = ["--insecure", "--acme-http-port", str(self.http_port)] if self.http_port != 80 else []
        self.run(self.own / "step-ca", [*port, "--resolver", self.resolver, "ca.json"], STEPPATH=str(self.folder))

    def ready(self) -> None:
        context = ssl.create_default_context(cadata=self.root.pem)
        connection = http.client.HTTPSConnection(self.address, _PORT, timeout=10, context=context)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()

    def log(self) -> str:
        return (self.folder / "step-ca.log").read_text()

    def _config(self) -> Mapping[str, Any]:
        life = f"{self.seconds}s"
        provisioner = {
            "type": "ACME",
            "name": "acme",
            "claims": {"defaultTLSCertDuration": life, "minTLSCertDuration": life},
            "options": {"x509": {}},
        }
        return {
            "root": "root.crt",
            "crt": "intermediate.crt",
            "key": "intermediate.key",
            "address": f"{self.address}:{_PORT}",
            "dnsNames": [self.address],
            "logger": {"format": "text"},
            "db": {"type": "bbolt", "dataSource": "step-ca.db"},
            # It dates certificates back by a minute, which is longer than they live here.
            "authority": {
                "backdate": "0s",
                "provisioners": [provisioner],
                "policy": {"x509": {"allow": {"dns": ["*.test"], "ip": [self.address]}, "deny": {"dns": [REFUSED]}}},
            },
        }


@contextmanager
def step_ca(folder: Path, address: str, http_port: int = 80, seconds: int = 20) -> Iterator[Authority]:
    """Run it while the body runs."""
    made = StepCa(servers.PEBBLE.ensure(), folder, address, http_port, seconds, own=servers.STEP_CA.ensure())
    with running(made) as serving:
        yield serving
