"""The rules as a policy pack, asked by the real engine: what is declared passes, what breaks a rule does not.

What nginx reads is known after an update alone, so the server is there. Clients are previewed, and not contacted.
Costs an update and 4 previews with the rules, and no host.
"""

from collections.abc import Iterator

import pulumi.automation as auto
import pytest

from policies.rules import RULES, WHOLE_RULES
from tests.e2e.stack import Stack
from tests.unit.conftest import HOST_KEY, SSH_KEY

NAME = "policies"
PASSWORD = "correct horse battery"
CLIENT = {"host": "10.255.255.1", "user": "ops", "privateKey": SSH_KEY, "hostKey": HOST_KEY, "hostsEntry": "10.0.0.2"}
ASKED = "✅ private-registry@"
"""What the engine prints of a pack that refuses nothing."""

PRODUCTION = {"protected-data": {"stacks": [NAME]}}

REFUSED_FILES = (
    "server-is-one-host|registry-proxy-users: a command of the server runs on 10.255.255.1, but most others run",
    "no-secret-on-clients|registry-trust: the input hosts.note may be sent to a client. Send only certificates",
    "no-secret-on-clients|registry-trust: a private key or a password hash is sent to a client. Remove",
    "registry-asks-who|registry-proxy-site: nginx.conf serves /v2/ without access control. Add 'auth_request /access;'",
    "registry-asks-who|registry-proxy-users: everything can be pulled without a login. Add it to private-registry",
    "modern-tls|registry-proxy-site: nginx.conf offers TLSv1.1. Render 'ssl_protocols TLSv1.2 TLSv1.3;'",
    "pinned-host-keys|registry-trust: the host 10.255.255.1 can present any key. Set its hostKey",
    "private-key-files|registry-proxy-tls: server.key is placed with the mode 0644. Declare it as File(",
    "no-insecure-registries|registry-trust: authorities contains insecure-registries",
)
REFUSED_CONTAINERS = (
    f"only-nginx-is-published|private-registry-{NAME}-registry: publishes the port 5000, and is not the proxy. Publish",
    "images-by-digest|registry-proxy-container: the image nginx:latest has no digest. Set it to IMAGE:TAG@",
    "no-latest|registry-proxy-login-container: the image nginx:latest has no fixed version. Set a version",
    "protected-data|registry-registry-data: the volume with the images is not protected in the stack policies. Set",
    "locked-down-containers|registry-proxy-container: keeps capabilities. Drop them",
    "locked-down-containers|registry-proxy-container: runs as root. Set its user to the UID:GID",
    f"locked-down-containers|private-registry-{NAME}-registry: can write to its root file system. Set read_only=True",
    f"locked-down-containers|private-registry-{NAME}-registry: can gain privileges. Add",
)


@pytest.fixture(scope="module")
def stack(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {
        "domain": "registry.test",
        "bindAddress": "127.0.0.1",
        "httpsPort": 18443,
        "images": {"registry": found_images["registry"], "nginx": found_images["nginx"]},
        "users": [{"name": "ci", "password": PASSWORD}],
        "anonymousPull": ["public"],
        "deleteData": True,
    }
    with Stack(tmp_path_factory.mktemp(NAME), NAME, settings) as stack:
        yield stack


def test_what_is_not_known_before_the_first_update_is_not_judged(stack: Stack) -> None:
    stack.configure(clients=[CLIENT])
    assert ASKED in stack.judged({})


def test_what_is_declared_passes(stack: Stack) -> None:
    stack.configure(clients=[])
    stack.up()
    stack.configure(clients=[CLIENT], protect=True, deleteData=None)
    said = stack.judged(PRODUCTION)
    stack.configure(protect=None, deleteData=True)
    assert ASKED in said
    assert "mandatory" not in said


@pytest.mark.parametrize(
    ("altered", "refused"), [("rules_of_files", REFUSED_FILES), ("rules_of_containers", REFUSED_CONTAINERS)]
)
def test_what_breaks_a_rule_is_refused_with_its_mend(stack: Stack, altered: str, refused: tuple[str, ...]) -> None:
    with stack.altered(altered), pytest.raises(auto.CommandError):
        stack.judged(PRODUCTION)
    said = " ".join(stack.log.split())
    for line in refused:
        name, message = line.split("|")
        assert f"{name} " in said
        assert " ".join(message.split()) in said
    assert PASSWORD not in stack.log
    assert "PRIVATE KEY" not in stack.log


def test_every_rule_is_refused_once() -> None:
    refused = {line.partition("|")[0] for line in REFUSED_FILES + REFUSED_CONTAINERS}
    # This stack has one server; of several, tests/unit/test_policies.py breaks the rule.
    assert refused | {"proof-of-the-server"} == {rule.name for rule in (*RULES, *WHOLE_RULES)}
