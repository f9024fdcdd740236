"""We say of each certificate in a table, good or bad, what curl (OpenSSL) and Docker (Go) say of it."""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from components.settings import pem
from components.settings.certificates import KeyType, SigningAuthority
from components.settings.chain import in_order, mistakes
from lab.engine import go_build
from lab.places import PROJECT
from tests.unit.authority import Pair, issue, key_usage

NAME = "registry.example.test"
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
SHORT_SALT = padding.PSS(padding.MGF1(hashes.SHA256()), 20)
DIRECTORY = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "other")]))
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def constraints(
    permitted: list[x509.GeneralName] | None = None, excluded: list[x509.GeneralName] | None = None
) -> tuple[x509.ExtensionType, bool]:
    return x509.NameConstraints(permitted, excluded), True


def key_identifier(pair: Pair) -> tuple[x509.ExtensionType, bool]:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(pair.certificate.public_key()), False  # type: ignore[arg-type]


def purposes(*usages: x509.ObjectIdentifier) -> tuple[x509.ExtensionType, bool]:
    return x509.ExtendedKeyUsage(usages), False


ROOT = issue("root", authority=True)
OTHER = issue("other root", authority=True)
BETWEEN = issue("intermediate", ROOT, authority=True)
SERVER = issue("server", BETWEEN, [NAME])
DIRECT = issue("server", ROOT, [NAME])
PATHLEN_ROOT = issue("pathlen:0", authority=True, path_length=0)
PATHLEN_BETWEEN = issue("intermediate", PATHLEN_ROOT, authority=True)
LONE = issue(NAME, None, [NAME])


Case = tuple[str, tuple[Pair, ...], tuple[Pair, ...]]
"""The name by which clients ask, what the server shows, and what clients trust."""


def under(root: Pair, name: str = NAME, **server: object) -> Case:
    return name, (issue("server", root, [name], **server),), (root,)  # type: ignore[arg-type]


def through(between: Pair, root: Pair = ROOT, **server: object) -> Case:
    return NAME, (issue("server", between, [NAME], **server), between), (root,)  # type: ignore[arg-type]


def constrained(*constraint: tuple[x509.ExtensionType, bool], name: str = NAME) -> Case:
    return under(issue("constrained", authority=True, more=constraint), name)


def by_itself(**changes: object) -> Case:
    alone = issue(NAME, None, [NAME], **changes)  # type: ignore[arg-type]
    return NAME, (alone,), (alone,)


def by_openssl(*options: str, name: str = NAME) -> Case:
    """Return the certificate of a tutorial, as the real program makes it, which is its own authority."""
    command = ["openssl", "req", "-x509", "-nodes", "-keyout", "-", "-subj", f"/CN={name}", "-days", "365", *options]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    key = pem.private_key(made)
    [certificate] = pem.certificates(made[made.index("-----BEGIN CERTIFICATE") :])
    pair = Pair(certificate, key)  # type: ignore[arg-type]
    return name, (pair,), (pair,)


TUTORIAL_NAME = ("-addext", f"subjectAltName=DNS:{NAME}")
P256 = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")

CASES: dict[str, Case] = {
    "direct": (NAME, (DIRECT,), (ROOT,)),
    "an intermediate": (NAME, (SERVER, BETWEEN), (ROOT,)),
    "with its root": (NAME, (SERVER, BETWEEN, ROOT), (ROOT,)),
    "out of order": (NAME, (SERVER, ROOT, BETWEEN), (ROOT,)),
    "with a stranger": (NAME, (DIRECT, OTHER), (ROOT,)),
    "the server twice": (NAME, (SERVER, SERVER, BETWEEN), (ROOT,)),
    "another authority besides": (NAME, (DIRECT,), (OTHER, ROOT)),
    "the intermediate is trusted": (NAME, (SERVER,), (BETWEEN,)),
    "incomplete": (NAME, (SERVER,), (ROOT,)),
    "another authority": (NAME, (DIRECT,), (OTHER,)),
    "an address": under(ROOT, "127.0.0.1"),
    "an address as a name": ("127.0.0.1", (DIRECT,), (ROOT,)),
    "another name": (NAME, (issue("server", ROOT, ["other.example.test"]),), (ROOT,)),
    "a wildcard": (NAME, (issue("server", ROOT, ["*.example.test"]),), (ROOT,)),
    "a wildcard that is too wide": ("registry.test", (issue("server", ROOT, ["*.test"]),), (ROOT,)),
    "a wildcard one level up": (NAME, (issue("server", ROOT, ["*.registry.example.test"]),), (ROOT,)),
    "a wildcard two levels down": (NAME, (issue("server", ROOT, ["*.test"]),), (ROOT,)),
    "a part of a label": (NAME, (issue("server", ROOT, ["reg*.example.test"]),), (ROOT,)),
    "capitals": (NAME, (issue("server", ROOT, [NAME.upper()]),), (ROOT,)),
    "expired": under(ROOT, starts=-20, ends=-10),
    "not yet valid": under(ROOT, starts=1),
    "expired root": under(issue("old", authority=True, starts=-20, ends=-10)),
    "expired intermediate": through(issue("old", ROOT, authority=True, starts=-20, ends=-10)),
    "expired authority besides": (
        NAME,
        (DIRECT,),
        (issue("old", authority=True, starts=-20, ends=-10), ROOT),
    ),
    "pathlen:0 and none between": under(PATHLEN_ROOT),
    "pathlen:0 and one between": through(PATHLEN_BETWEEN, PATHLEN_ROOT),
    "pathlen:0 between": through(issue("intermediate", ROOT, authority=True, path_length=0)),
    "names: permitted": constrained(constraints([x509.DNSName("example.test")])),
    "names: not permitted": constrained(constraints([x509.DNSName("other.test")])),
    "names: excluded": constrained(constraints(None, [x509.DNSName("example.test")])),
    "names: others excluded": constrained(constraints(None, [x509.DNSName("other.test")])),
    "names: addresses alone": constrained(constraints([x509.IPAddress(ip_network("10.0.0.0/8"))])),
    "names: address permitted": constrained(constraints([x509.IPAddress(ip_network("127.0.0.0/8"))]), name="127.0.0.1"),
    "names: address excluded": constrained(
        constraints(None, [x509.IPAddress(ip_network("127.0.0.0/8"))]), name="127.0.0.1"
    ),
    "names: of a directory": constrained(constraints(None, [DIRECTORY])),
    "names: by the intermediate": through(
        issue("intermediate", ROOT, authority=True, more=[constraints([x509.DNSName("other.test")])])
    ),
    "unknown and critical": under(ROOT, more=[(UNKNOWN, True)]),
    "unknown and not critical": under(ROOT, more=[(UNKNOWN, False)]),
    "unknown and critical above": under(issue("root", authority=True, more=[(UNKNOWN, True)])),
    "for clients alone": under(ROOT, client_only=True),
    "for nothing said": under(ROOT, without=[x509.ExtendedKeyUsage]),
    "clients' intermediate": through(
        issue("intermediate", ROOT, authority=True, more=[purposes(ExtendedKeyUsageOID.CLIENT_AUTH)])
    ),
    "servers' intermediate": through(
        issue("intermediate", ROOT, authority=True, more=[purposes(ExtendedKeyUsageOID.SERVER_AUTH)])
    ),
    "clients' root": under(issue("root", authority=True, more=[purposes(ExtendedKeyUsageOID.CLIENT_AUTH)])),
    "key may not serve": under(ROOT, more=[(key_usage(True, serve=False), True)]),
    "root may not sign": under(issue("root", authority=True, sign=False)),
    "intermediate may not sign": through(issue("intermediate", ROOT, authority=True, sign=False)),
    "root is no authority": under(issue("root")),
    "intermediate is no authority": through(issue("intermediate", ROOT)),
    "root without constraints": under(issue("root", authority=True, without=[x509.BasicConstraints])),
    "key identifier": under(ROOT, more=[key_identifier(ROOT)]),
    "another key identifier": (
        NAME,
        (issue("server", ROOT, [NAME], more=[key_identifier(OTHER)]),),
        (
            issue(
                "root",
                None,
                authority=True,
                key=ROOT.key,
                more=[(x509.SubjectKeyIdentifier.from_public_key(ROOT.certificate.public_key()), False)],
            ),
        ),
    ),
    "critical key identifier": under(ROOT, more=[(key_identifier(ROOT)[0], True)]),
    "issuer in capitals": under(ROOT, issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ROOT")])),
    "tutorial, RSA": by_openssl("-newkey", "rsa:2048", *TUTORIAL_NAME),
    "tutorial, P-256": by_openssl(*P256, *TUTORIAL_NAME),
    "tutorial, Ed25519": by_openssl("-newkey", "ed25519", *TUTORIAL_NAME),
    "tutorial, RSA 1024": by_openssl("-newkey", "rsa:1024", *TUTORIAL_NAME),
    "tutorial, an address": by_openssl(*P256, "-addext", "subjectAltName=IP:127.0.0.1", name="127.0.0.1"),
    "tutorial without an alternative name": by_openssl(*P256),
    "tutorial that may only sign": by_itself(authority=True),
    "tutorial whose key may not serve": by_itself(more=[(key_usage(True, serve=False), True)]),
    "by itself": (NAME, (LONE,), (LONE,)),
    "by itself, not trusted": (NAME, (LONE,), (ROOT,)),
    "by itself, for clients alone": by_itself(client_only=True),
    "the server is trusted": (NAME, (SERVER,), (SERVER,)),
    "an authority as server": under(ROOT, authority=True),
    "RSA 1024": under(ROOT, key=rsa_key(1024)),
    "RSA 2048": under(ROOT, key=rsa_key()),
    "RSA 3072": under(ROOT, key=rsa_key(3072)),
    "RSA 4096": under(ROOT, key=rsa_key(4096)),
    "RSA 1024 root": under(issue("root", authority=True, key=rsa_key(1024))),
    "P-224": under(ROOT, key=ec.generate_private_key(ec.SECP224R1())),
    "P-224 root": under(issue("root", authority=True, key=ec.generate_private_key(ec.SECP224R1()))),
    "P-384": under(ROOT, key=ec.generate_private_key(ec.SECP384R1())),
    "P-521": under(ROOT, key=ec.generate_private_key(ec.SECP521R1())),
    "secp256k1": under(ROOT, key=ec.generate_private_key(ec.SECP256K1())),
    "brainpool": under(ROOT, key=ec.generate_private_key(ec.BrainpoolP256R1())),
    "brainpool root": under(issue("root", authority=True, key=ec.generate_private_key(ec.BrainpoolP256R1()))),
    "brainpool besides": (NAME, (DIRECT, issue("x", key=ec.generate_private_key(ec.BrainpoolP256R1()))), (ROOT,)),
    "Ed25519": under(ROOT, key=ed25519.Ed25519PrivateKey.generate()),
    "Ed25519 root": under(issue("root", authority=True, key=ed25519.Ed25519PrivateKey.generate())),
    "Ed448": under(ROOT, key=ed448.Ed448PrivateKey.generate()),
    "Ed448 root": under(issue("root", authority=True, key=ed448.Ed448PrivateKey.generate())),
    "SHA-224": under(ROOT, algorithm=hashes.SHA224()),
    "SHA-512": under(ROOT, algorithm=hashes.SHA512()),
    "SHA3-256": under(ROOT, algorithm=hashes.SHA3_256()),
    "RSA-PSS": under(issue("root", authority=True, key=rsa_key()), rsa_padding=PSS),
    "RSA-PSS with a short salt": under(issue("root", authority=True, key=rsa_key()), rsa_padding=SHORT_SALT),
}


AUTHORITIES = [
    *("direct", "an intermediate", "expired root", "expired intermediate"),
    *(case for case in CASES if case.startswith(("pathlen:0", "names: "))),
    *("unknown and critical above", "clients' intermediate", "servers' intermediate", "clients' root"),
    *("root may not sign", "intermediate may not sign", "root is no authority", "intermediate is no authority"),
    *("root without constraints", "RSA 1024 root", "P-224 root", "brainpool root", "Ed25519 root", "Ed448 root"),
]
"""The cases that are about who signs: what is signed is as the stack has it signed."""


@dataclass(frozen=True)
class Verdicts:
    """What each says against a certificate; nothing where it is accepted."""

    ours: tuple[str, ...]
    curl: str
    go: str


def _serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as stream:
                if stream.recv(4096):
                    stream.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")


def _context(folder: Path, chain: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    (folder / "chain.pem").write_text(chain)
    (folder / "key.pem").write_text(key)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return context


def _curl(name: str, port: int, authority: Path) -> str:
    command = ["curl", "-sS", "-o", "/dev/null", "--noproxy", "*", "--cacert", str(authority)]
    url = ["--resolve", f"{name}:{port}:127.0.0.1", f"https://{name}:{port}/"]
    return subprocess.run([*command, *url], capture_output=True, text=True, check=False, timeout=60).stderr


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Verdicts]]:
    folder = tmp_path_factory.mktemp("certificates")
    go_build(PROJECT / "tests/scripts/clients", ".", folder / "clients")
    ours, curl, asked, listening = {}, {}, [], []
    for number, (case, (name, links, anchors)) in enumerate(CASES.items()):
        # As the settings write them.
        chain = pem.certificates_text(in_order([link.certificate for link in links]))
        authority = folder / f"{number}.pem"
        authority.write_text("".join(anchor.pem for anchor in anchors))
        ours[case] = tuple(mistakes(name, chain, links[0].key_pem(), authority.read_text()))
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        context = _context(folder, chain, links[0].key_pem())
        threading.Thread(target=_serve, args=(server, context), daemon=True).start()
        port = server.getsockname()[1]
        curl[case] = _curl(name, port, authority)
        asked.append(json.dumps({"Address": f"127.0.0.1:{port}", "Name": name, "Authority": authority.read_text()}))
    done = subprocess.run([folder / "clients"], input="\n".join(asked), capture_output=True, text=True, check=True)
    go = dict(zip(CASES, done.stdout.split("\n"), strict=False))
    yield {case: Verdicts(ours[case], curl[case], go[case]) for case in CASES}
    for server in listening:
        with closing(server):
            server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("case", CASES)
def test_we_refuse_what_curl_or_docker_refuses_and_nothing_else(verdicts: dict[str, Verdicts], case: str) -> None:
    found = verdicts[case]
    assert bool(found.ours) == bool(found.curl or found.go), found


@pytest.mark.parametrize("case", AUTHORITIES)
def test_an_authority_that_signs_here_is_refused_where_clients_refuse_what_it_signs(
    verdicts: dict[str, Verdicts], case: str
) -> None:
    name, links, anchors = CASES[case]
    signers = links[1:] or anchors
    texts = {"chain": "".join(one.pem for one in signers), "authority": "".join(one.pem for one in anchors)}
    lives = {"validityDays": 2, "renewalDays": 1}
    source = SigningAuthority.model_validate({**texts, **lives, "key": signers[0].key_pem()})
    found = verdicts[case]
    assert bool(list(source.mistakes(name))) == bool(found.curl or found.go), found


@pytest.mark.parametrize("kind", get_args(KeyType))
def test_clients_take_each_kind_of_key_that_the_stack_makes(verdicts: dict[str, Verdicts], kind: str) -> None:
    assert verdicts["direct" if kind == "P-256" else kind.replace("RSA-", "RSA ")] == Verdicts((), "", "")


def test_the_table_has_good_and_bad_ones(verdicts: dict[str, Verdicts]) -> None:
    refused = [case for case, found in verdicts.items() if found.curl or found.go]
    assert 20 < len(refused) < len(CASES) - 20
    assert [case for case in refused if not verdicts[case].curl], "Go alone refuses some"
    assert [case for case in refused if not verdicts[case].go], "OpenSSL alone refuses some"
