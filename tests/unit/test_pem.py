"""What is parsed is what is written, whatever form it came in; a private key goes nowhere."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)

from components.settings import InvalidSettings, Settings, pem
from components.settings.certificates import Provided
from tests.unit.authority import Pair, as_openssh, issue, rsa_key
from tests.unit.conftest import BASE, LOCAL, Declare
from tests.unit.fleet import trust
from tests.unit.test_settings import message, read

DOMAIN = "registry.test"
ROOT = issue("root", authority=True)
BETWEEN = issue("intermediate", ROOT, authority=True)
SERVER = issue("server", BETWEEN, [DOMAIN])
CHAIN = SERVER.pem + BETWEEN.pem
KEY = SERVER.key_pem()
CRL = "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def body(text: str) -> str:
    return "".join(text.splitlines()[1:-1])


def rewrapped(text: str, columns: int) -> str:
    first, *_, last = text.splitlines()
    inner = body(text)
    return "\n".join([first, *(inner[at : at + columns] for at in range(0, len(inner), columns)), last, ""])


def provided(settings: Settings) -> Provided:
    assert isinstance(settings.certificate, Provided)
    return settings.certificate


def openssl(*command: str, stdin: str) -> str:
    return subprocess.run(["openssl", *command], input=stdin, capture_output=True, text=True, check=True).stdout


CERTIFICATE_FORMS = {
    "as it is written": CHAIN,
    "a byte order mark": f"\ufeff{CHAIN}",
    "a mark in the middle": f"{SERVER.pem}\ufeff{BETWEEN.pem}",
    "joined": SERVER.pem.rstrip("\n") + BETWEEN.pem,
    "DOS line breaks": CHAIN.replace("\n", "\r\n"),
    "old Mac line breaks": CHAIN.replace("\n", "\r"),
    "no line breaks": CHAIN.replace("\n", " "),
    "line breaks as a shell writes them": CHAIN.replace("\n", "\\n"),
    "one long line each": rewrapped(SERVER.pem, 5000) + rewrapped(BETWEEN.pem, 5000),
    "lines of 76": rewrapped(SERVER.pem, 76) + rewrapped(BETWEEN.pem, 76),
    "indented": "".join(f"    {line}\n" for line in CHAIN.splitlines()),
    "text around": f"subject=/CN=server\n{SERVER.pem}\n\nissuer=x\n{BETWEEN.pem}# end",
    "twice": SERVER.pem + CHAIN,
    "as openssl x509 -text": openssl("x509", "-text", stdin=SERVER.pem) + BETWEEN.pem,
    "TRUSTED": openssl("x509", "-addtrust", "serverAuth", stdin=SERVER.pem) + BETWEEN.pem,
    "X509 CERTIFICATE": CHAIN.replace(" CERTIFICATE", " X509 CERTIFICATE"),
    "a CRL": SERVER.pem + CRL + BETWEEN.pem,
    "parameters": PARAMETERS + CHAIN,
    "out of order": SERVER.pem + ROOT.pem + BETWEEN.pem,
}


@pytest.mark.parametrize("text", CERTIFICATE_FORMS.values(), ids=CERTIFICATE_FORMS)
def test_certificates_are_written_from_what_was_parsed(text: str) -> None:
    certificate = {"source": "provided", "chain": text, "key": KEY, "authority": ROOT.pem}
    chain = provided(read({**BASE, "certificate": certificate})).given_chain
    assert chain.removesuffix(ROOT.pem) == CHAIN


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.replace("PRIVATE KEY", "EC PRIVATE KEY"),
        KEY.replace("\n", "\r\n"),
        SERVER.key_pem(b"passphrase"),
        KEY[: len(KEY) // 2],
        KEY.replace("-----BEGIN ", "----BEGIN "),
        ROOT.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
    ],
    ids=["plain", "another kind", "DOS", "encrypted", "half", "damaged", "OpenSSH"],
)
@pytest.mark.parametrize("key", ["chain", "authority"])
@pytest.mark.parametrize("as_file", [False, True], ids=["text", "file"])
def test_a_private_key_among_certificates_is_refused(tmp_path: Path, text: str, key: str, as_file: bool) -> None:
    given = {"chain": CHAIN, "authority": ROOT.pem}
    given[key] = text + given[key] if key == "authority" else given[key] + text
    if as_file:
        (tmp_path / "file").write_text(given.pop(key))
        given[f"{key}File"] = "file"
    with pytest.raises(InvalidSettings) as refused:
        read({**BASE, "certificate": {"source": "provided", "key": KEY, **given}}, tmp_path)
    said = str(refused.value)
    assert "contains a private key" in said or "a part of it is missing" in said
    assert not any(line in said for line in text.splitlines()[1:] if len(line) > 20)


def key_forms() -> dict[str, tuple[str, Any]]:
    """Return form -> its text and the key that it is of."""
    elliptic, long, edwards = ec.generate_private_key(ec.SECP384R1()), rsa_key(), None
    edwards = ed25519.Ed25519PrivateKey.generate()
    sec1 = elliptic.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    pkcs1 = long.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    ssh = edwards.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return {
        "as it is written": (KEY, SERVER.key),
        "EC PRIVATE KEY": (sec1, elliptic),
        "RSA PRIVATE KEY": (pkcs1, long),
        "OPENSSH PRIVATE KEY": (ssh, edwards),
        "after its parameters": (PARAMETERS + KEY, SERVER.key),
        "with its certificate": (CHAIN + KEY, SERVER.key),
        "a byte order mark": (f"\ufeff{KEY}", SERVER.key),
        "DOS line breaks": (KEY.replace("\n", "\r\n"), SERVER.key),
        "joined": (SERVER.pem.rstrip("\n") + KEY, SERVER.key),
        "no line breaks": (sec1.replace("\n", " "), elliptic),
        "one long line": (rewrapped(pkcs1, 5000), long),
        "line breaks as a shell writes them": (KEY.replace("\n", "\\n"), SERVER.key),
    }


KEY_FORMS = key_forms()


@pytest.mark.parametrize("form", KEY_FORMS)
def test_a_key_is_written_from_what_was_parsed(form: str) -> None:
    text, key = KEY_FORMS[form]
    server = issue("server", ROOT, [DOMAIN], key=key)
    certificate = {"source": "provided", "chain": server.pem, "key": text, "authority": ROOT.pem}
    key = provided(read({**BASE, "certificate": certificate})).given_key
    assert key.get_secret_value() == server.key_pem()


ENCRYPTED = SERVER.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (KEY + ROOT.key_pem(), "contains 2 private keys"),
        (KEY + KEY, "contains 2 private keys"),
        (CHAIN, "must be a private key in PEM form"),
        (KEY[: len(KEY) // 2], "a part of it is missing"),
        (KEY.replace(body(KEY)[:20], "marker" * 3), "can't be read as a private key"),
        (ENCRYPTED.decode(), "must not be encrypted"),
        (SERVER.key_pem(b"x"), "must not be encrypted"),
        (as_openssh(ROOT.key, b"x"), "must not be encrypted"),
    ],
    ids=["two", "twice", "certificates", "half", "damaged", "encrypted PKCS 1", "encrypted", "encrypted OpenSSH"],
)
def test_a_text_that_is_no_single_key_is_refused(text: str, reason: str) -> None:
    said = message(certificate={"source": "provided", "chain": CHAIN, "key": text, "authority": ROOT.pem})
    assert reason in said
    assert "marker" not in said
    assert not any(line in said for line in text.splitlines()[1:] if len(line) > 20)


def explicit_curve() -> str:
    """Return a certificate that spells its curve out, which only OpenSSL can read."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"]
    return openssl("req", "-x509", *curve, "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x", stdin="")


def negative_serial_number() -> str:
    options = ["-newkey", "ed25519", "-set_serial", "-5", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x"]
    return openssl("req", "-x509", *options, stdin="")


def with_tail(pair: Pair) -> str:
    """Return a certificate with more behind it in its own block."""
    return pem.text_of(pair.certificate.public_bytes(Encoding.DER) + b"\0\0", "CERTIFICATE")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CHAIN[:-30], "a part of it is missing"),
        (CHAIN.replace("-----END CERTIFICATE-----\n", "", 1), "a part of it is missing"),
        (SERVER.pem + BETWEEN.pem.replace("MII", "MI!"), "certificate 2 in it can't be read"),
        (SERVER.pem + with_tail(BETWEEN), "certificate 2 in it can't be read"),
        (explicit_curve(), "certificate 1 in it can't be read"),
        (negative_serial_number(), "certificate 1 in it can't be read"),
        (CRL, "openssl pkcs7 -print_certs"),
        (pkcs7.serialize_certificates([ROOT.certificate], Encoding.PEM).decode(), "openssl pkcs7 -print_certs"),
    ],
    ids=["half", "no end", "not base64", "a tail", "explicit curve", "negative serial", "CRL", "PKCS 7"],
)
@pytest.mark.parametrize("key", ["chain", "authority"])
def test_a_text_that_other_programs_would_not_read_is_refused(text: str, reason: str, key: str) -> None:
    given = {"chain": CHAIN, "authority": ROOT.pem, key: text}
    said = message(certificate={"source": "provided", "key": KEY, **given})
    assert f"certificate.{key}\n" in said
    assert reason in said


ENCODED = {
    "UTF-8 with a mark": CHAIN.encode("utf-8-sig"),
    "UTF-16": CHAIN.encode("utf-16"),
    "a note in Latin-1": "subject=Müller\n".encode("latin-1") + CHAIN.encode(),
    "UTF-16 of the other kind": b"\xfe\xff" + CHAIN.encode("utf-16-be"),
}


@pytest.mark.parametrize("content", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["PKCS 8", "SEC 1"])
def test_a_file_may_be_encoded_as_windows_does(tmp_path: Path, content: bytes, form: PrivateFormat) -> None:
    (tmp_path / "chain").write_bytes(content)
    (tmp_path / "ca").write_bytes(ROOT.certificate.public_bytes(Encoding.DER))
    (tmp_path / "key").write_bytes(SERVER.key.private_bytes(Encoding.DER, form, NoEncryption()))
    (tmp_path / "password").write_bytes("hidden\r\n".encode("utf-16"))
    for name in ("key", "password"):
        (tmp_path / name).chmod(0o600)
    certificate = {"source": "provided", "chainFile": "chain", "keyFile": "key", "authorityFile": "ca"}
    users = [{"name": "ci", "passwordFile": "password"}]
    settings = read({**BASE, "certificate": certificate, "users": users}, tmp_path)
    found = provided(settings)
    assert (found.given_chain, found.trusted, found.given_key.get_secret_value()) == (CHAIN, ROOT.pem, KEY)
    assert settings.users[0].secret
    assert settings.users[0].secret.get_secret_value() == "hidden"


def test_what_is_sent_is_what_was_parsed(declare: Declare) -> None:
    noise = "a note\n"
    certificate = {"source": "provided", "chain": noise + CHAIN, "key": noise + KEY, "authority": noise + ROOT.pem}
    recorder = declare(certificate=certificate)
    assert "a note" not in recorder.named(LOCAL, "registry-proxy-tls").plain("stdin")
    assert "a note" not in trust(recorder).plain("authorities")
    again = declare(certificate={"source": "provided", "chain": CHAIN, "key": KEY, "authority": ROOT.pem})
    assert [one.inputs for one in again.of(LOCAL)] == [one.inputs for one in recorder.of(LOCAL)]
    assert json.dumps(trust(again).inputs) == json.dumps(trust(recorder).inputs)
