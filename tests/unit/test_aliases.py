"""More names of a registry: what is refused, where each goes, what a preview says; and nothing without any."""

import json
from typing import Any

import pytest
from cryptography import x509

from components.certificates.acme import settings_text
from components.certificates.challenge import challenge_config
from components.scripts.script import read_payload
from components.settings.certificates import Acme
from operations.drift.state import hosts_of
from review.impacts import impacts
from tests.unit import client_events
from tests.unit.authority import issue
from tests.unit.conftest import BASE, DIGEST, KEY, REQUEST, Declare, Recorder, Resource
from tests.unit.events import COMPONENT, Event, event, preview
from tests.unit.fleet import placed, plain, proofs, trust, verification
from tests.unit.test_drift import exported
from tests.unit.test_settings import message, read

TWO = ["b.test", "10.0.0.2"]
CLIENT = BASE["clients"][0]
BOTH = {"clients": [{**CLIENT, "runtimes": ["docker", "system"]}]}
HOST = "10.0.0.7"
CERTS_D = "/etc/docker/certs.d"
ROOT = issue("root", authority=True, ends=1000)
LEAF = issue("leaf", ROOT, ["registry.test", "b.test"])
PROVIDED = {"source": "provided", "chain": LEAF.pem, "key": LEAF.key_pem(), "authority": ROOT.pem}
ONLY = x509.NameConstraints([x509.DNSName("registry.test")], None)
NARROW = issue("narrow", authority=True, ends=1000, more=[(ONLY, True)])
ACME = {
    "certificate": {"source": "acme", "email": "ops@example.com"},
    "images": {**BASE["images"], "lego": f"sha256:{DIGEST}"},
}


def name_of(server: Resource) -> list[Any]:
    return [server.inputs.get("dnsNames"), server.inputs.get("ipAddresses")]


def site(recorder: Recorder) -> dict[str, str]:
    """Return nginx's files."""
    [found] = [one for one in recorder.resources if one.name == "registry-proxy-site" and "stdin" in one.inputs]
    return read_payload(found.plain("stdin"))


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"aliases": ["https://b.test"]}, "aliases[0]", "without a scheme or a port"),
        ({"aliases": ["b.test:443"]}, "aliases[0]", "without a scheme or a port"),
        ({"aliases": ["c.test", "localhost"]}, "aliases[1]", "loopback"),
        ({"aliases": ["registry"]}, "", "aliases: Docker does not accept registry as the name of a registry"),
        ({"aliases": ["docker.io"]}, "", "Docker Hub"),
        ({"aliases": ["registry.test"]}, "", "aliases: registry.test is the domain"),
        ({"aliases": ["b.test", "b.test"]}, "", "aliases: b.test is listed more than once"),
        ({"aliases": "b.test"}, "aliases", "tuple"),
        ({"aliases": TWO, "certificate": PROVIDED}, "", "the server certificate is not for the alias 10.0.0.2: "),
        (
            {
                "aliases": ["10.0.0.2"],
                "certificate": {**ACME["certificate"], "challenge": "dns-01", "dnsProvider": "route53"},
                "images": ACME["images"],
            },
            "",
            "dns-01 cannot be used for an IP address",
        ),
    ],
)
def test_a_name_that_would_not_work_is_refused(changes: dict[str, Any], key: str, reason: str) -> None:
    text = message(**changes)
    assert f"private-registry:{key}" in text if key else "private-registry" in text
    assert reason in text


def test_names_are_taken_as_the_domain_is() -> None:
    settings = read({**BASE, "aliases": ["bücher.example", "fd00::2"], "httpsPort": 5000})
    assert settings.aliases_known_as == {
        "xn--bcher-kva.example": "xn--bcher-kva.example:5000",
        "fd00::2": "[fd00::2]:5000",
    }
    assert read({**BASE, "aliases": ["registry"], "httpsPort": 5000}).aliases == ("registry",)
    assert read({**BASE, "aliases": ["b.test"], "certificate": PROVIDED}).aliases == ("b.test",)


def test_without_aliases_nothing_is_declared_otherwise(declare: Declare) -> None:
    plain, none = declare(**BOTH), declare(aliases=[], **BOTH)
    known = [{(one.type, one.name): one.inputs for one in recorder.resources} for recorder in (plain, none)]
    assert known[0] == known[1]
    for recorder in (plain, none):
        said = json.dumps([one.inputs for one in recorder.resources if "stdin" not in one.inputs])
        assert "aliases" not in said
        for one in recorder.resources:
            for line in ("create", "update", "delete"):
                assert "aliases" not in str(one.inputs.get(line))
        assert "aliases" not in site(recorder)["values.js"]


@pytest.mark.parametrize("signing", [False, True])
def test_a_certificate_that_the_stack_signs_has_all_names_and_the_same_key(declare: Declare, signing: bool) -> None:
    certificate = {"source": "signing-authority", "chain": ROOT.pem, "key": ROOT.key_pem()} if signing else {}
    before, after = (declare(certificate=certificate, aliases=names) for names in ([], TWO))
    name = "registry-certificate-server"
    assert name_of(before.named(REQUEST, name)) == [["registry.test"], None]
    assert name_of(after.named(REQUEST, name)) == [["registry.test", "b.test"], ["10.0.0.2"]]
    assert after.named(KEY, name).inputs == before.named(KEY, name).inputs
    [component] = [one for one in after.resources if one.type.endswith("Certificate") and "index" in one.type]
    assert component.inputs["names"] == ["registry.test", *TWO]


def test_an_authority_that_may_not_sign_for_an_alias_is_found_before() -> None:
    certificate = {"source": "signing-authority", "chain": NARROW.pem, "key": NARROW.key_pem()}
    assert read({**BASE, "certificate": certificate})
    assert "does not permit its name" in message(certificate=certificate, aliases=["b.test"])


def test_nginx_knows_all_names_and_calls_the_registry_as_its_client_does(declare: Declare) -> None:
    plain, found = site(declare(httpsPort=8443)), site(declare(httpsPort=8443, aliases=[*TWO, "fd00::2"]))
    assert "server_name registry.test b.test 10.0.0.2 [fd00::2];" in found["nginx.conf"]
    values = json.loads(found["values.js"].partition("export default ")[2].rstrip(";\n"))
    assert values["registry"] == "registry.test:8443"
    assert values["aliases"] == {
        "b.test": "b.test:8443",
        "10.0.0.2": "10.0.0.2:8443",
        "[fd00::2]": "[fd00::2]:8443",
    }
    assert found["access.js"] == plain["access.js"]
    assert '"name":"$host",' in found["nginx.conf"], "the log says who still uses which"
    assert "$host" not in plain["nginx.conf"]
    assert found["nginx.conf"].count("proxy_set_header Host registry.test:8443;") > 0
    assert "proxy_set_header Host b.test" not in found["nginx.conf"]


def test_who_asks_on_port_80_is_sent_to_the_name_that_was_asked() -> None:
    plain = challenge_config("registry.test:8443")
    config = challenge_config("registry.test:8443", aliases={"b.test": "b.test:8443", "fd00::2": "[fd00::2]:8443"})
    for line in ("default registry.test:8443;", '"b.test" b.test:8443;', '"[fd00::2]" [fd00::2]:8443;'):
        assert line in config
    assert "return 308 https://$reference$request_uri;" in config
    assert "return 308 https://registry.test:8443$request_uri;" in plain
    assert "map" not in plain


def test_an_authority_of_acme_is_asked_for_all_names_in_their_order(declare: Declare) -> None:
    source = Acme.model_validate(ACME["certificate"])
    assert "aliases='c.test b.test'\n" in settings_text(source, "registry.test", "one", ["c.test", "b.test"])
    assert "aliases" not in settings_text(source, "registry.test", "one")
    pairs: set[str] = set()
    for names in ([], ["b.test"], ["c.test"], ["b.test", "c.test"]):
        [found] = [
            one
            for one in declare(aliases=names, **ACME).resources
            if one.name == "registry-proxy-tls" and "stdin" in one.inputs
        ]
        lines = read_payload(found.plain("stdin"))["listen.conf"].splitlines()
        assert "server_name registry.test;" in lines, "the pair is found, whatever comes first in nginx.conf"
        pairs.update(line for line in lines if "Renewed" in line)
    assert len(pairs) == 4, "other names are another pair, and no name is asked for that there is"


@pytest.mark.parametrize("port", [443, 8443])
def test_a_client_gets_a_folder_for_each_name_by_the_same_command(declare: Declare, port: int) -> None:
    end = "" if port == 443 else f":{port}"
    before, after = (declare(httpsPort=port, aliases=names, **BOTH) for names in ([], TWO))
    assert placed(after, HOST).keys() == placed(before, HOST).keys()
    for verb in ("create", "update", "delete"):
        assert placed(after, HOST, verb)["docker"].words["aliases"] == f"b.test{end},10.0.0.2{end}"
    assert placed(after, HOST)["hosts"].words["entry"] == "10.0.0.2/registry.test b.test"
    assert placed(after, HOST)["system"].words == placed(before, HOST)["system"].words, "a store knows no names"
    assert len({proof.words["aliases"] for proof in proofs(after, HOST).values()}) == 1
    said = plain(trust(after))
    assert said["runtimes"]["docker"]["files"].keys() == {
        f"{CERTS_D}/{name}{end}/ca.crt" for name in ("registry.test", *TWO)
    }
    assert said["hosts"][HOST]["hostsEntry"] == "10.0.0.2/registry.test b.test"
    assert said["registry"]["aliases"] == [f"b.test{end}", f"10.0.0.2{end}"]
    proved = plain(verification(after))["verify"]
    assert proved["docker"][-2:] == [f"pull as b.test{end}", f"pull as 10.0.0.2{end}"]
    assert proved["system"][-2:] == [f"TLS as b.test{end}", f"TLS as 10.0.0.2{end}"]


def test_where_clients_trust_the_issuer_there_is_no_folder_and_still_a_proof(declare: Declare) -> None:
    between = issue("between", ROOT, authority=True, ends=1000)
    public = {"source": "signing-authority", "chain": between.pem, "key": between.key_pem(), "public": True}
    recorder = declare(certificate=public, aliases=["b.test"])
    assert placed(recorder, HOST).keys() == {"hosts"}
    assert placed(recorder, HOST)["hosts"].words["entry"] == "10.0.0.2/registry.test b.test"
    assert proofs(recorder, HOST)["docker"].words["aliases"] == "b.test"


def test_drift_looks_at_each_name_and_gives_back_its_modes(declare: Declare) -> None:
    [client] = [host for host in hosts_of(exported(declare(aliases=["b.test"]))) if host.connection]
    _entry, bundle = client.bundles
    assert not client.is_behind
    assert "aliases=b.test" in bundle.check[0]
    modes, repair = (line for line, _ in bundle.repairs)
    assert modes.startswith(f"sudo -n sh -s -- modes directory={CERTS_D}/registry.test aliases=b.test ")
    assert "aliases=b.test" in repair


CERTIFICATE = f"{COMPONENT}SelfSignedCertificate"
SERVER = "tls:index/locallySignedCert:LocallySignedCert"


def certificate(*names: str) -> dict[str, Any]:
    return {"source": "self-signed", "names": list(names), "signer": "1", "authorities": {"1": {"commonName": "one"}}}


def trusting(*names: str, entry: bool) -> dict[str, Any]:
    files = {"docker": [f"{CERTS_D}/{name}/ca.crt" for name in names]}
    more = {"hostsEntry": f"10.0.0.2/{' '.join(names)}"} if entry else {}
    return client_events.trusting(hosts={HOST: client_events.client(**more)}, names=names, files=files)


def shown(old: list[str], new: list[str], entry: bool = True) -> list[tuple[str, str, bool]]:
    """Return what a preview says of other names, of the stack and of a client."""
    hours = {"validityPeriodHours": 24 * 365}
    events: list[Event] = [
        event("update", CERTIFICATE, "cert", certificate(*old), certificate(*new)),
        event("replace", SERVER, "server", hours, hours, ("certRequestPem",)),
        client_events.trust("update", trusting(*old, entry=entry), trusting(*new, entry=entry)),
    ]
    return [(row.change, row.effect, row.disruptive) for row in impacts(preview(*events))]


KEPT = "clients keep trusting the registry: they have its CA"


def test_a_preview_says_that_a_name_comes() -> None:
    assert shown(["a.test"], ["a.test", "b.test"]) == [
        ("b.test is another name of the registry", "clients log in, push and pull by it too", False),
        ("a new server certificate: for a.test, b.test instead of a.test", KEPT, False),
        (f"placed: {CERTS_D}/b.test/ca.crt", "trust gained as b.test", False),
        ("hosts entry: 10.0.0.2 a.test → 10.0.0.2 a.test b.test", "the registry's name resolves to it", False),
    ]


def test_a_preview_says_nothing_else_where_a_folder_is_all_that_comes() -> None:
    *_, row = shown(["a.test"], ["a.test", "b.test"], entry=False)
    assert row == (f"placed: {CERTS_D}/b.test/ca.crt", "trust gained as b.test", False)


def test_a_preview_says_whom_a_name_cuts_off_that_goes() -> None:
    assert shown(["a.test", "b.test"], ["a.test"]) == [
        ("b.test is no longer a name of the registry", "clients that still use it get x509, or no such host", True),
        (
            "a new server certificate: for a.test instead of a.test, b.test",
            "clients can no longer use b.test",
            True,
        ),
        (f"removed: {CERTS_D}/b.test/ca.crt", "trust lost as b.test", True),
        ("hosts entry: 10.0.0.2 a.test b.test → 10.0.0.2 a.test", "the registry's name resolves to it", False),
    ]


def test_a_preview_says_that_nobody_is_cut_off_where_names_change_places() -> None:
    placed = f"placed: {CERTS_D}/b.test/ca.crt, {CERTS_D}/a.test/ca.crt, hosts entry 10.0.0.2 b.test a.test"
    assert shown(["a.test", "b.test"], ["b.test", "a.test"]) == [
        ("b.test is the domain instead of a.test", "outputs and messages have this name", False),
        ("a new server certificate: for b.test, a.test instead of a.test, b.test", KEPT, False),
        (placed, "trust kept", False),
    ]


def test_a_preview_says_what_is_lost_where_another_name_takes_the_place() -> None:
    rows = shown(["a.test", "b.test"], ["b.test", "c.test"])
    assert (
        f"placed: {CERTS_D}/b.test/ca.crt, {CERTS_D}/c.test/ca.crt, hosts entry 10.0.0.2 b.test c.test; "
        f"then removed: {CERTS_D}/a.test/ca.crt",
        "trust gained as c.test; trust lost as a.test",
        True,
    ) in rows
