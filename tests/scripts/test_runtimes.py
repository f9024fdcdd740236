"""Each runtime against the real programs, by the code that the provider uses, on hosts of two generations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import bcrypt
import pytest

from components.hosts.connections import Failed
from components.proxy.login.htpasswd import Login
from components.settings.model import VERIFICATION_USER
from lab import client_programs
from lab.go_programs import GoPrograms
from tests.client import PASSWORD
from tests.scripts import client_commands as commands
from tests.scripts.client_commands import UNKNOWN, Client, digest_of, script
from tests.scripts.client_hosts import ClientHost
from tests.scripts.grounds import ELSEWHERE, OWN, SHARED, STORE, OwnGround, SharedGround, State
from tests.scripts.placed import Placed, Way, reached
from tests.scripts.served import Served
from tests.unit.authority import issue

LOGIN = Login([bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()], "push", ["*"])
USERS = {"ci": LOGIN, VERIFICATION_USER: LOGIN}

NEW = issue("next authority", authority=True)
_NO_LINE = "sed -i /private-registry/d $file"
_K3S_LOGIN = """export DOCKER_CONFIG=$PWD
printf '{"auths": {"registry.test": {"auth": "%s"}}}' "$(printf %s "ci:$password" | base64)" > config.json"""
_K3S = r"""cat > /usr/local/bin/k3s << 'END'
#!/bin/sh
# Calls what the host has in the place of what k3s brings; images are pulled by the parser of k3s.
program=$1
shift
case $program-$1 in
ctr-*) exec ctr "$@" ;;
crictl-pull)
	DOCKER_CONFIG=$(mktemp -d)
	export DOCKER_CONFIG
	printf '{"auths": {"registry.test": {"auth": "%s"}}}' "$CRICTL_AUTH" > "$DOCKER_CONFIG/config.json"
	exec k3s-registries /etc/rancher/k3s/registries.yaml "$2"
	;;
esac
END
chmod 755 /usr/local/bin/k3s"""

# Docker that takes itself for one of a user, by what RootlessKit would say, which no host of the lab has.
_ROOTLESS = """ln -sf /bin/true /usr/local/bin/rootlesskit-docker-proxy
mkdir -p /run/rootless && install -d -o ops /run/user/1000
systemd-run --quiet --unit docker-rootless --setenv HOME=/home/ops --setenv XDG_RUNTIME_DIR=/run/user/1000 \\
	--setenv ROOTLESSKIT_STATE_DIR=/run/rootless dockerd --group ops --host unix:///run/user/1000/docker.sock \\
	--data-root /run/rootless/data --exec-root /run/rootless/exec --pidfile /run/rootless/pid \\
	--containerd /run/containerd/containerd.sock --bridge none --iptables=false
until DOCKER_HOST=unix:///run/user/1000/docker.sock docker version; do sleep 0.1; done"""


@dataclass(frozen=True)
class Case:
    """A runtime, and the programs that trust by it."""

    name: str
    clients: tuple[Client, ...]
    spoilt: str
    """A file of what is placed."""
    programs: tuple[GoPrograms, ...] = ()
    """Those that its proof needs."""
    spoil: str = "echo '# more' >> $file"
    """What somebody does to it."""
    before: str = "true"
    """What the host is like, before and after: with that undone by ``after``."""
    after: str = "true"
    runtime: str = ""
    """Its name, where that is another one."""


CASES = (
    Case("docker", (commands.DOCKER,), "/etc/docker/certs.d/registry.test/ca.crt"),
    Case(
        "docker-containerd",
        (commands.DOCKER,),
        "/etc/docker/certs.d/registry.test/ca.crt",
        before="""printf '{"features": {"containerd-snapshotter": true}}' > /etc/docker/daemon.json
systemctl restart docker""",
        after="rm /etc/docker/daemon.json && systemctl restart docker",
        runtime="docker",
    ),
    Case(
        "system",
        (commands.CRANE, commands.ORAS, commands.HELM, commands.COSIGN, commands.CURL),
        "/usr/local/share/ca-certificates/private-registry_registry.test_*.crt",
    ),
    Case("containerd", (commands.CTR, commands.CRICTL), "/etc/containerd/certs.d/registry.test/hosts.toml"),
    Case(
        "podman",
        (commands.PODMAN, commands.BUILDAH, commands.SKOPEO),
        "/etc/containers/certs.d/registry.test/private-registry.crt",
    ),
    Case(
        "podman-rootless",
        (),
        "/home/ops/.config/containers/certs.d/registry.test/private-registry.crt",
        # Its store can't lie on overlayfs.
        before="mkdir /home/ops/.local && mount -t tmpfs -o uid=1000,gid=1000,mode=700 tmpfs /home/ops/.local",
    ),
    Case(
        "buildkit",
        (commands.BUILDCTL,),
        "/etc/buildkit/buildkitd.toml",
        spoil=_NO_LINE,
        before="systemctl start buildkit",
        after="systemctl stop buildkit",
    ),
    Case(
        "k3s",
        (commands.K3S._replace(login=_K3S_LOGIN),),
        "/etc/rancher/k3s/registries.yaml",
        spoil=_NO_LINE,
        programs=(client_programs.K3S,),
        before=_K3S,
    ),
)
ROOTLESS = Case(
    "docker-rootless",
    (),
    "/home/ops/.config/docker/certs.d/registry.test/ca.crt",
    before=_ROOTLESS,
    after="systemctl stop docker-rootless",
)


@pytest.fixture(scope="module")
def way(client_host: ClientHost) -> Iterator[Way]:
    with reached(client_host) as found:
        yield found


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_host_trusts_moves_on_and_is_as_it_was_before(
    client_host: ClientHost, served: Served, way: Way, case: Case
) -> None:
    moves_on(client_host, served, way, case)


# A newer Docker wants to talk to RootlessKit.
@pytest.mark.parametrize("client_host", ["trixie"], indirect=True)
def test_docker_of_a_user_trusts_as_that_of_root(client_host: ClientHost, served: Served, way: Way) -> None:
    moves_on(client_host, served, way, ROOTLESS)


def moves_on(client_host: ClientHost, served: Served, way: Way, case: Case) -> None:
    """Place, prove, rotate and take away."""
    for programs in [*case.programs, *(one for client in case.clients for one in client.programs)]:
        client_host.bring(programs)
    client_host.done(case.before)
    placed, old = Placed(client_host, case.runtime or case.name, way), served.authority
    before = placed.listing()
    refuse(case, client_host)

    placed.place(old)
    assert placed.findings() == []
    placed.prove()
    for client in case.clients:
        use(case, client, client_host, served)

    placed.place(old + NEW.pem)
    assert "CA not removed" in placed.refused(NEW.pem)
    assert placed.findings() == []
    first = served.renew(NEW)
    try:
        placed.place(NEW.pem)
        assert placed.findings() == []
        placed.prove()
    finally:
        served.renew(first)

    client_host.done(f"for file in {case.spoilt}; do cp -p $file /tmp/kept; {case.spoil}; done")
    assert re.fullmatch(r"/\S+ has other content", "\n".join(placed.findings()))
    client_host.done(f"for file in {case.spoilt}; do cat /tmp/kept > $file; done")
    assert placed.take_away() == []
    assert placed.listing() == before
    refuse(case, client_host)
    client_host.done(case.after)


@pytest.mark.parametrize("client_host", ["trixie"], indirect=True)
@pytest.mark.parametrize("ground", [*SHARED, *OWN], ids=lambda ground: ground.name)
def test_what_others_have_stays_to_the_byte(
    client_host: ClientHost, served: Served, way: Way, ground: SharedGround | OwnGround
) -> None:
    client_host.bring(client_programs.K3S)
    client_host.done(ground.keep())
    states = ground.states() if isinstance(ground, SharedGround) else ground.states(served.authority)
    for state in states:
        keeps(Placed(client_host, ground.runtime, way, has_entry=False), client_host, served, ground, state)
    client_host.done(ground.fresh())


def keeps(placed: Placed, host: ClientHost, served: Served, ground: SharedGround | OwnGround, state: State) -> None:
    """See that nothing of others changes in a state, whatever is placed and taken away."""
    where = f"{ground.folder} {ELSEWHERE} {STORE}"
    before = placed.listing(where, f"{ground.fresh()}\n{state.script}\n{ground.end}")
    if state.refused:
        assert re.search(state.refused, placed.refused(served.authority)), state.name
    else:
        placed.place(served.authority)
        assert placed.findings() == [], state.name
        now = placed.listing(where, ground.check)
        assert {line for line in before if line.startswith(f"{ground.file} ")} <= now, state.name
        placed.place(served.authority + NEW.pem)
    if state.stays:
        with pytest.raises(Failed, match=state.stays):
            placed.take_away()
        host.done(state.undone)
        placed.take_away()
        return
    placed.take_away()
    after = placed.listing(where)
    gone = {line for line in before if state.adopted and state.adopted in line}
    assert after == before - gone, f"{state.name}: {sorted(after ^ before)}"


def refuse(case: Case, host: ClientHost) -> None:
    """See that no program trusts the registry."""
    for client in case.clients:
        said = host.refused(called(case, client, host, "", client.asks or client.login))
        assert UNKNOWN.search(said), f"{client.name}: {said}"


def use(case: Case, client: Client, host: ClientHost, served: Served) -> None:
    """Push and pull as a user does."""
    if client.push:
        host.done(called(case, client, host, "", f"{client.login}\n{client.push}"))
    else:
        served.client().push("ci", repository(case, client, host), "1.0.0")
    digest = digest_of(served, repository(case, client, host))
    host.done(called(case, client, host, digest, f"{client.login}\n{client.pull}"))


def repository(case: Case, client: Client, host: ClientHost) -> str:
    return f"{host.generation}-{case.name}/{client.name}"


def called(case: Case, client: Client, host: ClientHost, digest: str, text: str) -> str:
    """Return a script that calls a program in a home of its own, so that nothing stays."""
    return f"export HOME=$(mktemp -d)\n{script(repository(case, client, host), digest, text)}"
