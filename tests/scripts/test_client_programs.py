"""What the clients of a registry need to trust it: files where their documentation says, placed by hand.

The runtimes of ``components/clients`` rest on that. On both generations each client meets a certificate of a CA that it
does not know, then that CA in its place, then neither again.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import bcrypt
import pytest

from components.proxy.login.htpasswd import Login
from lab import client_programs
from lab.go_programs import GoPrograms
from tests.client import PASSWORD
from tests.e2e.load import MANIFEST
from tests.scripts.client_hosts import ClientHost
from tests.scripts.served import Served

USERS = {"ci": Login([bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()], "push", ["*"])}
UNKNOWN = re.compile(r"x509: certificate signed by unknown authority|unable to get local issuer certificate")
MANIFESTS = f"{MANIFEST}, application/vnd.docker.distribution.manifest.v2+json"
REGISTRY = "registry.test"


class Client(NamedTuple):
    """A client as its user calls it: shell scripts, with ``image`` to push, and ``pulled``, which that has become."""

    name: str
    login: str
    push: str
    """Empty where it can only pull: another one pushes then."""
    pull: str
    programs: tuple[GoPrograms, ...] = ()
    """What no package brings."""
    asks: str = ""
    """What the CA is needed for first, if that is not the login."""


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


def login(program: str) -> str:
    return f'printf %s "$password" | {program} login --username ci --password-stdin {REGISTRY}'


DOCKER = Client(
    "docker",
    login("docker"),
    "docker import layer.tar $image && docker push $image && docker rmi $image",
    """docker pull $pulled && docker rmi $pulled
printf "FROM $pulled\\nCOPY file /other\\n" > Dockerfile && docker build --quiet .""",
)
PODMAN = Client(
    "podman",
    login("podman"),
    "podman import --quiet layer.tar $image && podman push --quiet $image && podman rmi $image",
    "podman pull --quiet $pulled",
)
BUILDAH = Client(
    "buildah",
    login("buildah"),
    """made=$(buildah from scratch) && buildah copy --quiet $made file && buildah commit --quiet --rm $made $image
buildah push --quiet $image && buildah rmi $image""",
    "buildah pull --quiet $pulled",
)
SKOPEO = Client(
    "skopeo",
    login("skopeo"),
    """podman import --quiet layer.tar made && podman save --quiet --format oci-dir --output layout made
skopeo copy oci:layout docker://$image""",
    "skopeo copy docker://$pulled dir:copy",
)
CTR = Client(
    "ctr",
    "",
    """docker import layer.tar $image && docker save $image | ctr images import -
ctr images push --hosts-dir /etc/containerd/certs.d --user "ci:$password" $image && ctr images rm $image""",
    'ctr images pull --hosts-dir /etc/containerd/certs.d --user "ci:$password" $pulled',
    asks='ctr images pull --hosts-dir /etc/containerd/certs.d --user "ci:$password" $image',
)
CRICTL = Client(
    "crictl",
    "",
    CTR.push,
    'crictl pull --creds "ci:$password" $pulled && crictl rmi $pulled',
    (client_programs.CRICTL,),
    'crictl pull --creds "ci:$password" $image',
)
_BUILD = "buildctl build --progress plain --frontend dockerfile.v0 --local context=. --local dockerfile=. --no-cache"
_BUILT_AND_PUSHED = f"""printf 'FROM scratch\\nCOPY file /\\n' > Dockerfile
{_BUILD} --output type=image,name=$image,push=true"""
BUILDCTL = Client(
    "buildctl",
    f"""auth=$(printf %s "ci:$password" | base64)
mkdir -p ~/.docker && printf '{{"auths": {{"{REGISTRY}": {{"auth": "%s"}}}}}}' "$auth" > ~/.docker/config.json""",
    _BUILT_AND_PUSHED,
    f'printf "FROM $pulled\\nCOPY file /other\\n" > Dockerfile && {_BUILD}',
    (client_programs.BUILDKIT,),
    _BUILT_AND_PUSHED,
)
_K3S = "k3s-registries /etc/rancher/k3s/registries.yaml"
K3S = Client("k3s", "", "", f"{_K3S} $pulled", (client_programs.K3S,), f"{_K3S} $image")
CRANE = Client(
    "crane",
    f'crane auth login --username ci --password "$password" {REGISTRY}',
    "crane append --new_layer layer.tar --new_tag $image",
    "crane pull $pulled pulled.tar",
    (client_programs.CRANE,),
    "crane digest $image",
)
ORAS = Client(
    "oras", login("oras"), "oras push $image file", "oras pull --output copy $pulled", (client_programs.ORAS,)
)
HELM = Client(
    "helm",
    login("helm registry"),
    """helm create helm && helm package --version 1.0.0 helm && helm push helm-1.0.0.tgz oci://${image%/*}""",
    "helm pull oci://$pulled",
    (client_programs.HELM,),
)
COSIGN = Client(
    "cosign",
    f'cosign login --username ci --password "$password" {REGISTRY}',
    "cosign upload blob --files file $image",
    "cosign save --dir copy $pulled",
    (client_programs.COSIGN,),
    "cosign upload blob --files file $image",
)
_CURL = f"""curl --silent --show-error --fail --user "ci:$password" --header 'Accept: {MANIFEST}'"""
CURL = Client(
    "curl",
    f"{_CURL} https://{REGISTRY}/v2/",
    "",
    f'test "$({_CURL} https://{REGISTRY}/v2/$repository/manifests/$digest | sha256sum)" = "${{digest#*:}}  -"',
)

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


def script(repository: str, digest: str, text: str) -> str:
    """Return a script with what each knows, in a folder with something to push."""
    return f"""password={PASSWORD!r} repository={repository} digest={digest}
image={REGISTRY}/{repository}:1.0.0 pulled={REGISTRY}/{repository}@{digest}
export DOCKER_CLI_HINTS=false CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock
cd "$(mktemp -d)" && echo {repository} > file && tar -cf layer.tar file
{text}"""


def written(file: str, text: str) -> str:
    """Return a script that writes a file, in a folder that it makes where there is none."""
    return f"mkdir -p {Path(file).parent} && cat > {file} << END\n{text}END"


def digest_of(served: Served, repository: str) -> str:
    """Return the digest of what was pushed, as the registry says it."""
    answer = served.client().send("ci", "HEAD", f"/v2/{repository}/manifests/1.0.0", Accept=MANIFESTS)
    assert answer.status == 200, repository
    return answer.headers["Docker-Content-Digest"]


@pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])
def test_each_client_trusts_a_ca_in_its_place_and_none_that_is_gone(
    client_host: ClientHost, served: Served, place: Place
) -> None:
    def repository(client: Client) -> str:
        return f"{client_host.generation}-{place.name}/{client.name}"

    def refused() -> None:
        for client in place.clients:
            said = client_host.refused(script(repository(client), "", client.asks or client.login))
            assert UNKNOWN.search(said), f"{client.name}: {said}"

    for client in place.clients:
        client_host.bring(*client.programs)
    client_host.done(place.before)
    refused()
    client_host.done(script("", "", f"{written(place.file, served.authority)}\n{place.enable}"))
    for client in place.clients:
        if not client.push:
            served.client().push("ci", repository(client), "1.0.0")
        client_host.done(script(repository(client), "", f"{client.login}\n{client.push}"))
        client_host.done(script(repository(client), digest_of(served, repository(client)), client.pull))
    client_host.done(f"rm {place.file}\n{place.disable}")
    refused()
    client_host.done(f"{place.after}\nrm -rf ~/.docker ~/.config /run/containers/0/auth.json")
