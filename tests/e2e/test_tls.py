"""What nginx serves, by source, kind of key and port: a client pulls, and sslyze judges it by Mozilla's profile.

The tests are one story and run in this order. They cost 6 updates and one host.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from components.certificates import SOURCES
from components.key_types import KeyType
from components.proxy.config import login_scripts, nginx_config
from components.registry_reference import registry_reference
from lab import images, servers
from lab.cache import built, digest_of
from lab.engine import go_build
from lab.places import PROJECT
from lab.run import run
from tests.acme import Authority, authority
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import Hosts
from tests.e2e.load import Connection
from tests.e2e.stack import Stack
from tests.unit.authority import Key, Pair, issue

REQUIREMENTS = Path(__file__).parent / "sslyze.txt"


@pytest.fixture(scope="module")
def sslyze() -> Path:
    """The folder of sslyze's packages."""

    def install(folder: Path) -> None:
        run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "--requirement", REQUIREMENTS])

    return built("sslyze", digest_of([REQUIREMENTS], sys.version), install)


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that shakes hands as Docker does."""
    program = tmp_path_factory.mktemp("go") / "clients"
    go_build(PROJECT / "tests/scripts/clients", ".", program)
    return program


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("tls"), "tls", settings(found_images, client_hosts, "one")) as stack:
        given = {name: found_images[name] for name in ("registry", "nginx")} | {"lego": images.lego()}
        stack.configure(deleteData=True, images=given, httpsPort=443)
        yield stack


@pytest.fixture(scope="module")
def known(client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    client_hosts.start("one")
    with authority(servers.PEBBLE.ensure(), tmp_path_factory.mktemp("pebble"), NETWORK.gateway) as known:
        yield known


def identified(
    name: str, issuer: Pair | None = None, key: Key | None = None, *names: str, is_authority: bool = False
) -> Pair:
    """Issue a certificate as authorities do that keep to RFC 5280: with the identifiers of its key and its issuer's."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    more: list[tuple[x509.ExtensionType, bool]] = [(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)]
    if issuer:
        signer: Any = issuer.certificate.public_key()
        more.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False))
    return issue(name, issuer, names, is_authority, key=key, ends=1000 if is_authority else 300, more=more)


ROOT = identified("root", is_authority=True)
BETWEEN = identified("intermediate", ROOT, is_authority=True)


def certificate(source: str, kind: str, trusted: str, known: Authority) -> dict[str, Any]:
    """Return the setting of a certificate; one that is brought along has a key of P-384."""
    made = {"source": source, "authority": trusted, "keyType": kind}
    if source == "signing-authority":
        return {**made, "chain": BETWEEN.pem, "key": BETWEEN.key_pem()}
    if source == "acme":
        return {**known.settings, **made, "profile": "default"}
    if source == "provided":
        server = identified("server", BETWEEN, ec.generate_private_key(ec.SECP384R1()), "registry.test")
        pair = {"chain": server.pem + BETWEEN.pem, "key": server.key_pem()}
        return {"source": source, "authority": trusted, **pair}
    return made


def kind_of(key: CertificatePublicKeyTypes) -> str:
    assert isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey))
    return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'P'}-{key.key_size}"


def judged(sslyze: Path, stack: Stack, authority: str) -> subprocess.CompletedProcess[str]:
    """Let sslyze judge what the stack's nginx offers."""
    file = stack.folder / "authority.pem"
    file.write_text(authority)
    target = f"registry.test:{stack.settings['httpsPort']}{{{stack.settings['bindAddress']}}}"
    return subprocess.run(
        [sys.executable, "-m", "sslyze", "--mozilla_config", "intermediate", "--certinfo_ca_file", file, target],
        env={"PYTHONPATH": str(sslyze)},
        capture_output=True,
        text=True,
        check=False,
    )


def key_served(go_client: Path, stack: Stack, authority: str) -> str:
    """Return the kind of the key with which nginx serves, after OpenSSL and Go have accepted its certificate."""
    address, port = stack.settings["bindAddress"], stack.settings["httpsPort"]
    connection = Connection("registry.test", address, authority, keep=False)
    connection.port = port
    connection.connect()
    served = x509.load_der_x509_certificate(connection.sock.getpeercert(binary_form=True) or b"")
    connection.close()
    asked = json.dumps({"Address": f"{address}:{port}", "Name": "registry.test", "Authority": authority})
    assert run([go_client], stdin=asked) == "", "Go has nothing against it"
    return kind_of(served.public_key())


def test_a_weaker_protocol_does_not_pass(sslyze: Path, stack: Stack) -> None:
    with stack.altered("weak_tls"):
        stack.up()
    done = judged(sslyze, stack, stack.outputs()["ca_certificate"])
    assert done.returncode == 1
    assert "should be rejected" in done.stdout


CASES = [
    ("self-signed", "P-256", 443),
    ("self-signed", "RSA-4096", 443),
    ("signing-authority", "RSA-2048", 8443),
    ("provided", "P-384", 8443),
    ("acme", "RSA-3072", 8443),
]
"""Each source, kind of key that the stack makes, and kind of port; that one changes once, as it takes long."""


def test_the_table_has_all_sources_and_kinds_of_keys() -> None:
    sources, kinds, ports = map(set, zip(*CASES, strict=True))
    assert sources == {one.model_fields["source"].default for one in SOURCES}
    assert kinds == set(get_args(KeyType))
    assert len(ports) == 2


@pytest.mark.parametrize(("source", "kind", "port"), CASES)
def test_clients_take_what_is_served_and_it_passes_the_intermediate_profile(
    sslyze: Path, go_client: Path, stack: Stack, known: Authority, source: str, kind: str, port: int
) -> None:
    trusted = ROOT.pem + known.issuer
    if source != "self-signed":
        # The stack's own authority too, on the way to another one.
        trusted = stack.outputs().get("ca_certificate", trusted)
    stack.configure(certificate=certificate(source, kind, trusted, known), httpsPort=port)
    done = stack.up()
    outputs = stack.outputs()
    assert [step.op for step in done if step.name.endswith("-verification")], "the client has tried it"
    [proof] = outputs["verification"].values()
    assert "pulled sha256:" in proof
    assert key_served(go_client, stack, outputs["ca_certificate"]) == kind
    verdict = judged(sslyze, stack, outputs["ca_certificate"])
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert "OK - Compliant" in verdict.stdout


@pytest.mark.parametrize("domain", ["registry.example.com", "10.0.0.2", "fd00::2"])
@pytest.mark.parametrize("port", [443, 8443])
def test_nginx_in_the_image_used_accepts_every_variant(
    found_images: dict[str, str], tmp_path: Path, domain: str, port: int
) -> None:
    pair = issue("server", issue("root", authority=True), [domain])
    scripts = login_scripts(registry_reference(domain, port), "login")
    files = {
        "tls/server.crt": pair.pem,
        "tls/server.key": pair.key_pem(),
        "users/htpasswd": "",
        "site/nginx.conf": nginx_config(domain, registry_reference(domain, port), "127.0.0.1", 5000, scripts),
        **{f"site/{file}": text for file, text in scripts.items()},
    }
    mounts = []
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    for bundle in ("tls", "users", "site"):
        mounts += ["--volume", f"{tmp_path / bundle}:/etc/private-registry/{bundle}/current:ro"]
    nginx = ["nginx", found_images["nginx"], "-t", "-q", "-c", "/etc/private-registry/site/current/nginx.conf"]
    scratch = ["--tmpfs", "/tmp"]  # noqa: S108 - the container's own
    run(["docker", "run", "--rm", "--network", "none", *scratch, *mounts, "--entrypoint", *nginx])
