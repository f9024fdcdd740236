"""system_proof.sh: what it says where a client does not trust, and where nobody has to log in."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.clients.runtime import PROOF
from tests.scripts.conftest import Shell
from tests.unit.authority import issue

SCRIPT = Path("components/clients/system_proof.sh")
ROOT = issue("root", authority=True)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Serve something by TLS that asks for no login; returns HOST:PORT."""
    server = issue("server", ROOT, ["127.0.0.1"])
    (tmp_path / "server.pem").write_text(server.pem + server.key_pem())
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", str(tmp_path / "server.pem")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield next(line.split()[1] for line in process.stdout if line.startswith("ACCEPT "))
        process.terminate()


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Return a folder with programs that go before others: nobody waits."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "sleep").symlink_to(shutil.which("true") or "true")
    return folder


def curl(tools: Path, options: str = "") -> None:
    (tools / "curl").write_text(f'#!/bin/sh\nexec {shutil.which("curl")} "$@" {options}\n')
    (tools / "curl").chmod(0o755)


def proven(shell: Shell, tools: Path, registry: str, *more: str) -> subprocess.CompletedProcess[str]:
    shell = replace(shell, path=f"{tools}:{shell.path}", parts=(PROOF,))
    return shell.run(SCRIPT, f"registry={registry}", *more)


def test_a_client_whose_store_has_no_authority_does_not_prove_it(shell: Shell, tools: Path, registry: str) -> None:
    curl(tools)
    done = proven(shell, tools, registry)
    assert done.returncode == 1
    assert 'verification failed at "TLS with the system\'s trust store": curl: (60)' in done.stderr


def test_who_asks_for_no_login_is_not_the_registry(shell: Shell, tools: Path, registry: str, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text(ROOT.pem)
    curl(tools, f"--cacert {shlex.quote(str(tmp_path / 'root.pem'))}")
    done = proven(shell, tools, registry)
    assert 'verification failed at "401 without a login": HTTP status 200 instead of 401' in done.stderr


def test_a_client_without_curl_is_told_of(tools: Path) -> None:
    for tool in ("base64", "gzip", "uname"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    done = Shell((shutil.which("dash") or "dash",), str(tools), (PROOF,)).run(SCRIPT, "registry=registry.test")
    assert "curl is not installed on this client" in done.stderr


def test_each_name_is_proven_and_the_one_that_fails_is_said(shell: Shell, tools: Path) -> None:
    asked = tools / "asked"
    answers = f"""#!/bin/sh
for url; do :; done
echo "$url" >> {asked}
case $url in *c.test*) echo "curl: (6) Could not resolve host: c.test" && exit 6 ;; *) printf 401 ;; esac
"""
    (tools / "curl").write_text(answers)
    (tools / "curl").chmod(0o755)
    done = proven(shell, tools, "a.test", "aliases=b.test:8443,[fd00::2]")
    assert done.stdout == "trusted by the system, 401 without a login, also as b.test:8443,[fd00::2]\n"
    names = ("a.test", "b.test:8443", "[fd00::2]")
    assert asked.read_text().split() == [f"https://{name}/v2/" for name in names for _ in ("trust", "refusal")]
    done = proven(shell, tools, "a.test", "aliases=b.test,c.test")
    assert "TLS with the system's trust store" in done.stderr
    assert "curl: (6) Could not resolve host: c.test (as c.test)" in done.stderr
    assert proven(shell, tools, "a.test").stdout == "trusted by the system, 401 without a login\n"
