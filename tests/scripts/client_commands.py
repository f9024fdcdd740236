"""The clients of a registry, as their users call them."""

import re
from typing import NamedTuple

from lab import client_programs
from lab.go_programs import GoPrograms
from tests.client import PASSWORD
from tests.e2e.load import MANIFEST
from tests.scripts.served import Served

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


def script(repository: str, digest: str, text: str) -> str:
    """Return a script with what each knows, in a folder with something to push."""
    return f"""password={PASSWORD!r} repository={repository} digest={digest}
image={REGISTRY}/{repository}:1.0.0 pulled={REGISTRY}/{repository}@{digest}
export DOCKER_CLI_HINTS=false CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock
cd "$(mktemp -d)" && echo {repository} > file && tar -cf layer.tar file
{text}"""


def digest_of(served: Served, repository: str) -> str:
    """Return the digest of what was pushed, as the registry says it."""
    answer = served.client().send("ci", "HEAD", f"/v2/{repository}/manifests/1.0.0", Accept=MANIFESTS)
    assert answer.status == 200, repository
    return answer.headers["Docker-Content-Digest"]
