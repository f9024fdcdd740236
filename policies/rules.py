"""The rules, as functions over what is declared. Nothing here knows how it was found: the engine's pack and mocks do.

A rule says what is wrong and how to fix it. It quotes names of resources, files, settings and images, and never
content: that may be secret. What is not known yet, as in a preview before the first update, is not judged.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.containers.orphans import OWNER
from policies import commands, nginx

UNKNOWN = object()
"""Stands for a value that a preview can't know."""

CONTAINER, IMAGE, NETWORK, VOLUME = (
    "docker:index/container:Container",
    "docker:index/remoteImage:RemoteImage",
    "docker:index/network:Network",
    "docker:index/volume:Volume",
)
DOCKER = "pulumi:providers:docker"
REMOTE = "command:remote:Command"

HTTPS_PORTS, HTTP_PORTS = range(8443, 8451), range(8180, 8188)
"""Where nginx listens in its container, for each address of the server, and what answers an authority on port 80: the
only ports that are published."""

COMPONENT = "private-registry:index:"
"""What the types of this project's components start with."""
REGISTRY = f"{COMPONENT}PrivateRegistry"
PROXY = f"{COMPONENT}Proxy"
STORING = f"{COMPONENT}Registry"
"""The component below which the images are."""
FLOATING = f"{COMPONENT}FloatingAddress"
ACME, CHALLENGE = f"{COMPONENT}AcmeCertificate", f"{COMPONENT}Challenge"
CACHE = f"{COMPONENT}PullThroughCache"
SERVER_SIDE = frozenset({STORING, PROXY, ACME, CACHE, FLOATING})
"""The components below which commands run on the server, however deep. All others count as run on a client."""
TRUST, VERIFICATION = f"{COMPONENT}ClientsTrust", f"{COMPONENT}ClientsVerification"
"""All that is done on clients, by the package's own provider: what goes there is in their inputs."""
PROOF = f"{COMPONENT}ServerProof"
"""What a client proves of one of several servers, by a user of the stack's own."""
MADE_AGAIN = (CONTAINER, IMAGE, NETWORK, *commands.TYPES)
"""The types of what an update makes again as it was. All else below the registry may hold images."""

VERIFICATION_USER = "verification"


@dataclass(frozen=True)
class Resource:
    """What is declared of one resource."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    """In the clear; ``UNKNOWN`` where it is not known yet."""
    above: Sequence[str] = ()
    """The types of what it is below, the nearest last: names are free, and anybody's."""
    protect: bool = False
    registry: str = ""
    """The name of the registry that it is a part of, where that is known: a program may declare several."""
    server: str = ""
    """The name of the server that it is on, where that is known: a registry may have several."""

    @property
    def parent(self) -> str:
        """The type of the component that declares it."""
        return self.above[-1] if self.above else ""

    @property
    def is_on_server(self) -> bool:
        """Whether it is a command that counts as the server's."""
        return self.type in commands.TYPES and not SERVER_SIDE.isdisjoint(self.above)


@dataclass(frozen=True)
class Stack:
    """What the rules have to know of the whole."""

    name: str
    protected: Sequence[str] = ("prod",)
    """Names of the stacks whose data must be protected."""
    anonymous_pull: Sequence[str] | None = ()
    """The setting ``anonymousPull``; None where it can't be read."""


@dataclass(frozen=True)
class Violation:
    """What is wrong with a resource."""

    what: str
    fix: str


@dataclass(frozen=True)
class Rule:
    """What has to be so, and what finds where it is not."""

    name: str
    description: str
    check: Callable[[Resource, Stack], Iterator[Violation]]
    configured: bool = False
    """Whether it depends on ``Stack.protected``, which the pack's configuration may change."""

    def judge(self, resource: Resource, stack: Stack) -> list[str]:
        """Return a message for each violation, which names the resource and the fix."""
        try:
            violations = list(self.check(resource, stack))
        except nginx.UnreadableError as error:
            violations = [Violation(str(error), "Close each quote and each block in components/proxy")]
        return [f"{resource.name}: {found.what}. {found.fix}." for found in violations]


@dataclass(frozen=True)
class WholeRule:
    """What shows when all resources are seen together."""

    name: str
    description: str
    check: Callable[[Sequence[Resource]], Iterator[tuple[Resource, Violation]]]

    def judge(self, resources: Sequence[Resource]) -> list[tuple[Resource, str]]:
        """Return each resource that is wrong, and a message that names it and the fix."""
        return [(one, f"{one.name}: {found.what}. {found.fix}.") for one, found in self.check(resources)]


_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
# What tools write beside certificates: blank lines, comments, and `subject=` or `issuer=`.
_BESIDE = re.compile(r"\s*(?:#.*|(?:subject|issuer)=.*)?")
_SECRET = re.compile(r"PRIVATE KEY-----|\$2[aby]\$[0-9]{2}\$")
"""A private key, or a password's hash."""
_MADE_PASSWORD = re.compile(r"[0-9a-f]{64}")


_INPUTS = {
    TRUST: frozenset(
        {
            *("registry", "hosts", "logins", "runtimes", "authorities", "trusted", "share", "atOnce"),
            *("passwords", "passwordDigests", "caches"),
        }
    ),
    VERIFICATION: frozenset({"registry", "hosts", "verify", "user", "password", "generation"}),
    PROOF: frozenset({"registry", "server", "address", "port", "user", "password", "generation", "proven"}),
}
"""What the resources of the clients are known to say: what else they say may be a secret."""
_REACH = frozenset({"user", "port", "hostKey", "login", "bastion", "local"})
_OF_A_CLIENT = _REACH | {"runtimes", "hostsEntry", "required", "loginAs", "caches"}
_OF_A_BASTION = _REACH | {"host"}
_SECRET_INPUTS = ("logins", "password", "passwords")
"""Those of their inputs that may hold secrets. No login is sent to a client, the password is one of a kind, and of the
passwords a client gets the one that its login names."""
_KEYED_DIGEST = re.compile(r"[0-9a-f]{12}")


def _clients_get_no_secret(resource: Resource, _: Stack) -> Iterator[Violation]:
    if resource.type in commands.TYPES and not resource.is_on_server:
        yield Violation(
            "this command runs on a client, where nothing runs but the trust and the verification",
            "Declare it below the registry or the proxy, or allow it in policies/rules.py",
        )
    if resource.type not in _INPUTS:
        return
    for name in sorted(_unheard(resource)):
        yield Violation(f"the input {name} may be sent to a client", "Send only certificates and a hosts entry")
    yield from _unlike_its_name(resource.inputs)
    yield from _unasked(resource)
    shown = [value for key, value in resource.inputs.items() if key not in _SECRET_INPUTS]
    if any(_SECRET.search(text) for text in commands.texts(shown)):
        yield Violation(
            "a private key or a password hash is sent to a client", "Remove it: clients need only certificates"
        )


def _unasked(resource: Resource) -> Iterator[Violation]:
    """Find passwords that no client is to have, and such that are not kept as secrets are."""
    users = {client.get("loginAs") for client in _clients(resource).values()}
    if UNKNOWN not in users:
        for user in sorted(_known_mapping(resource.inputs.get("passwords")).keys() - users):
            yield Violation(
                f"the password of {user} may be sent to a client", "Set login of a client, or do not send it"
            )
    digests = _known_mapping(resource.inputs.get("passwordDigests"))
    if any(digest is not UNKNOWN and not _KEYED_DIGEST.fullmatch(_text(digest)) for digest in digests.values()):
        yield Violation(
            "passwordDigests contains something else than keyed digests", "Keep only Seed.fingerprint in it"
        )
    if any(_SECRET.search(_text(one)) for one in _known_mapping(resource.inputs.get("passwords")).values()):
        yield Violation("a private key or a password hash is sent to a client", "Send only the password of its login")


def _unheard(resource: Resource) -> set[str]:
    """Return the inputs that are not known, also those of a client."""
    names = set(resource.inputs) - _INPUTS[resource.type]
    for client in _clients(resource).values():
        names |= {f"hosts.{name}" for name in client.keys() - _OF_A_CLIENT}
        names |= {f"hosts.bastion.{name}" for name in _known_mapping(client.get("bastion")).keys() - _OF_A_BASTION}
    return names


def _clients(resource: Resource) -> Mapping[str, Mapping[str, Any]]:
    """Return client -> how it is reached, and what else is known of it."""
    return {host: _known_mapping(client) for host, client in _known_mapping(resource.inputs.get("hosts")).items()}


def _unlike_its_name(inputs: Mapping[str, Any]) -> Iterator[Violation]:
    """Find inputs that hold something else than they are there for."""
    rest = _CERTIFICATE.sub("", _text(inputs.get("authorities")))
    if not all(_BESIDE.fullmatch(line) for line in rest.splitlines()):
        yield Violation(
            "what clients are to trust contains something else than certificates", "Keep only the CA certificates in it"
        )
    # A password that somebody chose looks otherwise; this one is good for the verification's repository alone.
    user, password = inputs.get("user", UNKNOWN), inputs.get("password", UNKNOWN)
    if user not in (VERIFICATION_USER, UNKNOWN) or not (
        password is UNKNOWN or _MADE_PASSWORD.fullmatch(_text(password))
    ):
        yield Violation(
            "a user's password is sent to a client",
            f"Verify as the user {VERIFICATION_USER}, which has a generated password",
        )


def _registry_asks_who(resource: Resource, stack: Stack) -> Iterator[Violation]:
    if resource.type not in commands.TYPES:
        return
    files = commands.files(resource.inputs)
    for location in _open_locations(nginx.parsed("nginx.conf", files.get("nginx.conf", ""))):
        yield Violation(
            f"nginx.conf serves {location} without access control",
            "Add 'auth_request /access;' there. For repositories that need no login, use anonymousPull",
        )
    undeclared = _anonymous(files.get("htpasswd", "")) - set(stack.anonymous_pull or ())
    if undeclared and stack.anonymous_pull is not None:
        yield Violation(
            f"{', '.join(sorted(undeclared))} can be pulled without a login",
            "Add it to private-registry:anonymousPull, or remove it from the users file",
        )


def _open_locations(conf: Sequence[nginx.Directive]) -> Iterator[str]:
    """Find what is served without a question to ``access.js``."""
    for server in nginx.walk(conf, "server"):
        if not server.block or _is_internal(server):
            continue
        if not _asks(server):
            yield "everything"
        for location in nginx.walk(server.block, "location"):
            serves = any(location.values(name) for name in ("proxy_pass", "alias", "root"))
            asked = location.values("auth_request") == [("/access",)] or _only_asks_for_health(location)
            if (serves and not asked) or location.values("satisfy"):
                yield " ".join(location.words[1:])


def _only_asks_for_health(location: nginx.Directive) -> bool:
    """Tell whether nginx alone gets there, and nothing of a request gets on: the registry says nothing at its root."""
    passed = [location.values(name) for name in ("internal", "proxy_pass", "proxy_pass_request_headers")]
    return location.words[1:] == ("=", "/registry") and passed == [[()], [("http://registry/",)], [("off",)]]


def _asks(server: nginx.Directive) -> bool:
    """Tell whether the location that is asked decides by ``access.js``."""
    asked = [found for found in server.block if found.words == ("location", "=", "/access")]
    return [found.values("js_content") for found in asked] == [[("access.authorize",)]]


def _is_internal(server: nginx.Directive) -> bool:
    """Tell whether only the container itself gets there."""
    listens = server.values("listen")
    return bool(listens) and not server.values("include") and all(_is_own(words[0]) for words in listens)


def _is_own(address: str) -> bool:
    return address.startswith(("127.0.0.1:", "[::1]:", "unix:"))


def _anonymous(users: str) -> set[str]:
    """Return the repositories that the users file lets everybody pull."""
    return {
        repository
        for line in users.splitlines()
        if line.startswith("~anonymous:")
        for repository in line.rpartition(":")[2].split()[1:]
    }


_OF_KEEPALIVED = frozenset(f"CAP_{name}" for name in ("NET_ADMIN", "NET_RAW", "SETGID", "SETPCAP", "SETUID"))
"""It alone is on the network of the server, to move an address. The last three are given up with root."""
_PUBLISHED = {PROXY: HTTPS_PORTS, CHALLENGE: HTTP_PORTS}


def _only_nginx_is_published(resource: Resource, _: Stack) -> Iterator[Violation]:
    if resource.type != CONTAINER:
        return
    fix = f"Publish only {HTTPS_PORTS[0]} to {HTTPS_PORTS[-1]} of the proxy, and use the internal networks for all else"
    allowed = _PUBLISHED.get(resource.parent)
    for port in _known_list(resource.inputs.get("ports")):
        internal = port.get("internal") if isinstance(port, Mapping) else UNKNOWN
        if allowed is None:
            yield Violation(f"publishes the port {_shown(internal)}, and is not the proxy", fix)
        elif internal is not UNKNOWN and internal not in allowed:
            yield Violation(f"publishes the port {_shown(internal)}", fix)
    if resource.inputs.get("publishAllPorts") is True:
        yield Violation("publishes all its ports", fix)
    if resource.inputs.get("networkMode") == "host" and resource.parent != FLOATING:
        yield Violation("listens on the server's own network", fix)


def _images(resource: Resource) -> Iterator[str]:
    if resource.type == IMAGE:
        named = [resource.inputs.get("name")]
    elif resource.type == CONTAINER:
        named = [resource.inputs.get("image")]
    elif resource.type in commands.TYPES:
        named = [value for key, value in commands.words(resource.inputs) if key == "image"]
    else:
        named = []
    return (name for name in named if isinstance(name, str))


_DIGEST = re.compile(r"(?:.+@)?sha256:[0-9a-f]{64}")


def _images_are_pinned(resource: Resource, _: Stack) -> Iterator[Violation]:
    for image in _images(resource):
        if not _DIGEST.fullmatch(image):
            yield Violation(
                f"the image {image} has no digest", "Set it to IMAGE:TAG@sha256:DIGEST in private-registry:images"
            )


def _no_image_is_latest(resource: Resource, _: Stack) -> Iterator[Violation]:
    for image in _images(resource):
        name, _at, digest = image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if tag == "latest" or not (tag or digest):
            yield Violation(f"the image {image} has no fixed version", "Set a version and a digest")


_PROTOCOLS = {"TLSv1.2", "TLSv1.3"}


def _tls_is_modern(resource: Resource, _: Stack) -> Iterator[Violation]:
    if resource.type not in commands.TYPES:
        return
    fix = f"Render 'ssl_protocols {' '.join(sorted(_PROTOCOLS))};'"
    for file, text in commands.files(resource.inputs).items():
        if file not in ("nginx.conf", "listen.conf"):
            continue
        conf = nginx.parsed(file, text)
        offered = [words for found in nginx.walk(conf, "ssl_protocols") for words in found.words[1:]]
        for protocol in sorted(set(offered) - _PROTOCOLS):
            yield Violation(f"{file} offers {protocol}", fix)
        if file == "nginx.conf" and not offered:
            yield Violation(f"{file} does not set the TLS versions", fix)
        for listen in nginx.walk(conf, "listen"):
            if "ssl" not in listen.words and not _is_own(listen.words[1]):
                yield Violation(f"{file} listens on {listen.words[1]} without TLS", "Add 'ssl' after the port")


def _data_is_protected(resource: Resource, stack: Stack) -> Iterator[Violation]:
    if stack.name in stack.protected and _may_hold_images(resource) and not resource.protect:
        what = "the volume with the images" if resource.type == VOLUME else "a resource that may hold the images"
        yield Violation(
            f"{what} is not protected in the stack {stack.name}",
            "Set private-registry:protect to true and run an update",
        )


def _may_hold_images(resource: Resource) -> bool:
    if resource.type == VOLUME:
        # That of an account holds none, and has to let the certificate come from another source.
        if ACME in resource.above:
            return False
        # One with the owner's label goes with its state: what it holds are copies.
        labels = resource.inputs.get("labels")
        return labels is not UNKNOWN and all(_part(label, "label") != OWNER for label in _known_list(labels))
    is_declared = STORING in resource.above and not resource.type.startswith(COMPONENT)
    return is_declared and resource.type not in MADE_AGAIN


def _host_keys_are_pinned(resource: Resource, _: Stack) -> Iterator[Violation]:
    if resource.type == REMOTE:
        yield from _unpinned(resource.inputs.get("connection"), "the host", "")
    if resource.type == TRUST:
        for host, client in _clients(resource).items():
            if client and not client.get("local"):
                yield from _unpinned({**client, "host": host, "proxy": client.get("bastion")}, "the host", "")
    if resource.type == DOCKER and _text(resource.inputs.get("host")).startswith("ssh://"):
        yield from _unpinned_options(resource.inputs.get("sshOpts"))


def _unpinned(connection: Any, what: str, path: str) -> Iterator[Violation]:
    if not isinstance(connection, Mapping):
        return
    if not connection.get("hostKey"):
        yield Violation(
            f"{what} {_shown(connection.get('host'))} can present any key",
            f"Set its {path}hostKey to what 'cat /etc/ssh/ssh_host_ed25519_key.pub' prints on the host",
        )
    yield from _unpinned(connection.get("proxy"), "the bastion", "bastion.")


def _unpinned_options(options: Any) -> Iterator[Violation]:
    if options is UNKNOWN:
        return
    given = json.loads(options) if isinstance(options, str) else options or []
    through = [option for option in given if option.startswith("ProxyCommand=")]
    direct = " ".join(option for option in given if option not in through)
    for what, text in (("the server", direct), *(("the bastion", option) for option in through)):
        if "StrictHostKeyChecking=yes" not in text or "KnownHostsCommand=" not in text:
            yield Violation(f"{what} can present any key to Docker", "Set hostKey in dockerHostAccess and its bastion")


_PRIVATE_NAMES = re.compile(r".*\.key|htpasswd|config\.yml|secrets|login\.json")
"""Files with a private key, hashes of passwords, the registry's secret, those of a DNS provider, a cache's login."""


def _key_files_are_private(resource: Resource, _: Stack) -> Iterator[Violation]:
    if resource.type not in commands.TYPES:
        return
    files = commands.files(resource.inputs)
    secret = {name for name, text in files.items() if _SECRET.search(text)}
    placed = {tuple(value.split(":")[:2]) for key, value in commands.words(resource.inputs) if key == "file"}
    for name, *mode in sorted(placed):
        if (name in secret or _PRIVATE_NAMES.fullmatch(name)) and mode != ["0600"]:
            yield Violation(f"{name} is placed with the mode {''.join(mode)}", 'Declare it as File(..., mode="0600")')


def _containers_are_locked_down(resource: Resource, _: Stack) -> Iterator[Violation]:
    if resource.type != CONTAINER:
        return
    inputs = resource.inputs
    capabilities = inputs.get("capabilities")
    drops, adds = (_part(capabilities, name) for name in ("drops", "adds"))
    is_floating = resource.parent == FLOATING
    allowed = _OF_KEEPALIVED if is_floating else frozenset[str]()
    if drops not in (["ALL"], UNKNOWN) or not (adds is UNKNOWN or set(adds or ()) <= allowed):
        yield Violation("keeps capabilities", 'Drop them: capabilities drops ["ALL"], without adds')
    if (
        inputs.get("user") is not UNKNOWN
        and not (is_floating and _drops_root(inputs))
        and _text(inputs.get("user")).partition(":")[0] in ("", "0", "root")
    ):
        yield Violation("runs as root", "Set its user to the UID:GID of the settings")
    if inputs.get("readOnly") not in (True, UNKNOWN):
        yield Violation("can write to its root file system", "Set read_only=True; /tmp is a tmpfs")
    options = inputs.get("securityOpts") or []
    if not any(option in (UNKNOWN, "no-new-privileges:true") for option in (options, *_known_list(options))):
        yield Violation("can gain privileges", 'Add "no-new-privileges:true" to security_opts')
    if inputs.get("privileged") is True:
        yield Violation("is privileged", "Remove privileged")


def _drops_root(inputs: Mapping[str, Any]) -> bool:
    """Tell whether a container that Docker starts as root becomes another user before all else."""
    words = inputs.get("command")
    return inputs.get("entrypoints") == ["setpriv"] and any(
        re.fullmatch(r"--reuid=[1-9]\d*", word) for word in _known_list(words) if isinstance(word, str)
    )


def _no_registry_is_insecure(resource: Resource, _: Stack) -> Iterator[Violation]:
    for key, value in resource.inputs.items():
        if any("insecure-registr" in text.lower() for text in commands.texts(value)):
            yield Violation(
                f"{key} contains insecure-registries, which turns off TLS in Docker",
                "Remove it: clients need only ca.crt in certs.d",
            )


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else value


def _known_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _known_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _shown(value: Any) -> str:
    """Return a name or a number for a message; the engine's numbers are floating."""
    if value is UNKNOWN:
        return "(not known yet)"
    return str(int(value)) if isinstance(value, float) else str(value)


def _server_is_one_host(resources: Sequence[Resource]) -> Iterator[tuple[Resource, Violation]]:
    """Find commands that count as the server's, and so may carry secrets, but run somewhere else."""
    servers = [(one, _host(one)) for one in resources if one.is_on_server]
    known = [(one, host) for one, host in servers if host is not UNKNOWN]
    usual = {
        place: Counter(host for one, host in known if _place(one) == place).most_common(1)[0][0]
        for place in {_place(one) for one, _ in known}
    }
    # What is outside of every registry has to be where one of them is.
    anywhere = {host for (registry, _), host in usual.items() if registry} or set(usual.values())
    for one, host in known:
        allowed = {usual[_place(one)]} if one.registry else anywhere
        if host not in allowed:
            server = f"the server {one.server}" if one.server else "the server"
            what = f"a command of {server} runs on {host}, but most others run on {' or '.join(sorted(allowed))}"
            yield one, Violation(what, "Set its host to the server")


def _place(resource: Resource) -> tuple[str, str]:
    """Return the registry and its server, of several: each has its own commands."""
    return resource.registry, resource.server


def _proofs_are_of_servers(resources: Sequence[Resource]) -> Iterator[tuple[Resource, Violation]]:
    """Find proofs that ask something else than the server that the next one waits for."""
    told = {
        (one.registry, said.get("name"), said.get("address"))
        for one in resources
        if one.type == STORING and (said := _known_mapping(one.inputs.get("server")))
    }
    for one in resources:
        server, address = (one.inputs.get(name, UNKNOWN) for name in ("server", "address"))
        if one.type == PROOF and UNKNOWN not in (server, address) and (one.registry, server, address) not in told:
            what = f"a client asks {_shown(address)} to prove the server {_shown(server)}, which has another address"
            yield one, Violation(what, "Give the proof the name and the address of one server")


def _host(resource: Resource) -> Any:
    if resource.type != REMOTE:
        return "this machine"
    return _part(resource.inputs.get("connection"), "host")


RULES = (
    Rule(
        "no-secret-on-clients",
        "Clients get certificates, a hosts entry and the login that is set for them, but no key and no other password.",
        _clients_get_no_secret,
    ),
    Rule(
        "registry-asks-who",
        "Everything below /v2/ needs a login, except the repositories in anonymousPull.",
        _registry_asks_who,
    ),
    Rule(
        "only-nginx-is-published",
        "Only the proxy publishes a port (HTTPS), and the container that answers an ACME CA (HTTP).",
        _only_nginx_is_published,
    ),
    Rule("images-by-digest", "Images are pinned by digest.", _images_are_pinned),
    Rule("no-latest", "No image has no fixed version.", _no_image_is_latest),
    Rule("modern-tls", "nginx offers only TLS 1.2 and newer.", _tls_is_modern),
    Rule("protected-data", "The pushed images are protected in production.", _data_is_protected, configured=True),
    Rule("pinned-host-keys", "Each SSH connection has a pinned host key, also to a bastion.", _host_keys_are_pinned),
    Rule("private-key-files", "Files with secrets have mode 0600.", _key_files_are_private),
    Rule(
        "locked-down-containers",
        "Containers run without root, without capabilities, and with a read-only root file system. keepalived has two "
        "capabilities, and starts as root to give up all others.",
        _containers_are_locked_down,
    ),
    Rule("no-insecure-registries", "No Docker is configured to work without TLS.", _no_registry_is_insecure),
)

WHOLE_RULES = (
    WholeRule("server-is-one-host", "Commands of a server run only on this server.", _server_is_one_host),
    WholeRule(
        "proof-of-the-server",
        "A client proves the server that the next one waits for, at the address that clients have of it.",
        _proofs_are_of_servers,
    ),
)
