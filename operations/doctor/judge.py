"""From what was read of a host to what is to be said of it. Nothing here asks a host."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from operations.doctor.facts import Facts, Proxy
from operations.doctor.finding import Finding, Kind, note
from operations.doctor.names import leftovers, name_findings
from operations.doctor.pitfalls import old_builders, pitfalls
from operations.doctor.proxies import is_between
from operations.doctor.registry import Registry
from operations.doctor.trust import State, Trust, has_docker, installed, trusts, used
from operations.expiry.certificates import Certificate, Thresholds
from operations.expiry.certificates import Kind as OfCertificate
from operations.expiry.certificates import State as Lasting
from operations.expiry.report import time_left

_CLOCK_SECONDS = 60
"""A login with a token lasts five minutes, and a certificate begins when it is made."""
_DAEMON = ("/etc/docker/daemon.json", "/var/snap/docker/current/config/daemon.json")
_TOOLS = ("crane", "oras", "helm", "cosign", "regctl")


@dataclass(frozen=True)
class Wanted:
    """What the settings say of a host."""

    runtimes: tuple[str, ...] = ()
    """Nothing for the server."""
    hosts_entry: tuple[str, ...] = ()
    """The addresses for the registry's name in the hosts file."""
    is_server: bool = False


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a host."""

    offset: int = 0
    """Seconds by which its clock is ahead."""
    runtimes: tuple[tuple[str, str], ...] = ()
    """Program -> version."""
    trust: tuple[Trust, ...] = ()
    findings: tuple[Finding, ...] = ()
    proposal: tuple[str, ...] = ()
    """``runtimes`` as they would fit the host."""

    def days(self, now: datetime) -> int | None:
        """Return the days that are left of what is trusted; None where nothing is."""
        ends = [one.ends for one in self.trust if one.ends]
        return (min(ends) - now).days if ends else None


def judge(facts: Facts, registry: Registry, wanted: Wanted, asked: tuple[datetime, datetime]) -> Verdict:
    """Return what is to be said of a host.

    Args:
        facts: What was read of it.
        registry: What it is to trust.
        wanted: What the settings say of it.
        asked: When this machine began to ask, and when it had the answer.
    """
    offset = clock_offset(facts.now, asked)
    if wanted.is_server:
        found = [*_clock(offset, facts, registry), *_login(facts), *_server(facts)]
        return Verdict(offset, versions(facts), (), tuple(found))
    meant = {"system", *used(facts), *wanted.runtimes}
    trust = [one for one in trusts(facts, registry) if one.runtime in meant]
    found = [
        *_login(facts),
        *_clock(offset, facts, registry),
        *_runtimes(facts, wanted),
        *_trust(trust, registry, wanted),
        *_expiry(trust, asked[1]),
        *insecure(facts, registry, trust),
        *pitfalls(facts, registry, meant),
        *old_builders(facts, registry),
        *_proxies(facts, registry),
        *name_findings(facts, registry, wanted.hosts_entry),
        *leftovers(facts, registry, wanted.hosts_entry),
    ]
    return Verdict(offset, versions(facts), tuple(trust), tuple(dict.fromkeys(found)), proposal(facts))


def clock_offset(now: int, asked: tuple[datetime, datetime]) -> int:
    """Return by how many seconds a clock is ahead; 0 for what the time of the answer explains."""
    begin, end = int(asked[0].timestamp()), int(asked[1].timestamp()) + 1
    return now - end if now > end else min(0, now - begin)


def versions(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Return the programs that pull, with their versions."""
    found = {}
    if has_docker(facts):
        [version] = facts.docker.get("version", (_version(facts.programs.get("docker", "")),))[:1]
        found["docker"] = f"{version}{_docker_kind(facts)}"
    for name in ("containerd", "podman", "buildah", "skopeo", "crio", "buildkitd", "k3s", "rke2", "crictl", "nerdctl"):
        if name in facts.programs:
            found[name] = _version(facts.programs[name])
    return tuple(found.items())


def _version(said: str) -> str:
    """Return the first word with a number and a dot, of what a program says of itself."""
    words = (word.strip("v,()") for word in said.split() if "/" not in word)
    return next((word for word in words if word[:1].isdigit() and "." in word), "")


def _docker_kind(facts: Facts) -> str:
    said = []
    if any("rootless" in one for one in facts.docker.get("security", ())) or facts.rootless:
        said.append("rootless")
    if facts.is_snap:
        said.append("snap")
    if any("containerd" in one for one in facts.docker.get("store", ())):
        said.append("containerd's store")
    if _is_silent(facts):
        said.append("does not answer")
    return f" ({', '.join(said)})" if said else ""


def _is_silent(facts: Facts) -> bool:
    """Tell whether Docker does not answer root; others it refuses."""
    return facts.uid == 0 and "version" not in facts.docker


def proposal(facts: Facts) -> tuple[str, ...]:
    """Return the runtimes that fit a host."""
    found = [*used(facts), *(["system"] if any(tool in facts.programs for tool in _TOOLS) else [])]
    return tuple(found) or ("system",)


def _login(facts: Facts) -> Iterator[Finding]:
    if facts.uid != 0:
        yield Finding(
            Kind.CONNECTION,
            "the login is not root and cannot use sudo without a password: an update fails here, and what needs "
            "root was not read",
        )


def _server(facts: Facts) -> Iterator[Finding]:
    if not has_docker(facts):
        yield Finding(Kind.RUNTIME, "Docker is not installed on the server")
    elif _is_silent(facts):
        yield Finding(Kind.RUNTIME, "Docker does not answer: see 'docker info' on the server")


def _clock(offset: int, facts: Facts, registry: Registry) -> Iterator[Finding]:
    if abs(offset) > _CLOCK_SECONDS:
        way = "ahead of" if offset > 0 else "behind"
        yield Finding(Kind.CLOCK, f"the clock is {abs(offset)} s {way} that of this machine: set up NTP")
    now = datetime.fromtimestamp(facts.now, UTC)
    for what, one in [
        *(("the server certificate", one) for one in registry.served[:1]),
        *(("a CA certificate", one) for one in registry.trusted),
    ]:
        if now < one.not_valid_before_utc:
            yield Finding(Kind.CLOCK, f"by this host's clock {what} is not valid yet")
        elif now > one.not_valid_after_utc:
            yield Finding(Kind.CLOCK, f"by this host's clock {what} has expired")


def _runtimes(facts: Facts, wanted: Wanted) -> Iterator[Finding]:
    there = set(installed(facts))
    # Podman and others trust by Docker's folder too.
    there |= {"docker"} if "podman" in there else set()
    for name in wanted.runtimes:
        if name != "system" and name not in there:
            fitting = ", ".join(proposal(facts))
            yield Finding(Kind.RUNTIME, f"runtimes has {name}, which is not installed; what fits: [{fitting}]")
    if has_docker(facts) and _is_silent(facts):
        yield Finding(Kind.RUNTIME, "Docker is installed and does not answer: see 'docker info' there")


def _trust(trust: Sequence[Trust], registry: Registry, wanted: Wanted) -> Iterator[Finding]:
    for one in trust:
        is_wanted = one.runtime in wanted.runtimes
        if one.state is State.WRONG:
            yield Finding(Kind.TRUST, f"{one.label} does not trust the registry: {one.why}")
        elif one.state is State.TRUSTED and one.why:
            yield note(Kind.TRUST, f"{one.label}: {one.why}")
        elif one.state is State.MISSING and registry.is_deployed:
            why = one.why or "it has no CA certificate for it"
            if is_wanted:
                yield Finding(Kind.TRUST, f"{one.label} does not trust the registry: {why}; run an update")
            elif one.runtime != "system":
                yield note(Kind.TRUST, f"{one.label} is installed and does not trust the registry: {why}")
        elif one.state is State.UNKNOWN and one.why and is_wanted and registry.is_deployed:
            yield note(Kind.TRUST, f"{one.label}: whether it trusts is not known: {one.why}")


def _expiry(trust: Sequence[Trust], now: datetime) -> Iterator[Finding]:
    for one in trust:
        if one.anchor is None:
            continue
        lasting = Certificate.of(OfCertificate.AUTHORITY, one.runtime, None, one.anchor)
        if Thresholds().state(lasting, now) is not Lasting.OK:
            left = time_left(lasting.end - now)
            said = left if left.startswith("ended") else f"ends in {left}"
            yield Finding(Kind.EXPIRY, f"{one.runtime}: the CA certificate in {one.by} {said}; see docs/rotate.md")


def insecure(facts: Facts, registry: Registry, trust: Sequence[Trust]) -> Iterator[Finding]:
    """Yield which programs are told not to verify the registry."""
    said = {*facts.docker.get("insecure", ()), *(name for path in _DAEMON for name in _insecure_in(facts, path))}
    for entry in sorted(said):
        if entry in registry.references | {registry.host, registry.full_reference} or _covers(entry, facts.resolved):
            yield Finding(
                Kind.INSECURE, f"Docker does not verify this registry: remove {entry} from insecure-registries"
            )
    for one in trust:
        # A pitfall names the line.
        if not one.is_verifying and not any(pitfalls(facts, registry, {one.runtime})):
            yield Finding(Kind.INSECURE, f"{one.runtime} does not verify this registry, by {one.by}")


def _insecure_in(facts: Facts, path: str) -> list[str]:
    found = _daemon(facts, path).get("insecure-registries")
    return [str(one) for one in found] if isinstance(found, list) else []


def _daemon(facts: Facts, path: str) -> dict[str, object]:
    try:
        said = json.loads(facts.files.get(path, "{}"))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _covers(network: str, addresses: Sequence[str]) -> bool:
    try:
        return any(ip_address(one) in ip_network(network, strict=False) for one in addresses)
    except ValueError:
        return False


def _proxies(facts: Facts, registry: Registry) -> Iterator[Finding]:
    for service, proxy in all_proxies(facts).items():
        if is_between(proxy, registry.host, registry.port):
            yield Finding(
                Kind.PROXY,
                f"{service} has the proxy {proxy.url} for the registry: add {registry.host} to no_proxy there",
            )


def all_proxies(facts: Facts) -> dict[str, Proxy]:
    """Return who has which proxy: of Docker, what it answers, or else what its file says."""
    found = {name: proxy for name, proxy in facts.proxies.items() if name not in facts.files}
    if "version" in facts.docker:
        found.pop("dockerd", None)
        found["Docker"] = Proxy("".join(facts.docker.get("proxy", ())), "".join(facts.docker.get("exceptions", ())))
        return found
    for path in _DAEMON:
        said = _daemon(facts, path).get("proxies")
        if isinstance(said, dict):
            # As the variables of a service are called.
            named = {str(key).replace("-", "_"): str(value) for key, value in said.items()}
            found[path] = Proxy(named.get("https_proxy", ""), named.get("no_proxy", ""))
    return found
