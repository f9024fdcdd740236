"""What is compared: containers of the bench's own, in front of one registry, with one certificate."""

import datetime
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import bcrypt
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.docker import PREFIX, make_network, remove
from bench.recipe import RECIPE, STATIC
from components.proxy.config import (
    CACHE,
    HTTPS_PORT,
    CacheConfig,
    login_config,
    login_scripts,
    nginx_config,
    padding,
    tls_listener,
)
from components.proxy.login.htpasswd import Login, htpasswd
from components.registry.config import DATA, PORT, registry_config
from lab import images, servers
from lab.docker import gateway
from lab.run import run
from tests.e2e.bucket import serving
from tests.scripts.served import own_cache

NAME = "registry.test"
USER, PASSWORD = "ci", "correct horse battery"
VICTIMS = 2000
"""Users whose passwords are guessed, ``user0`` and so on: nobody's limit of guesses is reached soon."""
FILE_BYTES, LAYER_BYTES = 100_000_000, 5_000_000
COLD, WARM = CACHES = ("ours, bucket cold", "ours, bucket warm")
USER_ID = "10001:10001"
_ASK = "            auth_request /access;\n"


@dataclass(frozen=True)
class Contestant:
    """Where one of them answers."""

    name: str
    url: str
    prepare: Callable[[], object] = lambda: None
    """Called before each pull from it."""


@contextmanager
def running() -> Iterator[dict[str, Contestant]]:
    """Start all of them, and remove them in the end.

    Returns:
        Name -> contestant: ``ours``, ``ours, no login``, ``recipe`` (bcrypt at cost 10, as ours), ``recipe, cost 4``,
        ``registry alone`` (plain HTTP), ``registry, own TLS``, ``static file``; with a bucket ``ours, bucket cold`` and
        ``ours, bucket warm``, of which one has an empty cache at each pull, and ``registry, bucket`` (plain HTTP).
    """
    remove()
    found = images.ensure()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        try:
            make_network(PREFIX)
            tls = certificate()
            _registry(root, found["registry"], tls)
            with _bucket(root, found["registry"]):
                yield dict(_proxies(root, found["nginx"], tls))
        finally:
            remove()


def _registry(root: Path, image: str, tls: dict[str, str]) -> None:
    run(["docker", "volume", "create", f"{PREFIX}-data"])
    data = ["--volume", f"{PREFIX}-data:{DATA}"]
    # Docker gives an empty volume to root at every start.
    own = f"mkdir {DATA}/docker && chown -R {USER_ID} {DATA}"
    run(["docker", "run", "--rm", *data, "--entrypoint", "sh", image, "-c", own])
    config = yaml.safe_load(registry_config("0" * 64, 1))
    serve(root, "registry", image, config, data)
    files = bundle(root / "own-tls", "tls", tls)
    config["http"]["tls"] = {"certificate": "/tls/current/server.crt", "key": "/tls/current/server.key"}
    serve(root, "registry-tls", image, config, [*data, "--volume", f"{files}:/tls:ro"])


@contextmanager
def _bucket(root: Path, image: str) -> Iterator[None]:
    """Serve a bucket on this machine, and a registry that has its images there."""
    (root / "s3").mkdir()
    with serving(servers.S3.ensure(), root / "s3", gateway(PREFIX)) as bucket:
        config = yaml.safe_load(registry_config("0" * 64, 1, bucket.driver))
        serve(root, "registry-bucket", image, config, [])
        for number in range(len(CACHES)):
            own_cache(f"{PREFIX}-cache-{number}", image, USER_ID)
        yield


def serve(root: Path, name: str, image: str, config: dict[str, Any], options: list[str]) -> None:
    """Start a registry with that configuration."""
    file = root / f"{name}.yml"
    file.write_text(yaml.safe_dump(config))
    mounted = ["--volume", f"{file}:/config.yml:ro", "--env", "OTEL_TRACES_EXPORTER=none"]
    _start(name, image, ["registry", "serve", "/config.yml"], [*mounted, *options])


def _proxies(root: Path, image: str, tls: dict[str, str]) -> Iterator[tuple[str, Contestant]]:
    scripts = login_scripts(NAME, f"{PREFIX}-login")
    ours = nginx_config(NAME, NAME, f"{PREFIX}-registry", PORT, scripts)
    cached = nginx_config(
        NAME, NAME, f"{PREFIX}-registry-bucket", PORT, scripts, layers_on_disk=False, cache=CacheConfig(10, "0")
    )
    texts = {
        "ours": ours,
        **dict.fromkeys(CACHES, cached),
        "ours, no login": ours.replace(_ASK, ""),
        "recipe": RECIPE,
        "recipe, cost 4": RECIPE.replace("htpasswd", "htpasswd-4"),
        "static file": STATIC,
    }
    for name, text in texts.items():
        folder = root / name.replace(", ", "-").replace(" ", "-")
        bundle(folder, "tls", {**tls, "listen.conf": tls_listener()})
        bundle(folder, "users", {"htpasswd": users(10), "htpasswd-4": users(4)})
        files = {"nginx.conf": text, **scripts, "login.conf": login_config(), "padding": padding()}
        bundle(folder, "site", files)
        if name == "static file":
            bundle(folder, "file", {})
            (folder / "file/releases/one/data").write_bytes(bytes(FILE_BYTES))
            (folder / "file/releases/one/layer").write_bytes(bytes(LAYER_BYTES))
        volume = f"{PREFIX}-cache-{CACHES.index(name)}:{CACHE}" if name in CACHES else f"{PREFIX}-data:{DATA}:ro"
        nginx(folder.name, image, folder, "nginx.conf", ["--volume", volume])
        url = f"https://{address(folder.name)}:{HTTPS_PORT}"
        if name == COLD:
            empty = ["docker", "exec", f"{PREFIX}-{folder.name}", "sh", "-c", f"rm -rf {CACHE}/?"]
            yield name, Contestant(name, url, partial(run, empty))
        else:
            yield name, Contestant(name, url)
    nginx("login", image, root / "ours", "login.conf", ["--cpu-shares", "64"])
    for name, scheme, container in (
        ("registry alone", "http", "registry"),
        ("registry, own TLS", "https", "registry-tls"),
        ("registry, bucket", "http", "registry-bucket"),
    ):
        yield name, Contestant(name, f"{scheme}://{address(container)}:{PORT}")


def bundle(folder: Path, name: str, files: dict[str, str]) -> Path:
    """Lay files out as an update does; return the folder to mount."""
    release = folder / name / "releases/one"
    release.mkdir(parents=True)
    (folder / name / "current").symlink_to("releases/one")
    for file, text in files.items():
        (release / file).write_text(text)
    return folder / name


def users(cost: int) -> str:
    """Render a user with a hash of that cost among others at cost 10."""
    own, others = (bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(rounds)).decode() for rounds in (cost, 10))
    hashes = {USER: own, **{f"user{number}": others for number in range(VICTIMS)}}
    return htpasswd({name: Login([hashed], "admin", ["*"]) for name, hashed in hashes.items()})


def nginx(name: str, image: str, folder: Path, config: str, options: Sequence[str]) -> None:
    """Start an nginx with the bundles of a folder."""
    mounts = ["--volume", f"{folder}:/etc/private-registry:ro"]
    command = ["nginx", "-c", f"/etc/private-registry/site/current/{config}", "-g", "daemon off;"]
    _start(name, image, command, [*mounts, *options])


def _start(name: str, image: str, command: list[str], options: list[str]) -> None:
    locked = ["--read-only", "--tmpfs", "/tmp", "--user", USER_ID, "--network", PREFIX]  # noqa: S108
    program, *arguments = command
    start = ["docker", "run", "--detach", "--name", f"{PREFIX}-{name}", *locked, *options, "--entrypoint", program]
    run([*start, image, *arguments])


def address(name: str) -> str:
    """Return where a container of the bench answers."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return run(["docker", "inspect", "--format", form, f"{PREFIX}-{name}"]).strip()


def certificate() -> dict[str, str]:
    """Draw a key and sign a certificate with it; return ``server.crt`` and ``server.key``, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return {
        "server.crt": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "server.key": key.private_bytes(*form).decode(),
    }
