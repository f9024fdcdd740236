"""The clients of a registry, as their users call them."""

import re
from typing import NamedTuple

from lab import client_programs
from lab.go_programs import GoPrograms
from tests.client import PASSWORD
from tests.e2e.load import MANIFEST
from tests.scripts.served import Served

UNKNOWN = re.compile(r"x509: certificate signed by unknown authority|unable to get local issuer certificate")
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFESTS = f"{MANIFEST}, {INDEX}, application/vnd.docker.distribution.manifest.v2+json"
REGISTRY = "registry.test"


class Client(NamedTuple):
    """A client as its user calls it: shell scripts, with ``image`` to push, and ``pulled``, which that has become.

    docker, buildah and buildctl also build from a base: the others have no builder, and podman has buildah's. oras and
    cosign attach something to what they push, and find it where they pull: the others have no command for that. What
    buildctl attests is in the index that it pushes.
    """

    name: str
    login: str
    push: str
    """Empty where it can only pull: another one pushes then."""
    pull: str
    programs: tuple[GoPrograms, ...] = ()
    """What no package brings."""
    asks: str = ""
    """What the CA is needed for first, if that is not the login."""
    many: str = ""
    """Pulls ``many``, an index of two platforms, by its tag, and sees that it gets the one of this machine."""
    no_platforms: str = ""
    """Why it chooses none."""


def login(program: str) -> str:
    return f'printf %s "$password" | {program} login --username ci --password-stdin {REGISTRY}'


def built_from(base: str, build: str) -> str:
    """Return a script that builds an image of a base, into the folder ``out``."""
    return f'printf "FROM {base}\\nCOPY file /other\\n" > Dockerfile\n{build}'


_OURS = 'test "$(cat out/platform)" = $architecture'
"""What is built of ``many`` has the file of this machine's platform."""
_GIVEN = '${{password:+{option} "ci:$password"}}'
"""The login of a program that gets it with each command; nothing without a password."""
_DOCKER_BUILD = "docker build --quiet --output out ."

DOCKER = Client(
    "docker",
    login("docker"),
    "docker import layer.tar $image && docker push $image && docker rmi $image",
    f"docker pull $pulled\ndocker rmi $pulled\n{built_from('$pulled', _DOCKER_BUILD)}",
    many=f"""docker pull --quiet $many
of=$(docker image inspect --format '{{{{.Architecture}}}} {{{{index .RepoDigests 0}}}}' $many)
test "$of" = "$architecture ${{many%:*}}@$index"
docker rmi $many
{built_from("$many", _DOCKER_BUILD)}
{_OURS}""",
)
PODMAN = Client(
    "podman",
    login("podman"),
    "podman import --quiet layer.tar $image && podman push --quiet $image && podman rmi $image",
    "podman pull --quiet $pulled\npodman rmi $pulled",
    many="""podman pull --quiet $many
podman image inspect --format '{{.Architecture}} {{.RepoDigests}}' $many | grep "^$architecture .*@$index"
podman rmi $many""",
)
BUILDAH = Client(
    "buildah",
    login("buildah"),
    """made=$(buildah from scratch) && buildah copy --quiet $made file && buildah commit --quiet --rm $made $image
buildah push --quiet $image && buildah rmi $image""",
    "buildah pull --quiet $pulled\nbuildah rmi $pulled",
    many=f"{built_from('$many', 'buildah build --quiet --pull=always --output out .')}\n{_OURS}",
)
SKOPEO = Client(
    "skopeo",
    login("skopeo"),
    """podman import --quiet layer.tar made && podman save --quiet --format oci-dir --output layout made
skopeo copy oci:layout docker://$image""",
    "skopeo copy docker://$pulled dir:copy",
    many="""skopeo copy docker://$many dir:many
test "sha256:$(sha256sum < many/manifest.json)" = "$chosen  -"
""",
)
_CTR_PULL = f"ctr images pull --hosts-dir /etc/containerd/certs.d {_GIVEN.format(option='--user')}"
CTR = Client(
    "ctr",
    "",
    """docker import layer.tar $image && docker save $image | ctr images import -
ctr images push --hosts-dir /etc/containerd/certs.d --user "ci:$password" $image && ctr images rm $image""",
    f"{_CTR_PULL} $pulled\nctr images rm --sync $pulled",
    asks=f"{_CTR_PULL} $image",
    # containerd 2 keeps all manifests, but no layers of others.
    many=f"""{_CTR_PULL} $many
test "$(ctr images list name==$many | awk 'NR == 2 {{ print $3 }}')" = $index
ctr content get $chosen
if ctr content get $other_layer; then exit 1; fi
ctr images rm --sync $many""",
)
_CRICTL_PULL = f"crictl pull {_GIVEN.format(option='--creds')}"
CRICTL = Client(
    "crictl",
    "",
    CTR.push,
    f"{_CRICTL_PULL} $pulled\ncrictl rmi $pulled",
    (client_programs.CRICTL,),
    f"{_CRICTL_PULL} $image",
    f"""{_CRICTL_PULL} $many
said='{{{{.info.imageSpec.architecture}}}} {{{{index .status.repoDigests 0}}}}'
of=$(crictl inspecti --output go-template --template "$said" $many)
test "$of" = "$architecture ${{many%:*}}@$index"
crictl rmi $many""",
)
_BUILD = "buildctl build --progress plain --frontend dockerfile.v0 --local context=. --local dockerfile=. --no-cache"
_BUILT_AND_PUSHED = f"""printf 'FROM scratch\\nCOPY file /\\n' > Dockerfile
{_BUILD} --opt platform=linux/amd64,linux/arm64 --opt attest:provenance=mode=min \\
	--output type=image,name=$image,push=true"""
_BUILT = f"{_BUILD} --output type=local,dest=out"
BUILDCTL = Client(
    "buildctl",
    f"""auth=$(printf %s "ci:$password" | base64)
mkdir -p ~/.docker && printf '{{"auths": {{"{REGISTRY}": {{"auth": "%s"}}}}}}' "$auth" > ~/.docker/config.json""",
    _BUILT_AND_PUSHED,
    built_from("$pulled", _BUILT),
    (client_programs.BUILDKIT,),
    _BUILT_AND_PUSHED,
    f"{built_from('$many', _BUILT)}\n{_OURS}",
)
_K3S = "k3s-registries /etc/rancher/k3s/registries.yaml"
K3S = Client(
    "k3s",
    "",
    "",
    f"{_K3S} $pulled",
    (client_programs.K3S,),
    f"{_K3S} $image",
    f'test "$({_K3S} $many)" = $chosen',
)
CRANE = Client(
    "crane",
    f'crane auth login --username ci --password "$password" {REGISTRY}',
    "crane append --new_layer layer.tar --new_tag $image",
    "crane pull $pulled pulled.tar",
    (client_programs.CRANE,),
    "crane digest $image",
    # Where nothing is said it takes amd64.
    """test "$(crane digest $many)" = $index
test "$(crane digest --platform linux/$architecture $many)" = $chosen
crane pull --platform linux/$architecture $many many.tar""",
)
ORAS = Client(
    "oras",
    login("oras"),
    "oras push $image file\noras attach --artifact-type application/vnd.test.note $image file:text/plain",
    """oras pull --output copy $pulled
oras manifest fetch ${pulled%@*}:sha256-${digest#*:} | grep application/vnd.test.note
attached=$(oras discover --format go-template --template '{{ range .referrers }}{{ .reference }}{{ end }}' $pulled)
oras pull --output attached $attached
cmp file attached/file""",
    (client_programs.ORAS,),
    many="""oras copy --to-oci-layout --platform linux/$architecture $many many:1
test "sha256:$(oras manifest fetch --oci-layout many:1 | sha256sum)" = "$chosen  -"
""",
)
HELM = Client(
    "helm",
    login("helm registry"),
    """helm create helm && helm package --version 1.0.0 helm && helm push helm-1.0.0.tgz oci://${image%/*}""",
    "helm pull oci://$pulled",
    (client_programs.HELM,),
    no_platforms="a chart is for all of them",
)
_KEY = "/tmp/cosign"  # noqa: S108 - on a host of the test
COSIGN = Client(
    "cosign",
    f'cosign login --username ci --password "$password" {REGISTRY}',
    f"""cosign upload blob --files file $image
export COSIGN_PASSWORD=
rm -f {_KEY}.*
cosign generate-key-pair --output-key-prefix {_KEY}
cosign sign --yes --key {_KEY}.key --tlog-upload=false $image""",
    f"""cosign save --dir copy $pulled
cosign verify --key {_KEY}.pub --insecure-ignore-tlog --private-infrastructure $pulled""",
    (client_programs.COSIGN,),
    "cosign upload blob --files file $image",
    no_platforms="it signs and saves all of them",
)
_CURL = f"""curl --silent --show-error --fail {_GIVEN.format(option="--user")} --header 'Accept: {MANIFESTS}'"""
CURL = Client(
    "curl",
    f"{_CURL} https://{REGISTRY}/v2/",
    "",
    f'test "$({_CURL} https://{REGISTRY}/v2/$repository/manifests/$digest | sha256sum)" = "${{digest#*:}}  -"',
    no_platforms="it gets the index that it asks for",
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
