"""A machine's trust store in a folder: Debian's with its real program, others with a small one on the real p11-kit.

Those of Fedora, Arch and SUSE are in no package of Debian's. All of them have p11-kit read the anchors and write the
bundle, and so does what stands in for them here; what else they do is not tested.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.debian import install
from tests.unit.authority import issue

_OTHERS = {
    "fedora": (
        "update-ca-trust",
        "etc/pki/ca-trust/source/anchors",
        "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ),
    "arch": (
        "update-ca-trust",
        "etc/ca-certificates/trust-source/anchors",
        "etc/ca-certificates/extracted/tls-ca-bundle.pem",
    ),
    "suse": ("update-ca-certificates", "etc/pki/trust/anchors", "var/lib/ca-certificates/ca-bundle.pem"),
}
"""Its program, where it wants authorities, and what it makes of them."""
HOOKS = "etc/ca-certificates/update.d"
KINDS = ("debian", *_OTHERS)
OF_THE_DISTRIBUTION = {name: issue(name, authority=True).pem for name in ("first", "second")}
"""More than one: OpenSSL takes a bundle of one for a certificate, and has it found by a link."""


@dataclass(frozen=True)
class Machine:
    """Where a machine has its trust store."""

    root: Path
    program: Path
    anchors: Path
    bundle: Path

    def path(self, tools: str) -> str:
        """Return where a shell finds programs: the machine's own go first."""
        return f"{self.program.parent}:{tools}"

    def content(self) -> Mapping[str, object]:
        """Return all files with their content and mode, and all links with what they lead to."""
        return {
            str(path.relative_to(self.root)): str(path.readlink())
            if path.is_symlink()
            else (path.stat().st_mode, path.read_bytes())
            for path in sorted(self.root.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    def replace(self, script: str) -> None:
        """Put another program in the place of the one that makes the store; it finds that beside it, as `real`."""
        self.program.rename(self.program.with_name("real"))
        self.program.write_text(f"#!/bin/sh\n{script}\n")
        self.program.chmod(0o755)

    def restore(self) -> None:
        """Take that back."""
        self.program.with_name("real").rename(self.program)


def machine(root: Path, kind: str) -> Machine:
    """Make a machine whose store has the authorities of a distribution."""
    made = _debian(root) if kind == "debian" else _with_p11_kit(root, *_OTHERS[kind])
    # Both programs of OpenSSL's and BusyBox' shells alike.
    for tool in ("openssl", "curl"):
        (made.program.parent / tool).symlink_to(shutil.which(tool) or tool)
    return made


def _program(root: Path, name: str, script: str) -> Path:
    program = root / "usr/sbin" / name
    program.parent.mkdir(parents=True)
    # With the tools of this machine, also where the shell that starts it has BusyBox' alone.
    program.write_text(f"#!/bin/sh\nset -e\nPATH={shlex.quote(os.environ['PATH'])}\n{script}")
    program.chmod(0o755)
    return program


def _debian(root: Path) -> Machine:
    for folder in ("usr/share/ca-certificates", "usr/local/share/ca-certificates", "etc/ssl/certs", HOOKS):
        (root / folder).mkdir(parents=True)
    for name, pem in OF_THE_DISTRIBUTION.items():
        (root / f"usr/share/ca-certificates/{name}.crt").write_text(pem)
    (root / "etc/ca-certificates.conf").write_text("".join(f"{name}.crt\n" for name in OF_THE_DISTRIBUTION))
    real = shutil.which("update-ca-certificates")
    assert real, "update-ca-certificates is missing; on Debian: apt-get install ca-certificates"
    options = {
        "certsconf": "etc/ca-certificates.conf",
        "certsdir": "usr/share/ca-certificates",
        "localcertsdir": "usr/local/share/ca-certificates",
        "etccertsdir": "etc/ssl/certs",
        "hooksdir": HOOKS,
    }
    words = " ".join(f"--{option} {shlex.quote(str(root / path))}" for option, path in options.items())
    program = _program(root, "update-ca-certificates", f"exec {real} {words}\n")
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    return _made(Machine(root, program, root / options["localcertsdir"], bundle))


def _with_p11_kit(root: Path, name: str, anchors: str, bundle: str) -> Machine:
    install("trust", "p11-kit")
    (root / anchors).mkdir(parents=True)
    (root / bundle).parent.mkdir(parents=True)
    (root / "distribution.pem").write_text("".join(OF_THE_DISTRIBUTION.values()))
    # p11-kit takes other places than those of this machine from the configuration of a user who is not root.
    script = f"""
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/token/anchors" "$work/.config/pkcs11/modules" "$work/out"
    cp {shlex.quote(str(root))}/distribution.pem "$work/token/anchors"
    cp {shlex.quote(str(root / anchors))}/* "$work/token/anchors" 2> /dev/null || true
    echo 'user-config: only' > "$work/.config/pkcs11/pkcs11.conf"
    printf '%s\\n' 'module: p11-kit-trust.so' 'trust-policy: yes' "x-init-reserved: paths='$work/token'" \
        > "$work/.config/pkcs11/modules/trust.module"
    chmod -R a+rX "$work"
    chmod a+rwx "$work/out"
    HOME=$work setpriv --reuid=65534 --clear-groups \
        trust extract --format=pem-bundle --filter=ca-anchors --purpose=server-auth --comment "$work/out/bundle"
    install -m 0444 "$work/out/bundle" {shlex.quote(str(root / bundle))}.new
    mv -f {shlex.quote(str(root / bundle))}.new {shlex.quote(str(root / bundle))}
    """
    program = _program(root, name, script)
    return _made(Machine(root, program, root / anchors, root / bundle))


def _made(machine: Machine) -> Machine:
    subprocess.run([machine.program], check=True, capture_output=True)
    return machine
