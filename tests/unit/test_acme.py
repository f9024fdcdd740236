"""Certificates by ACME: what is refused, where each part goes, who may see it, and what a preview says."""

import stat
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.certificates.acme import secrets_text, settings_text
from components.certificates.challenge import challenge_config
from components.settings.certificates import Acme
from review.impacts import impacts
from review.render import text
from tests.unit.authority import issue
from tests.unit.conftest import BASE, CONTAINER, DIGEST, LOCAL, NETWORK, REMOTE, VOLUME, Declare
from tests.unit.events import below, event, preview
from tests.unit.fleet import TRUST, placed, proofs
from tests.unit.several import SEVERAL
from tests.unit.test_settings import message, read

ROOT = issue("team root", authority=True, ends=1000)
IMAGES = {**BASE["images"], "lego": f"sha256:{DIGEST}"}
DNS = {"challenge": "dns-01", "dnsProvider": "cloudflare", "dnsVariables": {"CLOUDFLARE_DNS_API_TOKEN": "marker-token"}}
BOUND = {"externalAccountKeyId": "team", "externalAccountKey": "marker-hmac"}


def configured(**more: Any) -> dict[str, Any]:
    return {"images": IMAGES, "certificate": {"source": "acme", **more}}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no program": ({"images": BASE["images"], "certificate": {"source": "acme"}}, "source: acme needs images.lego"),
    "no directory": (configured(directory="acme.example.com"), "must be the URL of an ACME directory"),
    "without TLS": (configured(directory="http://acme.example.com/directory"), "must be the URL of an ACME directory"),
    "a login in the URL": (
        configured(directory="https://a:b@acme.example.com/"),
        "must be the URL of an ACME directory",
    ),
    "no address": (configured(email="ops"), "must be one address"),
    "no such challenge": (configured(challenge="tls-sni-01"), "http-01"),
    "no provider": (configured(challenge="dns-01"), "challenge: dns-01 needs dnsProvider"),
    "a provider for nothing": (configured(dnsProvider="route53"), "dnsProvider cannot be used with challenge: http-01"),
    "variables for nothing": (
        configured(dnsVariables={"A_TOKEN": "marker-token"}),
        "dnsVariables cannot be used with challenge: http-01",
    ),
    "resolvers for nothing": (configured(dnsResolvers=["10.0.0.1"]), "dnsResolvers cannot be used"),
    "no variable": (
        configured(**{**DNS, "dnsVariables": {"a-token": "marker-token"}}),
        "which is not a variable of a DNS",
    ),
    "a variable of our own": (
        configured(**{**DNS, "dnsVariables": {"LEGO_PATH": "marker"}}),
        "which is not a variable of a",
    ),
    "a path": (
        configured(**{**DNS, "dnsVariables": {"PATH": "marker"}}),
        "contains PATH, which is not a variable of a DNS provider",
    ),
    "no text": (configured(**{**DNS, "dnsVariables": {"A_TOKEN": 12}}), "A_TOKEN must be text in quotes"),
    "an empty text": (configured(**{**DNS, "dnsVariables": {"A_TOKEN": ""}}), "A_TOKEN must be text in quotes"),
    "a list": (configured(**{**DNS, "dnsVariables": ["marker-token"]}), "must be a mapping"),
    "a record for an address": ({**configured(**DNS), "domain": "10.0.0.2"}, "dns-01 cannot be used for an IP address"),
    "half an account": (configured(externalAccountKeyId="team"), "must be set together"),
    "the other half": (configured(externalAccountKey="marker-hmac"), "must be set together"),
    "public and nothing": (configured(public=True), "public cannot be used without authority"),
    "no kind of key": (configured(keyType="ed25519"), "P-256"),
    "no authority": (configured(authority=issue("a server", ROOT, ["other.test"]).pem), "is not a CA certificate"),
    "a chain of its own": (configured(chain="marker"), "chain"),
    "both": (configured(**{**DNS, "dnsVariablesFile": "dns.yaml"}), "dnsVariablesFile"),
}


@pytest.mark.parametrize(("changes", "reason"), BAD.values(), ids=BAD)
def test_what_would_not_work_is_refused(changes: dict[str, Any], reason: str) -> None:
    said = message(**changes)
    assert reason in said
    assert "nothing was created or changed" in said
    assert "marker-token" not in said
    assert "marker-hmac" not in said


GOOD: dict[str, dict[str, Any]] = {
    "nothing but the source": {},
    "a directory of one's own": {"directory": "https://ca.example.com:9000/acme/acme/directory"},
    "an authority that clients get": {"authority": ROOT.pem, "directoryAuthority": ROOT.pem},
    "an authority besides": {"authority": ROOT.pem, "public": True},
    "a record": DNS,
    "a provider without variables": {"challenge": "dns-01", "dnsProvider": "route53"},
    "what the way back needs": {"authorities": ["2026"], "validityDays": 90},
    "all the rest": {"profile": "shortlived", "preferredChain": "ISRG Root X1", "keyType": "RSA-3072", **BOUND},
}


@pytest.mark.parametrize("certificate", GOOD.values(), ids=GOOD)
def test_what_works_is_accepted(certificate: dict[str, Any]) -> None:
    assert isinstance(read({**BASE, **configured(**certificate)}).certificate, Acme)


def test_variables_may_come_from_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    file = tmp_path / "dns.yaml"
    file.write_text("A_TOKEN: marker-token\n")
    changes = configured(challenge="dns-01", dnsProvider="cloudflare", dnsVariablesFile=str(file))
    file.chmod(0o644)
    assert "chmod 600" in message(**changes)
    file.chmod(stat.S_IRUSR)
    source = read({**BASE, **changes}).certificate
    assert isinstance(source, Acme)
    assert secrets_text(source) == "A_TOKEN=marker-token\nhidden=A_TOKEN\nexport A_TOKEN\n"


def test_what_a_shell_would_read_otherwise_is_quoted() -> None:
    variables = {"A_TOKEN": "it's $HOME\n`id`", "B": '"'}
    source = Acme.model_validate(
        {"source": "acme", "challenge": "dns-01", "dnsProvider": "a", "dnsVariables": variables}
    )
    assert secrets_text(source) == "A_TOKEN='it'\"'\"'s $HOME\n`id`'\nB='\"'\nhidden='A_TOKEN B'\nexport A_TOKEN B\n"
    chain = Acme.model_validate({"source": "acme", "preferredChain": "it's; rm -rf /", "email": "a$b@example.com"})
    assert "chain='it'\"'\"'s; rm -rf /'\n" in settings_text(chain, "registry.test", "one")


def test_nginx_reads_what_the_container_renews_and_the_state_has_no_key(declare: Declare) -> None:
    recorder = declare(**configured())
    listen = recorder.named(LOCAL, "registry-proxy-tls").plain("stdin")
    assert "server.key" not in listen
    [renewed] = [line.rpartition(" ")[2] for line in listen.splitlines() if line.startswith("# Renewed in ")]
    assert f"ssl_certificate /etc/private-registry/{renewed}/$server_name.crt;" in listen
    bundle = recorder.named(LOCAL, "registry-certificate-renewal")
    assert f"id={renewed.removeprefix('acme/')}\n" in bundle.plain("stdin")
    of_server = [one for one in recorder.resources if one.type != TRUST and one.name.startswith("registry-")]
    assert [one.name for one in of_server if "PRIVATE KEY" in str(one.inputs)] == []
    assert placed(recorder, "10.0.0.7").keys() == {"hosts"}


@pytest.mark.parametrize(("public", "proven"), [(False, True), (True, False)], ids=["private", "public"])
def test_what_is_given_besides_proves_nothing(declare: Declare, public: bool, proven: bool) -> None:
    recorder = declare(**configured(authority=ROOT.pem, public=public))
    assert ROOT.pem in placed(recorder, "10.0.0.7")["docker"].stdin
    assert ("authority" in proofs(recorder, "10.0.0.7")["docker"].words) is proven


def test_secrets_are_in_one_file_and_nowhere_else(declare: Declare) -> None:
    recorder = declare(**configured(**DNS, **BOUND))
    for marker in ("marker-token", "marker-hmac"):
        having = [
            (one.type, one.name, key)
            for one in recorder.resources
            for key in one.inputs
            if marker in str(one.inputs[key])
        ]
        assert having == [(LOCAL, "registry-certificate-renewal", "stdin")]
    bundle = recorder.named(LOCAL, "registry-certificate-renewal")
    assert bundle.is_secret("stdin")
    assert "file=secrets:0600:" in bundle.plain("create")
    assert "export LEGO_EAB LEGO_EAB_KID LEGO_EAB_HMAC CLOUDFLARE_DNS_API_TOKEN\n" in bundle.plain("stdin")


def test_the_container_that_renews_is_locked_down_and_reached_by_nobody(declare: Declare) -> None:
    recorder = declare(**configured())
    lego = recorder.named(CONTAINER, "registry-certificate-lego-container").inputs
    assert (lego["user"], lego["readOnly"], lego["memory"]) == ("10001:10001", True, 128)
    assert lego["capabilities"] == {"drops": ["ALL"]}
    assert "ports" not in lego
    assert not lego.get("envs")
    assert [mount.get("readOnly", False) for mount in lego["mounts"]] == [False, False, False, True]
    assert "docker.sock" not in str(lego)
    assert recorder.named(NETWORK, "registry-certificate-network").inputs.get("internal") is None


def test_the_pair_that_nginx_serves_is_renewed_until_it_serves_another_one(declare: Declare) -> None:
    recorder = declare(**configured())
    declared = [one.name for one in recorder.resources]
    assert declared.index("registry-proxy-tls") < declared.index("registry-certificate-lego-container")
    lego = recorder.named(CONTAINER, "registry-certificate-lego-container").inputs
    [release] = [label["value"] for label in lego["labels"] if label["label"] == "private-registry.config"]
    assert f"/etc/private-registry/releases/{release}/renewal.sh" in lego["command"], "also after a boot"


def test_port_80_is_published_for_its_challenge_alone(declare: Declare) -> None:
    recorder = declare(
        printed={"registry-certificate-challenge-families": "own"}, **configured(), bindAddress=["10.0.0.2", "::1"]
    )
    challenge = recorder.named(CONTAINER, "registry-certificate-challenge-container").inputs
    assert [(port["internal"], port["external"], port["ip"]) for port in challenge["ports"]] == [
        (8180, 80, "10.0.0.2"),
        (8181, 80, "::1"),
    ]
    assert all(mount["readOnly"] for mount in challenge["mounts"])
    by_record = declare(**configured(**DNS))
    assert {one.name for one in by_record.of(CONTAINER)} == {one.name for one in recorder.of(CONTAINER)} - {
        "registry-certificate-challenge-container"
    }
    without = declare()
    published = [port["external"] for made in without.of(CONTAINER) for port in made.inputs.get("ports", [])]
    assert published == [443, 443]


def test_all_else_on_port_80_is_sent_to_https() -> None:
    config = challenge_config("registry.test:5000", addresses=2, ipv6=True)
    assert "return 308 https://registry.test:5000$request_uri;" in config
    assert [line.split()[1] for line in config.splitlines() if "listen " in line] == [
        "8180;",
        "[::]:8180;",
        "8181;",
        "[::]:8181;",
        "127.0.0.1:8080;",
    ]


@pytest.mark.parametrize(
    ("changes", "retained"),
    [({}, True), ({"protect": True}, True), ({"deleteData": True}, False)],
    ids=["kept", "protected", "deleted"],
)
def test_the_account_is_kept_as_the_images_are(declare: Declare, changes: dict[str, Any], retained: bool) -> None:
    """The engine would not let it go even on the way to another source; so it is not protected."""
    options = declare(**configured(), **changes).options[VOLUME, "registry-certificate-store"]
    assert (options.protect, options.retained) == (False, retained)


def test_what_would_not_be_proven_otherwise_asks_for_another_pair(declare: Declare) -> None:
    def pair(**more: Any) -> str:
        given = declare(**configured(**more)).named(LOCAL, "registry-certificate-renewal").plain("stdin")
        return str(next(line for line in given.splitlines() if line.startswith("id=")))

    given: list[dict[str, Any]] = [
        {},
        {"directory": "https://ca.example.com/dir"},
        {"email": "ops@example.com"},
        {"profile": "shortlived"},
        {"keyType": "P-384"},
        {"rotation": "a"},
        DNS,
        {**DNS, "dnsVariables": {"CLOUDFLARE_DNS_API_TOKEN": "another"}},
        BOUND,
    ]
    assert len({pair(**more) for more in given}) == len(given)
    assert pair(authority=ROOT.pem) == pair(), "what clients trust is no matter of the authority's"
    assert pair(**DNS, dnsWaitSeconds=5) == pair(**DNS)


def test_who_renews_is_an_output_of_every_source() -> None:
    sources: list[dict[str, Any]] = [{}, {"validityDays": 90, "renewalDays": 20}, configured()["certificate"]]
    said = [read({**BASE, "images": IMAGES, "certificate": one}).certificate.renewal.told for one in sources]
    assert said == [{"by": "update", "days": 30}, {"by": "update", "days": 20}, {"by": "server"}]


ACME, REGISTRY = (f"private-registry:index:{name}" for name in ("AcmeCertificate", "PrivateRegistry"))
SAID = {
    "source": "acme",
    "names": ["registry.test"],
    "signer": "acme.example.com",
    "anchors": [],
    "authorities": {},
    "challenge": "http-01",
    "keyType": "P-256",
    "renewal": {"by": "server"},
}


def rows(*steps: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [(row.change, row.effect, row.disruptive) for row in impacts(preview(*steps))]


def test_a_preview_says_who_is_asked_and_who_renews() -> None:
    [row] = rows(event("create", ACME, "registry-certificate", None, SAID))
    assert row == (
        "acme.example.com is asked in the update for a certificate of registry.test, "
        "which checks the domain on port 80 of this server",
        "if it refuses, nginx keeps what it has; the server renews it by itself from then on",
        False,
    )
    by_record = {**SAID, "challenge": "dns-01", "dnsProvider": "route53"}
    [(change, effect, _)] = rows(event("update", ACME, "registry-certificate", SAID, by_record))
    assert change.endswith("which checks the domain by a record in DNS (route53)")
    assert effect == "another challenge, another DNS provider; if it is refused, the current certificate stays in use"
    assert rows(event("update", ACME, "registry-certificate", SAID, {**SAID, "authorities": {}})) == []
    [gone] = rows(event("delete", ACME, "registry-certificate", SAID, None))
    assert gone[:2] == (
        "acme.example.com is asked for no certificate any more",
        "the certificate that it issued is not renewed any more",
    )


def test_a_preview_says_that_nobody_has_to_run_an_update() -> None:
    said = text(preview(event("same", ACME, "registry-certificate", SAID, SAID)))
    assert "The server renews its certificate by itself. To see how long" in said
    moved = event("create", ACME, "registry-certificate", None, SAID)
    assert "by itself; 'python" not in text(preview(moved))


def test_what_is_below_has_words_too(declare: Declare) -> None:
    """None of it is told of as a resource that nobody knows."""
    recorder = declare(**configured())
    places = [(place, option) for place, option in recorder.options.items() if ACME in option.types_above]
    assert len(places) > 12
    for (type_, name), option in places:
        # Mocks know two of them.
        kinds = [one.rpartition(":")[2] for one in option.types_above if one != REGISTRY]
        parent = below(*kinds)
        for op, old, new in (("create", None, {"name": "any"}), ("delete", {"name": "any"}, None)):
            found = rows(event(op, type_, name, old, new, parent=parent))
            assert [row for row in found if "see the engine's preview" in row[1]] == [], (type_, name)


ON_BOTH = ("registry", "registry-b")
TWO = {**SEVERAL, "servers": SEVERAL["servers"][:2]}
CHALLENGES = [f"{name}-certificate-challenge-container" for name in ON_BOTH]


def test_each_server_asks_for_its_own_certificate_and_renews_it_alone(declare: Declare) -> None:
    recorder = declare(**TWO, **configured(), clients=[])
    providers = [recorder.named(CONTAINER, f"{name}-proxy-container").provider for name in ON_BOTH]
    for name, provider in zip(ON_BOTH, providers, strict=True):
        for part in ("lego", "challenge"):
            container = recorder.named(CONTAINER, f"{name}-certificate-{part}-container")
            assert container.provider == provider, "on the server itself"
        [renewed] = [
            line.rpartition(" ")[2]
            for line in recorder.named(REMOTE, f"{name}-proxy-tls").plain("stdin").splitlines()
            if line.startswith("# Renewed in ")
        ]
        asked = recorder.named(REMOTE, f"{name}-certificate-renewal")
        assert f"id={renewed.removeprefix('acme/')}\n" in asked.plain("stdin")
    assert len({str(provider) for provider in providers}) == 2
    declared = [one.name for one in recorder.resources if one.type == REMOTE]
    assert declared.index("registry-proxy-tls") < declared.index("registry-b-certificate-renewal"), "in its turn"


def test_any_server_answers_before_the_first_one_asks(declare: Declare) -> None:
    recorder = declare(**TWO, **configured(), clients=[])
    declared = [one.name for one in recorder.resources if one.type in (CONTAINER, REMOTE)]
    asks = declared.index("registry-certificate-renewal")
    healthy = [declared.index(f"{name}-certificate-challenge-healthy") for name in ON_BOTH]
    # One after the other, so that not both stop at once.
    assert healthy[0] < declared.index(CHALLENGES[1]) < healthy[1] < asks
    for name, other in zip(ON_BOTH, ("192.0.2.6", "10.0.0.5"), strict=True):
        config = recorder.named(REMOTE, f"{name}-certificate-challenge-config").plain("stdin")
        assert [line.split()[1] for line in config.splitlines() if "max_fails=0" in line] == [f"{other}:80"]


def test_a_record_in_dns_needs_no_server_to_answer(declare: Declare) -> None:
    recorder = declare(**TWO, **configured(**DNS), clients=[])
    names = {one.name for one in recorder.of(CONTAINER)}
    assert not names & set(CHALLENGES)
    assert {f"{name}-certificate-lego-container" for name in ON_BOTH} <= names
    for name in ON_BOTH:
        assert recorder.named(REMOTE, f"{name}-certificate-renewal").is_secret("stdin")


def test_what_is_signed_or_given_is_one_certificate_for_all_servers(declare: Declare) -> None:
    recorder = declare(**TWO, clients=[])
    assert [one.name for one in recorder.resources if one.name.endswith("-certificate")] == ["registry-certificate"]
    [first, second] = [recorder.named(REMOTE, f"{name}-proxy-tls").plain("stdin") for name in ON_BOTH]
    assert first == second


def test_an_address_and_a_name_are_asked_for_a_proof() -> None:
    config = challenge_config("registry.test", others=["b.test", "fd00::2"])
    assert "server b.test:80 resolve max_fails=0;" in config, "nginx starts though the name has no address"
    assert "server [fd00::2]:80 max_fails=0;" in config
    assert "upstream" not in challenge_config("registry.test")


def test_a_limit_of_public_authorities_is_told_of_in_time(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    public, own = Acme(source="acme"), Acme(source="acme", directory_authority=ROOT.pem)
    assert (list(public.limits(5)), list(own.limits(6))) == ([], [])
    [said] = public.limits(6)
    assert said.startswith("each of the 6 servers asks acme-v02.api.letsencrypt.org for a certificate")
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    monkeypatch.setattr(Acme, "limits", lambda _, servers: [f"{servers} servers are too many"])
    # Settings of no other test, as a program with the same ones does not run again.
    declare(**TWO, **configured(**DNS, dnsWaitSeconds=7), clients=[])
    assert told == ["2 servers are too many"]
