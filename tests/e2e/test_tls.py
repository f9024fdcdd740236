"""What nginx offers, judged by sslyze against Mozilla's intermediate profile, and read by nginx in the image used.

Costs 2 updates and no host.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.proxy.config import login_scripts, nginx_config
from components.registry_reference import registry_reference
from lab.cache import built, digest_of
from lab.run import run
from tests.e2e.conftest import settings
from tests.e2e.hosts import Hosts
from tests.e2e.stack import Stack
from tests.unit.authority import issue

REQUIREMENTS = Path(__file__).parent / "sslyze.txt"


@pytest.fixture(scope="module")
def sslyze() -> Path:
    """The folder of sslyze's packages."""

    def install(folder: Path) -> None:
        run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "--requirement", REQUIREMENTS])

    return built("sslyze", digest_of([REQUIREMENTS], sys.version), install)


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("tls"), "tls", settings(found_images, client_hosts)) as stack:
        stack.configure(deleteData=True)
        stack.up()
        yield stack


def judged(sslyze: Path, stack: Stack, authority: str) -> subprocess.CompletedProcess[str]:
    """Let sslyze judge what the stack's nginx offers."""
    file = stack.folder / "authority.pem"
    file.write_text(authority)
    target = f"registry.test:443{{{stack.settings['bindAddress']}}}"
    return subprocess.run(
        [sys.executable, "-m", "sslyze", "--mozilla_config", "intermediate", "--certinfo_ca_file", file, target],
        env={"PYTHONPATH": str(sslyze)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_our_own_certificate_and_protocols_pass_the_intermediate_profile(sslyze: Path, stack: Stack) -> None:
    done = judged(sslyze, stack, stack.outputs()["ca_certificate"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK - Compliant" in done.stdout


def test_a_weaker_protocol_does_not_pass(sslyze: Path, stack: Stack) -> None:
    with stack.altered("weak_tls"):
        stack.up()
    done = judged(sslyze, stack, stack.outputs()["ca_certificate"])
    assert done.returncode == 1
    assert "should be rejected" in done.stdout


@pytest.mark.parametrize("domain", ["registry.example.com", "10.0.0.2", "fd00::2"])
@pytest.mark.parametrize("port", [443, 8443])
def test_nginx_in_the_image_used_accepts_every_variant(
    found_images: dict[str, str], tmp_path: Path, domain: str, port: int
) -> None:
    pair = issue("server", issue("root", authority=True), [domain])
    scripts = login_scripts(registry_reference(domain, port), "login")
    files = {
        "tls/server.crt": pair.pem,
        "tls/server.key": pair.key_pem(),
        "users/htpasswd": "",
        "site/nginx.conf": nginx_config(domain, registry_reference(domain, port), "127.0.0.1", 5000, scripts),
        **{f"site/{file}": text for file, text in scripts.items()},
    }
    mounts = []
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    for bundle in ("tls", "users", "site"):
        mounts += ["--volume", f"{tmp_path / bundle}:/etc/private-registry/{bundle}/current:ro"]
    nginx = ["nginx", found_images["nginx"], "-t", "-q", "-c", "/etc/private-registry/site/current/nginx.conf"]
    scratch = ["--tmpfs", "/tmp"]  # noqa: S108 - the container's own
    run(["docker", "run", "--rm", "--network", "none", *scratch, *mounts, "--entrypoint", *nginx])
