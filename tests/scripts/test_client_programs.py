"""What the clients of a registry need to trust it: files where their documentation says, placed by hand.

The runtimes of ``components/clients`` rest on that. On both generations each client meets a certificate of a CA that it
does not know, then that CA in its place, then neither again. With the CA it logs in, pushes and pulls: an image, what
is attached to that, and out of an index the image of its platform. It pulls once more with the tokens that come with
``anonymousPull``, and without a login.
"""

import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from components.proxy.login.htpasswd import Login
from tests.client import PASSWORD
from tests.scripts.client_commands import (
    BUILDAH,
    BUILDCTL,
    COSIGN,
    CRANE,
    CRICTL,
    CTR,
    CURL,
    DOCKER,
    HELM,
    K3S,
    MANIFESTS,
    ORAS,
    PODMAN,
    REGISTRY,
    SKOPEO,
    UNKNOWN,
    Client,
    digest_of,
    script,
)
from tests.scripts.client_hosts import ClientHost
from tests.scripts.served import Served

USERS = {"ci": Login([bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()], "push", ["*"])}


@dataclass(frozen=True)
class Place:
    """Where a CA certificate goes, and the clients that find it there."""

    name: str
    file: str
    clients: tuple[Client, ...]
    enable: str = ""
    """What else makes them read it."""
    disable: str = ""
    """What else there is to do when the file is gone."""
    before: str = ""
    """What the host is like, before and after: with that undone by ``after``."""
    after: str = ""


PLACES = (
    Place("docker", f"/etc/docker/certs.d/{REGISTRY}/ca.crt", (DOCKER, PODMAN)),
    Place(
        "docker-containerd",
        f"/etc/docker/certs.d/{REGISTRY}/ca.crt",
        (DOCKER,),
        before="""printf '{"features": {"containerd-snapshotter": true}}' > /etc/docker/daemon.json
systemctl restart docker""",
        after="rm /etc/docker/daemon.json && systemctl restart docker",
    ),
    Place("containers", f"/etc/containers/certs.d/{REGISTRY}/ca.crt", (PODMAN, BUILDAH, SKOPEO)),
    Place(
        "containerd",
        f"/etc/containerd/certs.d/{REGISTRY}/ca.crt",
        (CTR, CRICTL),
        # Without "ca" above, containerd 1 says of an image that is not there that the CA is unknown.
        f"""cat > /etc/containerd/certs.d/{REGISTRY}/hosts.toml << END
server = "https://{REGISTRY}"
ca = "/etc/containerd/certs.d/{REGISTRY}/ca.crt"
[host."https://{REGISTRY}"]
ca = "/etc/containerd/certs.d/{REGISTRY}/ca.crt"
END""",
        f"rm /etc/containerd/certs.d/{REGISTRY}/hosts.toml",
        # containerd 2.1 finds nothing in a list of folders. The plugin has its name of containerd 1, by which
        # containerd 2 knows it too in a file that says "version = 2", as that of Debian's package does.
        before="""cp /etc/containerd/config.toml ~/config.toml
cat >> /etc/containerd/config.toml << END
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
END
systemctl restart containerd""",
        after="mv ~/config.toml /etc/containerd/config.toml && systemctl restart containerd",
    ),
    Place(
        "buildkit",
        f"/etc/buildkit/{REGISTRY}.crt",
        (BUILDCTL,),
        f"""cat > /etc/buildkit/buildkitd.toml << END
[registry."{REGISTRY}"]
ca = ["/etc/buildkit/{REGISTRY}.crt"]
END
systemctl restart buildkit""",
        # It reads the file for each build, and does not build without.
        "rm /etc/buildkit/buildkitd.toml && systemctl restart buildkit",
        before="systemctl start buildkit",
        after="systemctl stop buildkit",
    ),
    Place(
        "k3s",
        "/etc/rancher/k3s/registry.test.crt",
        (K3S,),
        f"""cat > /etc/rancher/k3s/registries.yaml << END
configs:
  {REGISTRY}:
    tls: {{ca_file: /etc/rancher/k3s/registry.test.crt}}
    auth: {{username: ci, password: "$password"}}
END""",
        "rm /etc/rancher/k3s/registries.yaml",
    ),
    Place(
        "system",
        f"/usr/local/share/ca-certificates/{REGISTRY}.crt",
        (CRANE, ORAS, HELM, COSIGN, CURL),
        "update-ca-certificates",
        "update-ca-certificates",
    ),
)


def written(file: str, text: str) -> str:
    """Return a script that writes a file, in a folder that it makes where there is none."""
    return f"mkdir -p {Path(file).parent} && cat > {file} << END\n{text}END"


OPEN = "open"
"""Where the index is. Everybody may pull there, when a test says so."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
INDEX_OF_TWO = """
mkdir certificates && cat > certificates/ca.crt && buildah manifest create $image
for architecture in $architectures; do
	made=$(buildah from --quiet scratch)
	echo $architecture > platform
	buildah copy --quiet $made platform
	buildah config --arch $architecture $made
	buildah commit --quiet --rm $made $architecture
	buildah manifest add $image containers-storage:localhost/$architecture
done
buildah manifest push --all --cert-dir certificates --creds "ci:$password" $image docker://$image
buildah rmi --all
"""
LOGOUT = (
    "rm -rf ~/.docker ~/.config /run/containers/0/auth.json; sed -i /auth:/d /etc/rancher/k3s/registries.yaml || true"
)


@pytest.fixture(scope="module")
def many(client_host: ClientHost, served: Served) -> str:
    """What scripts know of an index of two platforms, which Buildah pushes: that of this machine is the second one."""
    architecture = ARCHITECTURES[platform.machine()]
    [other] = {*ARCHITECTURES.values()} - {architecture}
    repository = f"{OPEN}/{client_host.generation}"
    said = f"architectures='{other} {architecture}'\n{INDEX_OF_TWO}"
    client_host.done(script(repository, "", said), served.authority)
    index = digest_of(served, repository)

    def manifest(digest: str) -> dict[str, Any]:
        answer = served.client().send("ci", "GET", f"/v2/{repository}/manifests/{digest}", Accept=MANIFESTS)
        return dict(json.loads(answer.body))

    found = {one["platform"]["architecture"]: one["digest"] for one in manifest(index)["manifests"]}
    [layer] = manifest(found[other])["layers"]
    return (
        f"many={REGISTRY}/{repository}:1.0.0 index={index} architecture={architecture} "
        f"chosen={found[architecture]} other_layer={layer['digest']}"
    )


@pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])
def test_each_client_trusts_a_ca_in_its_place_and_none_that_is_gone(
    client_host: ClientHost, served: Served, many: str, place: Place
) -> None:
    def repository(client: Client) -> str:
        return f"{client_host.generation}-{place.name}/{client.name}"

    def refused() -> None:
        for client in place.clients:
            said = client_host.refused(script(repository(client), "", client.asks or client.login))
            assert UNKNOWN.search(said), f"{client.name}: {said}"

    def pulls(client: Client, text: str) -> None:
        client_host.done(script(repository(client), digest_of(served, repository(client)), f"{many}\n{text}"))

    for client in place.clients:
        client_host.bring(*client.programs)
    client_host.done(place.before)
    refused()
    client_host.done(script("", "", f"{written(place.file, served.authority)}\n{place.enable}"))
    for client in place.clients:
        if not client.push:
            served.client().push("ci", repository(client), "1.0.0")
        client_host.done(script(repository(client), "", f"{client.login}\n{client.push}"))
        pulls(client, f"{client.pull}\n{client.many}")
        assert bool(client.many) != bool(client.no_platforms), client.name
    served.let_in(USERS, [OPEN])
    for client in place.clients:
        pulls(client, client.pull)
    served.let_in(USERS, [OPEN, f"{client_host.generation}-{place.name}"])
    client_host.done(LOGOUT)
    for client in place.clients:
        pulls(client, f"password=\n{client.pull}\n{client.many}")
    served.let_in(USERS)
    client_host.done(f"rm {place.file}\n{place.disable}")
    refused()
    client_host.done(f"{place.after}\n{LOGOUT}")
