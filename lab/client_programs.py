"""Real clients of a registry that no package of Debian brings; a host gets those that its test calls.

What several need is of the same version in all their ``go.mod``, so that it is compiled once.
"""

from lab.go_programs import GoPrograms
from lab.run import run

BUILDKIT = GoPrograms(
    "BuildKit",
    "buildkitd and buildctl",
    "clients/buildkit",
    tuple(f"github.com/moby/buildkit/cmd/{program}" for program in ("buildkitd", "buildctl")),
    "about a minute on 2 cores",
)
"""The daemon that Docker's and others' builders use, alone."""

CRANE = GoPrograms(
    "crane", "crane", "clients/crane", ("github.com/google/go-containerregistry/cmd/crane",), "about 20 s"
)

ORAS = GoPrograms("oras", "oras", "clients/oras", ("oras.land/oras/cmd/oras",), "some seconds")

HELM = GoPrograms("helm", "helm", "clients/helm", ("helm.sh/helm/v3/cmd/helm",), "about a minute on 2 cores")

COSIGN = GoPrograms(
    "cosign", "cosign", "clients/cosign", ("github.com/sigstore/cosign/v2/cmd/cosign",), "about a minute on 2 cores"
)

CRICTL = GoPrograms("crictl", "crictl", "clients/crictl", ("sigs.k8s.io/cri-tools/cmd/crictl",), "about half a minute")
"""Asks containerd as Kubernetes does."""

K3S = GoPrograms(
    "parser of k3s",
    "k3s-registries",
    "clients/k3s-registries",
    ("private-registry/lab/k3s-registries",),
    "some seconds",
)
"""What k3s and RKE2 read registries.yaml by: prints what it has understood, or pulls by that."""

ALL = (BUILDKIT, CRANE, ORAS, HELM, COSIGN, CRICTL, K3S)


def bring(container: str, *wanted: GoPrograms) -> None:
    """Make programs ready and copy them into a container that plays a host."""
    for programs in wanted:
        run(["docker", "cp", f"{programs.ensure()}/.", f"{container}:/usr/local/bin"])
