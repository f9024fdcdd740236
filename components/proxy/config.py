"""The proxy's nginx.conf."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from ..registry.config import DATA, LOCAL_PORT, PORT, REPOSITORY_NAME
from ..registry_reference import as_host
from ..templates import render
from .login.htpasswd import MAX_BCRYPT_COST

HTTPS_PORTS = tuple(range(8443, 8451))
"""The ports inside the container, one for each address of the server: nginx may not bind a low one."""

HTTPS_PORT = HTTPS_PORTS[0]
"""The first of them."""

HEALTH_PORT = 8080
"""The port of what the container asks itself, on its loopback address."""

HEALTH_URL = f"http://127.0.0.1:{HEALTH_PORT}/healthz"
"""Answered through the registry."""

GENERATION_URL = f"http://127.0.0.1:{HEALTH_PORT}/generation"
"""Answered with the generation that nginx has loaded; the configuration has it in a line ``# Generation ...``."""

HTTPS_URL = f"https://127.0.0.1:{HTTPS_PORT}/healthz"
"""Answered with the certificate that nginx serves."""

_ACCESS = Path(__file__).parent / "login/access.js"

CACHE = "/tmp/layers"  # noqa: S108 - a volume in the container, and a folder where a release of files is tried
"""Where nginx keeps layers that the registry got from far."""

CACHE_FOLDER = "volume"
"""The folder in it that nothing but its volume has."""

_PIECE_MIB = 128
"""A cached layer comes in pieces of this size. A client that asks second waits for one; a part of a layer takes one.
Each costs a request some 70 KB of nginx's memory until that is over: 6 MB for a layer of 10 GiB."""

ROOT = "/etc/private-registry"
"""Where the container sees the bundles ``tls``, ``users`` and ``site``."""

TOKEN_KEY = "token.key"  # noqa: S105 - a name
"""The file of the bundle ``site`` with the key of tokens, where several servers have the same."""

DRAINED = "/tmp/drained"  # noqa: S108 - a folder of the container, which is empty when that starts
"""While this file is in the container, load balancers are told to send no client there."""


@dataclass(frozen=True)
class TlsProfile:
    """What nginx offers: names as OpenSSL writes them."""

    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]
    curves: tuple[str, ...]


@dataclass(frozen=True)
class CacheConfig:
    """The layers that nginx keeps of a storage that the registry alone reaches."""

    gib: int
    """How much of the disk they may take."""
    storage: str
    """Differs between storages, as what one of them has answered is no answer of another; hexadecimal."""


INTERMEDIATE = TlsProfile(
    protocols=("TLSv1.2", "TLSv1.3"),
    ciphers=(
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
    curves=("X25519", "prime256v1", "secp384r1"),
)
"""Mozilla's intermediate profile without its DHE suites, which only clients without ECDHE need
(https://wiki.mozilla.org/Security/Server_Side_TLS)."""


LOGIN_PORT = 8080
"""Where the login's nginx listens on its internal network."""

LOGIN_HEALTH_URL = f"http://127.0.0.1:{LOGIN_PORT}/healthz"
"""Answered by the login's nginx, inside its container."""

_COSTS = range(4, MAX_BCRYPT_COST + 1)
_SHARED_MIB, _WORKER_MIB, _MOST_WORKERS = 48, 24, 16
"""MiB that nginx's processes share when all its zones are full; MiB of a process and its like before a reload, with the
buffers of their connections; and how many processes are enough for any network."""

_GENERATION = "(generation)"
"""Stands for the generation until it is known."""

_REPOSITORY = f"/v2/(?<repository>{REPOSITORY_NAME})"
_BLOB = (
    f"/v2/(?<blob_repository>{REPOSITORY_NAME})"
    "/blobs/sha256:(?<blob_digest>(?<blob_folder>[0-9a-f]{2})[0-9a-f]{62})"
)
_TAG = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_DIGEST = "[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+"
_REFERENCE = f"(?:{_TAG}|{_DIGEST})"

_DIGITS = 64
"""Hexadecimal digits of a SHA-256 digest."""

_MANIFEST = f"/v2/{REPOSITORY_NAME}/manifests/{_REFERENCE}"

ROUTES = (
    ("(GET|HEAD) /v2/", "login"),
    ("(GET|HEAD) /v2/_catalog", "catalog"),
    (f"(GET|HEAD) {_REPOSITORY}/(manifests/{_REFERENCE}|blobs/{_DIGEST}|tags/list|referrers/{_DIGEST})", "pull"),
    (f"PUT {_REPOSITORY}/manifests/{_REFERENCE}", "push"),
    (f"POST {_REPOSITORY}/blobs/uploads/?", "push"),
    (f"(GET|HEAD|PATCH|PUT|DELETE) {_REPOSITORY}/blobs/uploads/[a-zA-Z0-9._=-]+", "push"),
    (f"DELETE {_REPOSITORY}/(manifests/{_REFERENCE}|blobs/{_DIGEST})", "delete"),
)
"""What may be asked, as ``METHOD PATH``, and the action that it is; with names and digests as in the specification
(https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md)."""


def workers(memory: int) -> int:
    """Return how many processes of nginx fit into the memory of its container, in MiB.

    As many again are there after a reload until those before it are done. nginx's own ``auto`` follows the processors
    of the server, each of which would cost memory that the container may not have.
    """
    return max(1, min(_MOST_WORKERS, (memory - _SHARED_MIB) // _WORKER_MIB))


def nginx_config(
    domain: str,
    reference: str,
    upstream: str,
    upstream_port: int,
    scripts: Mapping[str, str],
    workers: int = 2,
    layers_on_disk: bool = True,
    cache: CacheConfig | None = None,
    aliases: Iterable[str] = (),
    caches: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Render nginx.conf with its generation, a digest of it and of what is loaded with it.

    Args:
        domain: The name clients use, without a port.
        reference: The same with the port where it is not 443; what the registry is told that it is called, whatever
            a client says.
        upstream: The registry container's name on the internal network.
        upstream_port: The port on which the registry listens there.
        scripts: What ``login_scripts`` returned, which is loaded with it.
        workers: How many processes serve.
        layers_on_disk: Whether layers are files that nginx sends by itself.
        cache: Where it keeps layers that are not.
        aliases: More names that clients use.
        caches: Upstream registry -> the container with its pull-through cache.
    """
    text = nginx_text(domain, reference, upstream, upstream_port, workers, layers_on_disk, cache, aliases, caches)
    return text.replace(_GENERATION, hashlib.sha256("".join((text, *scripts.values())).encode()).hexdigest()[:12])


def nginx_text(
    domain: str,
    reference: str,
    upstream: str,
    upstream_port: int,
    workers: int = 2,
    layers_on_disk: bool = True,
    cache: CacheConfig | None = None,
    aliases: Iterable[str] = (),
    caches: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Render nginx.conf with a stand-in for its generation; the arguments are those of ``nginx_config``."""
    names = [as_host(name) for name in (domain, *aliases)]
    values = {
        "workers": workers,
        "root": ROOT,
        "health_port": HEALTH_PORT,
        "server_name": " ".join(names),
        "names": len(names) > 1,
        "routes": ROUTES,
        "blob": _BLOB,
        "manifest": _MANIFEST,
        "data": f"{DATA}/docker/registry/v2" if layers_on_disk else "",
        "cache": cache and {**asdict(cache), "path": CACHE, "folder": CACHE_FOLDER, "piece": _PIECE_MIB},
        "caches": _caches(caches),
        "reference": reference,
        "upstream": upstream,
        "upstream_port": upstream_port,
        "tls": INTERMEDIATE,
        "errors": {
            "bad_request": _error("UNKNOWN", "bad request"),
            "blob_unknown": _error("BLOB_UNKNOWN", "the repository has no such blob"),
            "not_allowed": _error("UNSUPPORTED", "no such request is answered here"),
            "not_found": _error("UNSUPPORTED", "only /v2/ is served here"),
            "unsupported": _error("UNSUPPORTED", "a request of this form is not answered here"),
            "unavailable": _error("UNAVAILABLE", "the registry does not answer, try again"),
        },
    }
    return render("proxy/nginx.conf.j2", generation=_GENERATION, **values)


def _caches(caches: Mapping[str, str]) -> dict[str, object] | None:
    """Return what the template says of pull-through caches; None where there are none."""
    if not caches:
        return None
    hosts = sorted((re.escape(name), host) for name, host in caches.items())
    return {
        "hosts": hosts,
        "names": "|".join(name for name, _ in hosts),
        "tag": _TAG,
        "nothing": "0" * _DIGITS,
        "port": PORT,
        "local_port": LOCAL_PORT,
    }


def login_scripts(
    reference: str,
    login: str,
    aliases: Mapping[str, str] = MappingProxyType({}),
    caches: Iterable[str] = (),
) -> dict[str, str]:
    """Return access.js, by which nginx decides who may do what, and values.js, what differs between stacks.

    Args:
        reference: HOST[:PORT], as clients call the registry.
        login: The name of the container that checks passwords.
        aliases: Another name that clients use -> what they call the registry by that.
        caches: The upstream registries of pull-through caches.
    """
    upstreams = sorted(caches)
    values = {
        "registry": reference,
        "users": f"{ROOT}/users/current/htpasswd",
        "login": f"http://{login}:{LOGIN_PORT}",
        "tokenKey": f"{ROOT}/site/current/{TOKEN_KEY}",
        "drained": DRAINED,
        "health": HEALTH_URL,
        "repository": REPOSITORY_NAME,
        "costs": list(_COSTS),
        **({"aliases": {as_host(alias): known_as for alias, known_as in aliases.items()}} if aliases else {}),
        **({"caches": upstreams} if upstreams else {}),
    }
    return {
        "access.js": _ACCESS.read_text(encoding="utf-8"),
        # What JSON leaves plain can't end a string of JavaScript.
        "values.js": f"export default {json.dumps(values, indent=4)};\n",
    }


def padding() -> str:
    """Render the hashes that belong to nobody: one of each cost, whose name is the cost."""
    return "".join(f"{cost}:$2b${cost:02}${'.' * 53}\n" for cost in _COSTS)


def login_config(workers: int = 2) -> str:
    """Render login.conf, the configuration of the nginx that checks passwords."""
    return render("proxy/login/login.conf.j2", root=ROOT, login_port=LOGIN_PORT, workers=workers)


def tls_listener(
    addresses: int = 1, ipv6: bool = False, renewed: str = "", domain: str = "", balancers: Sequence[str] = ()
) -> str:
    """Render what belongs to the certificate: without one, nginx does not listen for clients.

    Args:
        addresses: How many of the server's addresses lead here, each to a port of its own.
        ipv6: Whether clients get to the container by IPv6 too; a kernel without it would refuse to listen.
        renewed: The folder, beside the bundles, in which the certificate is renewed; empty where it is in the bundle.
        domain: By which it is called there.
        balancers: Addresses and networks of the load balancers that say a client's address by the PROXY protocol; nginx
            then refuses each connection without its header.
    """
    return render(
        "proxy/listen.conf.j2",
        root=ROOT,
        ports=HTTPS_PORTS[:addresses],
        ipv6=ipv6,
        renewed=renewed,
        server_name=as_host(domain),
        balancers=balancers,
    )


def _error(code: str, message: str) -> str:
    """Return an error as the distribution spec wants it.

    See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes.
    """
    return json.dumps({"errors": [{"code": code, "message": message, "detail": None}]})
