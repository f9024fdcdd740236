"""What hosts have of others where a runtime places something: shell scripts that make it, before each state anew."""

from collections.abc import Iterator
from dataclasses import dataclass

ELSEWHERE, STORE, KEPT = "/srv/elsewhere", "/nix/store/of-the-system", "/srv/kept"


@dataclass(frozen=True)
class State:
    """What is there before."""

    name: str
    script: str
    refused: str = ""
    """What is said of it where nothing can be placed."""
    stays: str = ""
    """What is said where it can't be taken away before a person has done something, and then ``undone``."""
    undone: str = ""
    adopted: str = ""
    """A file that counts as the stack's from now on, and goes with it."""


@dataclass(frozen=True)
class Ground:
    """Where a runtime places something."""

    name: str
    runtime: str
    folder: str
    """What each state has anew."""
    file: str
    """What is written, or a folder beside others of its kind."""
    base: str = "true"
    """What each state begins with."""
    check: str = "true"
    """A script that succeeds where a real program understands what was placed."""

    end: str = "true"
    """What each state ends with."""

    def keep(self) -> str:
        """Return a script that keeps a copy of the folder."""
        return f"rm -rf {KEPT} && {{ [ ! -e {self.folder} ] || cp -a {self.folder} {KEPT}; }}"

    def fresh(self) -> str:
        """Return a script that makes the folder what it was, of the copy."""
        return f"""while umount {self.folder} 2> /dev/null; do :; done
rm -rf {self.folder} {ELSEWHERE} /nix && mkdir -p {ELSEWHERE} {STORE}
[ ! -e {KEPT} ] || cp -a {KEPT} {self.folder}
{self.base}"""

    def read_only(self) -> str:
        """Return a script that makes the folder a read-only file system."""
        return f"mount --bind {self.folder} {self.folder} && mount -o remount,bind,ro {self.folder}"


@dataclass(frozen=True)
class SharedGround(Ground):
    """A file of others, in which some lines are ours."""

    others: str = ""
    """What they have there."""
    foreign: str = ""
    """What they have for the registry's name."""
    foreign_refused: str = ""
    empty_refused: str = ""
    broken: str = "[[["
    hand: str = ""
    """Our entry by hand."""
    stays: str = ""
    undone: str = ""

    def states(self) -> Iterator[State]:
        """Return what is there before."""
        yield State("nothing", f"rm -f {self.file}")
        yield State("others", self._written(self.others))
        yield State("CRLF", self._written(self.others.replace("\n", "\r\n")))
        yield State("no end", self._written(self.others.removesuffix("\n")))
        yield State("comments alone", self._written("# of others\n\n"))
        yield State("empty", self._written(""), self.empty_refused)
        yield State("odd", f"{self._written(self.others)}\nchmod 640 {self.file} && chown ops:games {self.file}")
        yield State("link", self._linked(ELSEWHERE))
        yield State("link to a store", self._linked(STORE), "is a link to /nix/store")
        yield State("read-only", f"{self._written(self.others)}\n{self.read_only()}", "cannot be written")
        yield State("managed", self._written(f"# Managed by Puppet\n{self.others}"), "written by another tool")
        yield State("broken", self._written(self.broken), "not valid")
        yield State("foreign", self._written(self.foreign), self.foreign_refused)
        yield State("by hand", self._written(self.hand), "", self.stays, self.undone)

    def _written(self, text: str) -> str:
        # A command's output loses the line ends at its end.
        return f"mkdir -p {self.file.rpartition('/')[0]} && printf %s {_quoted(text)} > {self.file}"

    def _linked(self, folder: str) -> str:
        return f"{self._written(self.others)}\nmv {self.file} {folder}/file && ln -s {folder}/file {self.file}"


@dataclass(frozen=True)
class OwnGround(Ground):
    """A folder of others, in which a file is ours."""

    ours: str = "ca.crt"
    strangers: str = "was not written by this stack"
    adopts: bool = False
    """Whether it takes over our authority that somebody has placed by hand."""
    link_refused: str = "is a link to /nowhere"
    read_only_refused: str = "."

    def states(self, authority: str) -> Iterator[State]:
        """Return what is there before; the authority is the registry's, PEM."""
        path, make = f"{self.file}/{self.ours}", f"mkdir -p {self.file}"
        other = f"mkdir -p {self.folder}/other.test && echo of others > {self.folder}/other.test/ca.crt"
        more = f"echo of others > {self.file}/README"
        yield State("nothing", f"rm -rf {self.folder}")
        yield State("others", f"{other}\n{make}\n{more}")
        yield State("empty folder", make)
        yield State("odd", f"{make}\n{more}\nchmod 750 {self.file} && chown ops:games {self.file} {self.file}/README")
        yield State("link", f"mkdir -p {self.folder} && ln -s {ELSEWHERE} {self.file}\n{more}")
        yield State("folder of folders elsewhere", f"mkdir -p {self._above} && ln -s {ELSEWHERE} {self.folder}")
        yield State("broken link", f"{make}\nln -s /nowhere/{self.ours} {path}", self.link_refused)
        yield State("read-only", f"{make}\n{self.read_only()}", self.read_only_refused)
        yield State("foreign", f"{make}\nprintf of-others > {path} && chmod 600 {path}", self.strangers)
        yield State("managed", f"{make}\nprintf '# Managed by Puppet\\nof others\\n' > {path}", self.strangers)
        yield State(
            "CRLF",
            f"{make}\nprintf %s {_quoted(authority.replace(chr(10), chr(13) + chr(10)))} > {path}",
            self.strangers,
        )
        yield State("empty", f"{make}\n: > {path}", self.strangers)
        yield State("by hand", f"{make}\nprintf %s {_quoted(authority)} > {path}", *self._by_hand(path))

    def _by_hand(self, path: str) -> tuple[str, ...]:
        return ("", "", "", path) if self.adopts else (self.strangers,)

    @property
    def _above(self) -> str:
        return self.folder.rpartition("/")[0]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_CONTAINERD = """version = 2
# of others
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "other.test/pause:3"  # of others
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/opt/cni/bin"
"""
_CERTS_D = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n'
_HOSTS = """# of others
server = "https://registry.test"

[host."https://mirror.test"]
  capabilities = ["pull"]
"""
_BUILDKIT = """# of others
debug = true

[registry."other.test"]
  ca = [ "/opt/other.pem" ] # of others
[worker.oci]
  gc = true
"""
_K3S = """# of others
mirrors:
    docker.io:
        endpoint: [ "https://mirror.test" ]
configs:
    "other.test":
        tls:
            ca_file: /opt/other.pem # of others
"""

SHARED = (
    SharedGround(
        "containerd",
        "containerd",
        "/etc/containerd",
        "/etc/containerd/config.toml",
        base="systemctl reset-failed containerd",
        check="containerd config dump | grep -E 'config_path = .*/etc/containerd/certs.d'",
        others=_CONTAINERD,
        foreign=f"""{_CONTAINERD}[plugins."io.containerd.grpc.v1.cri".registry.mirrors."registry.test"]
  endpoint = ["https://registry.test"]
""",
        foreign_refused="deprecated",
        hand=f'{_CONTAINERD}[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n',
    ),
    SharedGround(
        "containerd-hosts",
        "containerd",
        "/etc/containerd",
        "/etc/containerd/certs.d/registry.test/hosts.toml",
        base=f"printf %s {_quoted(_CERTS_D)} > /etc/containerd/config.toml",
        others=_HOSTS,
        foreign=f'{_HOSTS}[host."https://registry.test"]\n  ca = "/opt/other.pem"\n',
        foreign_refused="/opt/other.pem",
        empty_refused="was not written by this stack",
        hand=f'{_HOSTS}[host."https://registry.test"]\n  ca = "private-registry.crt"\n',
    ),
    SharedGround(
        "buildkit",
        "buildkit",
        "/etc/buildkit",
        "/etc/buildkit/buildkitd.toml",
        others=_BUILDKIT,
        foreign=f'{_BUILDKIT}[registry."registry.test"]\n  ca = ["/opt/other.pem"]\n',
        foreign_refused="/opt/other.pem",
        hand=f'{_BUILDKIT}[registry."registry.test"]\nca = ["/etc/buildkit/private-registry/registry.test/ca.crt"]\n',
        stays="by hand",
        undone=r"""sed -i '/private-registry.*"\]$/d' /etc/buildkit/buildkitd.toml""",
    ),
    SharedGround(
        "k3s",
        "k3s",
        "/etc/rancher",
        "/etc/rancher/k3s/registries.yaml",
        check="k3s-registries /etc/rancher/k3s/registries.yaml | grep /private-registry/registry.test/ca.crt",
        others=_K3S,
        foreign=f"{_K3S}    registry.test:\n        tls:\n            ca_file: /opt/other.pem\n",
        foreign_refused="/opt/other.pem",
        broken="a: [",
        hand=f"{_K3S}    registry.test:\n        tls:\n"
        "            ca_file: /etc/rancher/k3s/private-registry/registry.test/ca.crt\n",
    ),
)
OWN = (
    OwnGround(
        "docker",
        "docker",
        "/etc/docker/certs.d",
        "/etc/docker/certs.d/registry.test",
        adopts=True,
        link_refused="was not written by this stack",
    ),
    OwnGround(
        "podman",
        "podman",
        "/etc/containers/certs.d",
        "/etc/containers/certs.d/registry.test",
        ours="private-registry.crt",
    ),
    OwnGround(
        "podman-rootless",
        "podman-rootless",
        "/home/ops/.config/containers/certs.d",
        "/home/ops/.config/containers/certs.d/registry.test",
        base="mkdir -p /home/ops/.config/containers",
        end=f"chown -Rhf ops: /home/ops/.config {ELSEWHERE} || true",
        ours="private-registry.crt",
    ),
)
