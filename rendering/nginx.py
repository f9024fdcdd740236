"""The proxy's nginx.conf."""

import hashlib
import json
from dataclasses import dataclass

from rendering.registry import DATA, REPOSITORY_NAME
from rendering.templates import render

HTTPS_PORT = 8443
"""The port inside the container: nginx runs without the right to bind a low one."""

HEALTH_PORT = 8080
"""The port of what the container asks itself, on its loopback address."""

HEALTH_URL = f"http://127.0.0.1:{HEALTH_PORT}/healthz"
"""Answered through the registry."""

GENERATION_URL = f"http://127.0.0.1:{HEALTH_PORT}/generation"
"""Answered with the generation that nginx has loaded; the configuration has it in a line ``# Generation ...``."""

HTTPS_URL = f"https://127.0.0.1:{HTTPS_PORT}/healthz"
"""Answered with the certificate that nginx serves."""

ROOT = "/etc/private-registry"
"""Where the container sees the bundles ``tls``, ``users`` and ``site``."""


@dataclass(frozen=True)
class TlsProfile:
    """What nginx offers: names as OpenSSL writes them."""

    protocols: tuple[str, ...]
    ciphers: tuple[str, ...]
    curves: tuple[str, ...]


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

_REPOSITORY = f"/v2/(?<repository>{REPOSITORY_NAME})"
_BLOB = (
    f"(GET|HEAD) /v2/(?<blob_repository>{REPOSITORY_NAME})"
    "/blobs/sha256:(?<blob_digest>(?<blob_folder>[0-9a-f]{2})[0-9a-f]{62})"
)
_TAG = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_DIGEST = "[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+"
_REFERENCE = f"(?:{_TAG}|{_DIGEST})"

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


def nginx_config(domain: str, reference: str, upstream: str, upstream_port: int, script: str) -> str:
    """Render nginx.conf.

    Args:
        domain: The name clients use, without a port.
        reference: The same with the port where it is not 443; what the registry is told that it is called, whatever
            a client says.
        upstream: The registry container's name on the internal network.
        upstream_port: The port on which the registry listens there.
        script: What ``access_script`` rendered, which is loaded with it.
    """
    values = {
        "root": ROOT,
        "health_port": HEALTH_PORT,
        "server_name": f"[{domain}]" if ":" in domain else domain,
        "routes": ROUTES,
        "blob": _BLOB,
        "data": f"{DATA}/docker/registry/v2",
        "reference": reference,
        "upstream": upstream,
        "upstream_port": upstream_port,
        "tls": INTERMEDIATE,
        "errors": {
            "bad_request": _error("UNKNOWN", "bad request"),
            "blob_unknown": _error("BLOB_UNKNOWN", "the repository has no such blob"),
            "not_allowed": _error("UNSUPPORTED", "no such request is answered here"),
            "not_found": _error("UNSUPPORTED", "only /v2/ is served here"),
            "unavailable": _error("UNAVAILABLE", "the registry does not answer, try again"),
        },
    }
    text = render("nginx.conf.j2", generation="", **values)
    generation = hashlib.sha256((text + script).encode()).hexdigest()[:12]
    return render("nginx.conf.j2", generation=generation, **values)


def access_script(reference: str, login: str) -> str:
    """Render access.js, by which nginx decides who may do what.

    Args:
        reference: HOST[:PORT], as clients call the registry.
        login: The name of the container that checks passwords.
    """
    name = REPOSITORY_NAME.replace("/", "\\/")
    return render("access.js.j2", root=ROOT, reference=reference, login=login, login_port=LOGIN_PORT, name=name)


def login_config() -> str:
    """Render login.conf, the configuration of the nginx that checks passwords."""
    return render("login.conf.j2", root=ROOT, login_port=LOGIN_PORT)


def tls_listener() -> str:
    """Render what belongs to the certificate: without one, nginx does not listen for clients."""
    return render("listen.conf.j2", root=ROOT, https_port=HTTPS_PORT)


def _error(code: str, message: str) -> str:
    """Return an error as the distribution spec wants it.

    See https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes.
    """
    return json.dumps({"errors": [{"code": code, "message": message, "detail": None}]})
