"""The reference says of each setting what a change does. What the program declares before and after says the same."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.settings import Settings
from components.settings.documented import EFFECTS, effect_of
from components.settings.load import kinds_of, section_of
from components.settings.ssh import ClientDefaults, DockerHostAccess, SshAccess, SshLogin
from lab.places import PROJECT
from review.events import parse
from tests.unit.authority import as_openssh, issue
from tests.unit.conftest import (
    AUTHORITY,
    BASE,
    CONTAINER,
    HOST_KEY,
    LOCAL,
    REMOTE,
    SERVER,
    VOLUME,
    Declare,
    Recorder,
)
from tests.unit.fleet import TRUST
from tests.unit.storages import BUCKET
from tests.unit.test_acme import BOUND, DNS, IMAGES
from tests.unit.test_settings import OTHER_KEY
from tests.unit.test_signing_authority import BETWEEN, ROOT, configured

Change = tuple[dict[str, Any], dict[str, Any]]
"""Settings before and after."""

_SECOND = "-b-"
"""Stands in the names of what is on the second server."""
SERVER_WIDE = ("next request", "reload", "restart", "interruption")
"""What happens on the server: what comes later includes what is before it."""
BY_COMMAND = {
    "registry-proxy-tls": ("reload",),
    "registry-proxy-site": ("reload",),
    "registry-proxy-users": ("next request",),
}
IN_PLACE = {"memory", "memorySwap"}
"""What Docker changes while a container runs."""
OTHER = f"sha256:{'b' * 64}"
OTHER_ROOT = issue("another root", authority=True, ends=1000)
SERVED, AGAIN = (issue(name, ROOT, ["registry.test"]) for name in ("server", "server again"))
UNDER = issue("server", BETWEEN, ["registry.test"])
[CI], [CLIENT, OWN] = BASE["users"], BASE["clients"]
REMOTELY = {"dockerHost": "ssh://ops@server.test", "dockerHostAccess": {"agent": True, "hostKey": HOST_KEY}}
DATA = PROJECT / "tests/unit/data"
LOGIN = {"agent": True, "hostKey": HOST_KEY}
BASTION = {"host": "bastion.test", "agent": True, "hostKey": HOST_KEY}


def without(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}


def certificate(**changes: Any) -> dict[str, Any]:
    return {"certificate": changes}


def provided(**changes: Any) -> dict[str, Any]:
    given = {"source": "provided", "chain": SERVED.pem, "key": SERVED.key_pem(), "authority": ROOT.pem}
    return {"certificate": without({**given, **changes})}


def signing(**changes: Any) -> dict[str, Any]:
    return {"certificate": without({**configured(BETWEEN), **changes})}


def acme(**changes: Any) -> dict[str, Any]:
    return {"images": IMAGES, "certificate": {"source": "acme", **changes}}


def by_dns(**changes: Any) -> dict[str, Any]:
    return acme(**{**DNS, **changes})


def bucket(**changes: Any) -> dict[str, Any]:
    return {"storage": {**BUCKET, **changes}}


def servers(**changes: Any) -> dict[str, Any]:
    return {"servers": [{**REMOTELY, **changes}], **bucket()}


def two_servers(**changes: Any) -> dict[str, Any]:
    second = {**REMOTELY, "name": "b", "dockerHost": "ssh://ops@second.test", **changes}
    return {"servers": [REMOTELY, second], **bucket()}


def floating(**changes: Any) -> dict[str, Any]:
    return {
        "servers": [{"address": "192.0.2.5"}, {"name": "b", "address": "192.0.2.6", **REMOTELY}],
        "floatingAddress": "192.0.2.10",
        **bucket(),
        **images(keepalived=f"sha256:{'c' * 64}"),
        **changes,
    }


def user(**changes: Any) -> dict[str, Any]:
    return {"users": [without({**CI, **changes})]}


def client(**changes: Any) -> dict[str, Any]:
    return {"clients": [without({**CLIENT, **changes}), OWN]}


def inventory(**changes: str) -> dict[str, Any]:
    return {"clientDefaults": LOGIN, "clientsInventory": {"file": f"{DATA}/hosts.ini", "group": "clients", **changes}}


def by_config(*hosts: str) -> dict[str, Any]:
    return {"clientDefaults": LOGIN, "clientsSsh": {"configFile": f"{DATA}/ssh_config", "hosts": hosts}}


def images(**changes: str) -> dict[str, Any]:
    return {"images": {**BASE["images"], **changes}}


def limits(**changes: int) -> dict[str, Any]:
    return {"limits": changes}


def cache(**changes: Any) -> dict[str, Any]:
    return {"caches": {"docker.io": {"username": "us", "password": "one", **changes}}}


def using_caches(*upstreams: str) -> dict[str, Any]:
    return {"caches": {upstream: {} for upstream in upstreams}, **client(caches=True)}


SIGNED: dict[str, tuple[dict[str, Any], ...]] = {
    "validityDays": ({"validityDays": 200},),
    "renewalDays": ({"renewalDays": 20},),
    "keyType": ({"keyType": "RSA-2048"},),
    "rotation": ({"rotation": "again"},),
}
CHANGES: dict[str, list[Change]] = {
    "domain": [({}, {"domain": "other.test"})],
    "aliases": [({}, {"aliases": ["other.test"]})],
    "httpsPort": [({}, {"httpsPort": 5000})],
    "bindAddress": [({}, {"bindAddress": "10.0.0.1"})],
    "proxyProtocol": [({}, {"proxyProtocol": ["10.0.0.9"]})],
    "dockerHost": [(REMOTELY, {**REMOTELY, "dockerHost": "ssh://ops@other.test"})],
    "dockerHostAccess.bastion": [
        (REMOTELY, {**REMOTELY, "dockerHostAccess": {**REMOTELY["dockerHostAccess"], "bastion": BASTION}})  # type: ignore[dict-item]
    ],
    "servers": [(servers(), two_servers()), (two_servers(), servers())],
    "drainSeconds": [(two_servers(), {**two_servers(), "drainSeconds": 20})],
    "servers.dockerHost": [(servers(), servers(dockerHost="ssh://ops@other.test"))],
    "servers.address": [(servers(), servers(address="10.0.0.1"))],
    "servers.bindAddress": [(servers(), servers(bindAddress="10.0.0.1"))],
    "floatingAddress": [(floating(), floating(floatingAddress="192.0.2.11"))],
    "serverDirectory": [({}, {"serverDirectory": "/srv/other"})],
    "certificate": [({}, provided())],
    "certificate.self-signed.authority": [({}, certificate(authority=ROOT.pem))],
    **{f"certificate.self-signed.{key}": [({}, certificate(**after)) for after in SIGNED[key]] for key in SIGNED},
    "certificate.self-signed.authorities": [
        (certificate(authorities=["1"]), certificate(authorities=["1", "2"])),
        (certificate(authorities=["1", "2"]), certificate(authorities=["2", "1"])),
        (certificate(authorities=["2", "1"]), certificate(authorities=["2"])),
    ],
    "certificate.self-signed.authorityValidityDays": [({}, certificate(authorityValidityDays=1000))],
    "certificate.provided.authority": [(provided(), provided(authority=ROOT.pem + OTHER_ROOT.pem))],
    "certificate.provided.public": [
        (
            provided(chain=UNDER.pem + BETWEEN.pem, key=UNDER.key_pem()),
            provided(chain=UNDER.pem + BETWEEN.pem, key=UNDER.key_pem(), authority=None, public=True),
        )
    ],
    "certificate.provided.chain": [(provided(), provided(chain=AGAIN.pem, key=AGAIN.key_pem()))],
    "certificate.provided.key": [(provided(), provided(chain=AGAIN.pem, key=AGAIN.key_pem()))],
    "certificate.signing-authority.authority": [(signing(), signing(authority=ROOT.pem + OTHER_ROOT.pem))],
    "certificate.signing-authority.public": [(signing(), signing(authority=None, public=True))],
    "certificate.signing-authority.chain": [
        (signing(), signing(chain=ROOT.pem, key=ROOT.key_pem())),
    ],
    "certificate.signing-authority.key": [(signing(), signing(chain=ROOT.pem, key=ROOT.key_pem()))],
    **{
        f"certificate.signing-authority.{key}": [(signing(), signing(**after)) for after in SIGNED[key]]
        for key in SIGNED
    },
    "certificate.acme.authority": [(acme(), acme(authority=ROOT.pem))],
    "certificate.acme.public": [(acme(authority=ROOT.pem), acme(authority=ROOT.pem, public=True))],
    "certificate.acme.directory": [(acme(), acme(directory="https://acme.test/directory"))],
    "certificate.acme.directoryAuthority": [(acme(), acme(directoryAuthority=ROOT.pem))],
    "certificate.acme.email": [(acme(), acme(email="ops@example.com"))],
    "certificate.acme.externalAccountKeyId": [(acme(**BOUND), acme(**{**BOUND, "externalAccountKeyId": "other"}))],
    "certificate.acme.externalAccountKey": [(acme(**BOUND), acme(**{**BOUND, "externalAccountKey": "other"}))],
    "certificate.acme.challenge": [(acme(), by_dns())],
    "certificate.acme.dnsProvider": [(by_dns(), by_dns(dnsProvider="route53"))],
    "certificate.acme.dnsVariables": [(by_dns(), by_dns(dnsVariables={"A_TOKEN": "other"}))],
    "certificate.acme.dnsResolvers": [(by_dns(), by_dns(dnsResolvers=["10.0.0.1"]))],
    "certificate.acme.dnsWaitSeconds": [(by_dns(), by_dns(dnsWaitSeconds=5))],
    "certificate.acme.profile": [(acme(), acme(profile="shortlived"))],
    "certificate.acme.preferredChain": [(acme(), acme(preferredChain="root"))],
    "certificate.acme.keyType": [(acme(), acme(keyType="P-384"))],
    "certificate.acme.rotation": [(acme(), acme(rotation="again"))],
    "storage": [({}, bucket())],
    "storage.s3.bucket": [(bucket(), bucket(bucket="other"))],
    "storage.s3.region": [(bucket(), bucket(region="us-east-1"))],
    "storage.s3.endpoint": [(bucket(), bucket(endpoint="https://s3.test"))],
    "storage.s3.prefix": [(bucket(), bucket(prefix="other"))],
    "storage.s3.accessKeyId": [(bucket(), bucket(accessKeyId="other"))],
    "storage.s3.secretAccessKey": [(bucket(), bucket(secretAccessKey="other"))],
    "storage.s3.authority": [(bucket(), bucket(authority=ROOT.pem))],
    "storage.s3.cacheSize": [(bucket(), bucket(cacheSize=20))],
    "storage.s3.keepVolume": [(bucket(), bucket(keepVolume=True))],
    "caches": [({}, cache()), (using_caches("ghcr.io"), using_caches("ghcr.io", "quay.io"))],
    "caches.url": [(cache(), cache(url="https://hub.test"))],
    "caches.username": [(cache(), cache(username="other"))],
    "caches.password": [(cache(), cache(password="other"))],
    "caches.authority": [(cache(), cache(authority=ROOT.pem))],
    "caches.maximumSize": [(cache(), cache(maximumSize=50))],
    "users": [({}, {"users": []})],
    "users.name": [({}, user(name="other"))],
    "users.password": [({}, user(password="other"))],
    "users.previousPassword": [({}, user(previousPassword="other"))],
    "users.rotation": [(user(password=None), user(password=None, rotation="2"))],
    "users.access": [({}, user(access="pull"))],
    "users.repositories": [({}, user(repositories=["team"]))],
    "anonymousPull": [({}, {"anonymousPull": ["team"]})],
    "clients": [({}, {"clients": [OWN]})],
    "clientsShare": [({}, {"clientsShare": 90})],
    "clientsAtOnce": [({}, {"clientsAtOnce": 10})],
    "clients.local": [({}, client(local=True))],
    "clients.bastion": [({}, client(bastion=BASTION))],
    "clients.caches": [({"caches": {"ghcr.io": {}}}, using_caches("ghcr.io"))],
    "clients.hostsEntry": [({}, client(hostsEntry="10.0.0.3")), ({}, client(hostsEntry=["10.0.0.2", "10.0.0.3"]))],
    "clients.login": [({}, client(login="ci"))],
    "clients.required": [({}, client(required=False))],
    "clients.runtimes": [({}, client(runtimes=["docker", "system"]))],
    "images.registry": [({}, images(registry=OTHER))],
    "images.nginx": [({}, images(nginx=OTHER))],
    "images.lego": [(acme(), {**acme(), "images": {**IMAGES, "lego": OTHER}})],
    "images.keepalived": [(floating(), floating(**images(keepalived=OTHER)))],
    "limits.registryMemory": [({}, limits(registryMemory=300))],
    "limits.nginxMemory": [({}, limits(nginxMemory=320))],
    "limits.loginMemory": [({}, limits(loginMemory=200))],
    "limits.legoMemory": [(acme(), {**acme(), **limits(legoMemory=200)})],
    "limits.cacheMemory": [(cache(), {**cache(), **limits(cacheMemory=300)})],
    "imagePullSecrets": [({}, {"imagePullSecrets": ["ci"]})],
    "verification": [({}, {"verification": False})],
    "verificationShare": [({}, {"verificationShare": 50})],
    "deleteData": [({}, {"deleteData": True})],
    "protect": [({}, {"protect": True})],
    "clientsInventory.file": [(inventory(), inventory(file=f"{DATA}/other-hosts.ini"))],
    "clientsInventory.group": [(inventory(), inventory(group="others"))],
    "clientsSsh.hosts": [(by_config("web*"), by_config("web*", "db1"))],
    "ssh.host": [({}, client(host="10.0.0.8"))],
    "ssh.user": [({}, client(user="root"))],
    "ssh.port": [({}, client(port=2222))],
    "ssh.privateKey": [({}, client(privateKey=BETWEEN.key_pem()))],
    "ssh.privateKeyPassword": [({}, client(privateKey=as_openssh(BETWEEN.key, b"one"), privateKeyPassword="one"))],
    "ssh.password": [({}, client(privateKey=None, password="one"))],
    "ssh.agent": [({}, client(privateKey=None, agent=True))],
    "ssh.hostKey": [({}, client(hostKey=OTHER_KEY))],
}


IN_TWO_UPDATES = ("servers.name",)
"""A server with another name is another server, and both would want the same places on the machine."""
KEYS_ALONE = {"dockerHostAccess", "clientDefaults", "clientsInventory", "clientsSsh", "images", "limits"}
"""Sections that do nothing but hold their keys."""
SSH = {str(field.alias) for field in SshAccess.model_fields.values()}


def fields(model: type[BaseModel] = Settings, path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield each setting whose change has an effect of its own: not the file that stands for another one's text."""
    for field in model.model_fields.values():
        key, section, kinds = f"{path}{field.alias}", section_of(field), kinds_of(field)
        if key.endswith("File") or field.alias in ("source", "type"):
            continue
        if issubclass(model, SshLogin) and field.alias in SSH:
            continue
        if field.alias not in KEYS_ALONE:
            yield key, field
        for name, kind in kinds.items():
            yield from fields(kind, f"{key}.{name}.")
        # Defaults are the keys of a client, and the login to one of several servers has those of the one server.
        is_elsewhere = section in (SshAccess, ClientDefaults) or (path and section is DockerHostAccess)
        if section and not is_elsewhere and not kinds:
            yield from fields(section, f"{key}.")


def all_fields() -> Iterator[tuple[str, FieldInfo]]:
    yield from fields()
    for field in SshAccess.model_fields.values():
        if not str(field.alias).endswith("File"):
            yield f"ssh.{field.alias}", field


DECLARED = {key: effect.kinds if (effect := effect_of(field)) else () for key, field in all_fields()}


def test_every_setting_says_what_a_change_does() -> None:
    assert [key for key, kinds in DECLARED.items() if not kinds] == []
    assert {kind for kinds in DECLARED.values() for kind in kinds} == set(EFFECTS)


def test_every_setting_is_changed_here() -> None:
    assert sorted([*CHANGES, *IN_TWO_UPDATES]) == sorted(DECLARED)


@pytest.mark.parametrize("key", CHANGES)
def test_a_change_does_what_the_reference_says(declare: Declare, key: str) -> None:
    found = {effect for before, after in CHANGES[key] for effect in effects(declare(**before), declare(**after))}
    assert set(DECLARED[key]) == (found or {"nothing"})


def effects(before: Recorder, after: Recorder) -> set[str]:
    """Return what an update from one to the other does: the worst of what happens on the server, and all else."""
    found = {effect for key in keys(before, after) for effect in of_resource(key, before, after)}
    on_server = sorted(found & set(SERVER_WIDE), key=SERVER_WIDE.index)
    return (found - set(SERVER_WIDE)) | set(on_server[-1:])


def keys(*recorders: Recorder) -> set[tuple[str, str]]:
    return {(resource.type, resource.name) for recorder in recorders for resource in recorder.resources}


def inputs(recorder: Recorder, key: tuple[str, str]) -> dict[str, Any]:
    # To become root or not, and another way to the host, are nothing that changes on it.
    found = (resource.inputs for resource in recorder.resources if (resource.type, resource.name) == key)
    return {
        name: value.replace("sudo -n ", "") if isinstance(value, str) else value
        for name, value in next(found, {}).items()
        if name != "connection"
    }


def of_resource(key: tuple[str, str], before: Recorder, after: Recorder) -> Iterator[str]:
    type_, name = key
    old, new = inputs(before, key), inputs(after, key)
    if _SECOND in name and not (old and new):
        # It comes or goes as a whole: nobody was served by it, or nobody is any more.
        return
    # What is placed in another place is placed by other arguments too.
    changed = {one for one in {*old, *new} - {"triggers"} if old.get(one) != new.get(one)}
    if type_ == CONTAINER and changed - IN_PLACE:
        yield "interruption" if name == "registry-proxy-container" else "restart"
    elif type_ == SERVER and changed - {"earlyRenewalHours"}:
        yield "reload"
    elif type_ in (LOCAL, REMOTE) and changed:
        yield from BY_COMMAND.get(name, ())
    elif type_ == TRUST and on_clients(old) != on_clients(new):
        yield "clients"
    if is_lost(key, old, new, before, after):
        yield "loss"


def on_clients(trust: Mapping[str, Any]) -> dict[str, Any]:
    """Return client -> what is on it: not how it is reached, nor whether it may be missing."""
    return {
        host: (
            [trust["runtimes"][runtime] for runtime in said["runtimes"]],
            said.get("hostsEntry"),
            said.get("loginAs"),
            said.get("caches") and trust["caches"],
            trust["registry"]["reference"],
            trust["authorities"],
        )
        for host, said in trust.get("hosts", {}).items()
    }


def is_lost(
    key: tuple[str, str], old: Mapping[str, Any], new: Mapping[str, Any], before: Recorder, after: Recorder
) -> bool:
    """Tell whether it is in another place than before, or gone with a later removal."""
    type_, _ = key
    if type_ == AUTHORITY:
        return bool(old and new) and old["validityPeriodHours"] != new["validityPeriodHours"]
    if type_ == "pulumi:providers:docker":
        return bool(old["host"] != new["host"])
    if type_.endswith(":Registry"):
        return bool(old["storage"]["place"] != new["storage"]["place"])
    if type_.endswith(":FloatingAddress"):
        return bool(old and new) and old["address"] != new["address"]
    if type_.endswith(":Proxy"):
        return bool(old.get("proxyProtocol")) != bool(new.get("proxyProtocol"))
    if type_ == VOLUME and old and new:
        return before.options[key].retained and not after.options[key].retained
    if type_ == TRUST:
        return bool(old and new) and old["registry"]["reference"] != new["registry"]["reference"]
    return False


RECORDED = {
    "bucket": "storage",
    "certificate-rotation": "certificate.self-signed.rotation",
    "client-runtimes": "clients.runtimes",
    "client-user": "ssh.user",
    "delete-data": "deleteData",
    "domain": "domain",
    "hosts-entry": "clients.hostsEntry",
    "nginx-image": "images.nginx",
    "nginx-memory": "limits.nginxMemory",
    "no-verification": "verification",
    "port": "httpsPort",
    "registry-image": "images.registry",
    "registry-memory": "limits.registryMemory",
    "server-directory": "serverDirectory",
    "user-added": "users",
    "validity": "certificate.self-signed.validityDays",
}
"""A preview of the real engine, kept beside the tests of the review -> what was changed for it."""


@pytest.mark.parametrize("name", RECORDED)
def test_the_engine_replaces_the_containers_that_the_reference_says(name: str) -> None:
    preview = parse((PROJECT / f"tests/unit/review/{name}.jsonl").read_text().split("\n"))
    replaced = {step.components[-1] for step in preview.changes if step.type == CONTAINER and step.op == "replace"}
    declared = set(DECLARED[RECORDED[name]])
    assert ("Proxy" in replaced) == ("interruption" in declared)
    assert bool(replaced) == bool({"interruption", "restart"} & declared)
