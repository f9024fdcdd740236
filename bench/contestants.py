"""What is compared: containers of the bench's own, in front of one registry, with one certificate."""

import datetime
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.recipe import RECIPE, STATIC
from lab import images
from lab.run import run, succeeds
from rendering.htpasswd import Login, htpasswd
from rendering.nginx import HTTPS_PORT, access_script, login_config, nginx_config, tls_listener
from rendering.registry import DATA, PORT, registry_config

PREFIX = "private-registry-bench"
NAME = "registry.test"
USER, PASSWORD = "ci", "correct horse battery"
FILE_BYTES = 100_000_000
_USER_ID = "10001:10001"
_ASK = "            auth_request /access;\n"


@dataclass(frozen=True)
class Contestant:
    """Where one of them answers."""

    name: str
    url: str


@contextmanager
def running() -> Iterator[dict[str, Contestant]]:
    """Start all of them, and remove them in the end.

    Returns:
        Name -> contestant: ``ours``, ``ours, no login``, ``recipe`` (bcrypt at cost 10, as ours), ``recipe, cost 4``,
        ``registry alone`` (plain HTTP), ``static file``.
    """
    _remove()
    found = images.ensure()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        try:
            run(["docker", "network", "create", PREFIX])
            _registry(root, found["registry"])
            yield dict(_proxies(root, found["nginx"]))
        finally:
            _remove()


def _registry(root: Path, image: str) -> None:
    (root / "config.yml").write_text(registry_config("0" * 64, 1))
    run(["docker", "volume", "create", f"{PREFIX}-data"])
    data = ["--volume", f"{PREFIX}-data:{DATA}"]
    # Docker gives an empty volume to root at every start.
    own = f"mkdir {DATA}/docker && chown -R {_USER_ID} {DATA}"
    run(["docker", "run", "--rm", *data, "--entrypoint", "sh", image, "-c", own])
    options = ["--volume", f"{root}/config.yml:/config.yml:ro", "--env", "OTEL_TRACES_EXPORTER=none", *data]
    _start("registry", image, ["registry", "serve", "/config.yml"], options)


def _proxies(root: Path, image: str) -> Iterator[tuple[str, Contestant]]:
    script = access_script(NAME, f"{PREFIX}-login")
    ours = nginx_config(NAME, NAME, f"{PREFIX}-registry", PORT, script)
    texts = {
        "ours": ours,
        "ours, no login": ours.replace(_ASK, ""),
        "recipe": RECIPE,
        "recipe, cost 4": RECIPE.replace("htpasswd", "htpasswd-4"),
        "static file": STATIC,
    }
    tls = _certificate()
    for name, text in texts.items():
        folder = root / name.replace(", ", "-").replace(" ", "-")
        _bundle(folder, "tls", {**tls, "listen.conf": tls_listener()})
        users = {"htpasswd": _users(10), "htpasswd-4": _users(4)}
        _bundle(folder, "users", users)
        _bundle(folder, "site", {"nginx.conf": text, "access.js": script, "login.conf": login_config()})
        if name == "static file":
            _bundle(folder, "file", {})
            (folder / "file/releases/one/data").write_bytes(bytes(FILE_BYTES))
        _nginx(folder.name, image, folder, "nginx.conf")
        yield name, Contestant(name, f"https://{_address(folder.name)}:{HTTPS_PORT}")
    _nginx("login", image, root / "ours", "login.conf", "--cpu-shares", "64")
    yield "registry alone", Contestant("registry alone", f"http://{_address('registry')}:{PORT}")


def _bundle(folder: Path, name: str, files: dict[str, str]) -> None:
    release = folder / name / "releases/one"
    release.mkdir(parents=True)
    (folder / name / "current").symlink_to("releases/one")
    for file, text in files.items():
        (release / file).write_text(text)


def _users(cost: int) -> str:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost)).decode()
    return htpasswd({USER: Login([hashed], "admin", ["*"])})


def _nginx(name: str, image: str, folder: Path, config: str, *options: str) -> None:
    mounts = ["--volume", f"{folder}:/etc/private-registry:ro", "--volume", f"{PREFIX}-data:{DATA}:ro"]
    command = ["nginx", "-c", f"/etc/private-registry/site/current/{config}", "-g", "daemon off;"]
    _start(name, image, command, ["--memory", "256m", *mounts, *options])


def _start(name: str, image: str, command: list[str], options: list[str]) -> None:
    locked = ["--read-only", "--tmpfs", "/tmp", "--user", _USER_ID, "--network", PREFIX]  # noqa: S108
    program, *arguments = command
    start = ["docker", "run", "--detach", "--name", f"{PREFIX}-{name}", *locked, *options, "--entrypoint", program]
    run([*start, image, *arguments])


def _address(name: str) -> str:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return run(["docker", "inspect", "--format", form, f"{PREFIX}-{name}"]).strip()


def _remove() -> None:
    listed = run(["docker", "ps", "--all", "--quiet", "--filter", f"name=^{PREFIX}-"]).split()
    if listed:
        run(["docker", "rm", "--force", "--volumes", *listed])
    for kind, name in (("volume", f"{PREFIX}-data"), ("network", PREFIX)):
        if succeeds(["docker", kind, "inspect", name]):
            run(["docker", kind, "rm", name])


def _certificate() -> dict[str, str]:
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
