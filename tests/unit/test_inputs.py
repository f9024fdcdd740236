"""What another resource gives is an Output: used where it is known, and checked like what is configured."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest

from components import PrivateRegistry
from components.certificates.certificate import judged
from components.settings import Client, Settings, User
from components.settings.certificates import Provided
from tests.unit.authority import issue
from tests.unit.conftest import AUTHORITY, BASE, DIGEST, HOST_KEY, SSH_KEY, Recorder, event_loop, mocked
from tests.unit.fleet import TRUST, trust

ROOT = issue("root", authority=True, ends=1000)
SERVER = issue("server", ROOT, ["registry.test"])
[REMOTE_CLIENT, LOCAL_CLIENT] = BASE["clients"]
LATER = "later-password-3f"


def later(value: str) -> pulumi.Output[str]:
    """Return what a resource gives once it is made."""
    return pulumi.Output.secret(value)


def certificate(give: Callable[[str], Any]) -> dict[str, Any]:
    """Return a certificate that is brought along, whole or from other resources."""
    given = {"chain": SERVER.pem, "key": SERVER.key_pem(), "authority": ROOT.pem}
    return {"source": "provided", **{key: give(text) for key, text in given.items()}}


def signing(give: Callable[[str], Any]) -> dict[str, Any]:
    return {"source": "signing-authority", "chain": give(ROOT.pem), "key": give(ROOT.key_pem()), "authority": ROOT.pem}


def acme(give: Callable[[str], Any]) -> dict[str, Any]:
    account = {"externalAccountKeyId": give("team"), "externalAccountKey": give("bound")}
    token = {"CLOUDFLARE_DNS_API_TOKEN": "token"}
    variables = token if give is str else pulumi.Output.secret(token)
    challenge = {"challenge": "dns-01", "dnsProvider": "cloudflare", "dnsVariables": variables}
    authorities = {"authority": give(ROOT.pem), "directoryAuthority": give(ROOT.pem)}
    images = {**BASE["images"], "lego": f"sha256:{DIGEST}"}
    return {"images": images, "certificate": {"source": "acme", **account, **challenge, **authorities}}


def client(give: Callable[[str], Any]) -> list[dict[str, Any]]:
    return [{**REMOTE_CLIENT, "privateKey": give(SSH_KEY), "hostKey": give(HOST_KEY)}, LOCAL_CLIENT]


def users(give: Callable[[str], Any]) -> list[dict[str, Any]]:
    return [
        {"name": "ci", "password": give(LATER), "previousPassword": give("one before")},
        {"name": "made", "previousPassword": give("brought before")},
    ]


def several(give: Callable[[str], Any]) -> dict[str, Any]:
    return {"users": users(give), "clients": client(give), "certificate": {"authority": give(ROOT.pem)}}


def defaults(give: Callable[[str], Any]) -> dict[str, Any]:
    login = {"user": "ops", "privateKey": give(SSH_KEY), "hostKey": give(HOST_KEY)}
    return {"clientDefaults": login, "clients": [{"host": "10.0.0.7"}, LOCAL_CLIENT]}


GIVEN: Mapping[str, Callable[[], tuple[dict[str, Any], dict[str, Any]]]] = {
    "passwords, one to be trusted besides, how a client is reached": lambda: (several(str), several(later)),
    "how all clients are reached": lambda: (defaults(str), defaults(later)),
    "a certificate": lambda: ({"certificate": certificate(str)}, {"certificate": certificate(later)}),
    "an account and a provider of DNS": lambda: (acme(str), acme(later)),
    "an authority that signs": lambda: ({"certificate": signing(str)}, {"certificate": signing(later)}),
}


def declared(changes: Callable[[], dict[str, Any]]) -> Recorder:
    """Run a program whose Outputs belong to it."""
    return mocked(lambda: PrivateRegistry("registry", Settings.model_validate({**BASE, **changes()})))


def plain(recorder: Recorder) -> list[tuple[str, str, Any]]:
    return sorted((one.type, one.name, {key: one.plain(key) for key in one.inputs}) for one in recorder.resources)


@pytest.mark.parametrize("what", GIVEN)
def test_what_another_resource_gives_makes_the_same_stack(what: str) -> None:
    configured, given = declared(lambda: GIVEN[what]()[0]), declared(lambda: GIVEN[what]()[1])
    assert str(plain(given)) == str(plain(configured))


def test_what_is_public_is_no_secret_for_the_key_beside_it() -> None:
    recorder = declared(lambda: {"certificate": certificate(later)})
    [component] = [one for one in recorder.resources if one.type.endswith(":ProvidedCertificate")]
    assert not any(map(component.is_secret, component.inputs))
    assert not trust(recorder).is_secret("authorities")


def provided(**changes: Callable[[], Any]) -> pulumi.Output[Provided]:
    given = {**certificate(later), **{key: give() for key, give in changes.items()}}
    return judged(Provided.model_validate(given), "registry.test")


MISTAKES: Mapping[str, tuple[Callable[[], pulumi.Output[Any]], str]] = {
    "a long password": (
        lambda: User.model_validate({"name": "ci", "password": later("x" * 73)}).known(),
        "password, which another resource gives: must be at most 72 bytes",
    ),
    "the hash of somebody else": (
        lambda: User.model_validate({"name": "ci", "password": later("you:$2y$05$" + "a" * 53)}).known(),
        "password, which another resource gives: contains a line of an htpasswd file, but no line of this user",
    ),
    "another server's certificate": (
        lambda: provided(chain=lambda: later(issue("other", ROOT, ["other.test"]).pem)),
        "certificate: ",
    ),
    "no certificate": (lambda: provided(chain=lambda: later("nothing")), "chain, which another resource gives: "),
    "no host key": (
        lambda: Client.model_validate({**REMOTE_CLIENT, "hostKey": later("ssh-rsa")}).known(),
        "hostKey, which another resource gives: ",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_what_may_not_be_configured_may_not_be_given(what: str) -> None:
    give, message = MISTAKES[what]
    with event_loop() as loop, pytest.raises(pulumi.RunError) as error:
        loop.run_until_complete(give().future())
    assert message in str(error.value)
    assert "xxx" not in str(error.value)


def test_a_program_may_write_keys_as_its_language_has_them() -> None:
    given = Settings(**{**BASE, "https_port": 8443, "limits": {"nginx_memory": 300}})
    assert (given.https_port, given.limits.nginx_memory) == (8443, 300)


def test_two_registries_of_one_program_share_no_name() -> None:
    def program() -> None:
        for name, port in (("registry", 443), ("mirror", 8443)):
            PrivateRegistry(name, Settings.model_validate({**BASE, "httpsPort": port}))

    recorder = mocked(program)
    on_docker = [one for one in recorder.resources if one.type.startswith("docker:") and "name" in one.inputs]
    names = [(one.type, one.inputs["name"]) for one in on_docker if not one.type.endswith("RemoteImage")]
    assert len(set(names)) == len(names) > 10
    urns = [(one.type, one.name) for one in recorder.resources]
    assert len(set(urns)) == len(urns)
    marks = [one.inputs["registry"]["mark"] for one in recorder.of(TRUST)]
    assert sorted(marks) == ["private-registry private-registry/test", "private-registry private-registry/test/mirror"]
    authorities = [one.inputs["subject"]["commonName"] for one in recorder.of(AUTHORITY)]
    assert sorted(authorities) == ["test mirror registry authority 1", "test registry authority 1"]


def test_the_first_registry_is_called_as_when_there_was_but_one() -> None:
    recorder = mocked(lambda: PrivateRegistry("registry", Settings.model_validate(dict(BASE))))
    assert {"private-registry-test-data"} == {one.inputs["name"] for one in recorder.resources if "olume" in one.type}
