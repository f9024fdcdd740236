"""acme.sh and renewal.sh with a real lego and a real authority: the first certificate, its renewal, and refusals.

What the authority asks for on port 80 is served from a folder here; nginx does it in tests/e2e/test_acme.py.
"""

import http.server
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from components.certificates.acme import secrets_text, settings_text
from components.scripts.script import script_text, with_payload
from components.settings.certificates import Acme
from components.troubleshooting import problem_of
from lab import images, servers
from lab.run import LabError, run
from tests.acme import BLOCKED, KEY, KEY_ID, RETRY_AFTER, Authority, authority, dns_provider, strict_authority
from tests.scripts.conftest import NETWORK, Shell
from tests.scripts.served import WORKER

RELEASES = Path("components/hosts/releases.sh")
PARTS = [Path("components/certificates/acme.sh")]
FOLDERS = Path("components/certificates/folders.sh")
RENEWAL = Path("components/certificates/renewal.sh")
STORE = f"private-registry-scripts-{WORKER}-acme"
KEEPER = f"private-registry-scripts-{WORKER}-lego"
USER = "10001:10001"
DOMAIN = "registry.test"
HTTP_PORT = 5002


@pytest.fixture(scope="module")
def lego(found_images: dict[str, str]) -> str:
    assert found_images
    return images.lego()


@pytest.fixture(scope="module")
def known(gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(servers.PEBBLE.ensure(), tmp_path_factory.mktemp("pebble"), gateway, HTTP_PORT, seconds=16) as known:
        yield known


class Place:
    """What a stack has on the server, in a folder: another volume and another folder for each test."""

    def __init__(self, root: Path, image: str, known: Authority) -> None:
        self.root, self.image, self.known = root, image, known
        self.served, self.tokens = root / "proxy/acme", root / "acme/tokens"

    def make(self, shell: Shell) -> None:
        folders = f"folders={self.served}:{self.tokens}"
        assert shell.run(FOLDERS, "create", f"owner={USER}", folders).stderr == ""
        run(["docker", "volume", "create", STORE])
        script = with_payload(Path("components/storage/volume_owner.sh"), {})
        words = [f"volume={STORE}", f"image={self.image}", f"owner={USER}", "path=/var/lib/acme", "folder=pairs"]
        run(["sh", "-s", "--", *words], stdin=script)

    def ask(
        self, shell: Shell, identity: str = "one", domain: str = DOMAIN, aliases: Sequence[str] = (), **changes: Any
    ) -> str:
        """Place settings; return what was said against them."""
        given = {**self.known.settings, **changes}
        given["directory"] = urljoin(self.known.directory, given["directory"])
        source = Acme.model_validate({key: value for key, value in given.items() if value is not None})
        trusted = source.directory_trusted
        payload = {
            "renewal.sh": script_text(RENEWAL),
            "settings": settings_text(source, domain, identity, aliases),
            "secrets": secrets_text(source),
            **({"directory.crt": trusted} if trusted else {}),
        }
        done = shell.run(
            RELEASES,
            "create",
            f"directory={self.root}/acme/renewal",
            f"owner={USER}",
            f"release={identity}",
            "program=lego",
            f"image={self.image}",
            f"network={NETWORK}",
            f"store={STORE}",
            f"served={self.served}",
            f"challenges={self.tokens}",
            f"asked={source.asked}",
            *(f"file={name}:{'0600' if name == 'secrets' else '0644'}:1" for name in payload),
            payload=payload,
            parts=PARTS,
            # lego tries again for half a minute where the directory does not answer, or is not trusted.
            seconds=90,
        )
        assert (done.returncode == 0) == (done.stderr == ""), done.stderr + done.stdout
        return done.stderr

    @property
    def live(self) -> str:
        link = self.root / "acme/renewal/current"
        return link.readlink().name if link.is_symlink() else ""

    def certificate(self, identity: str = "one") -> x509.Certificate:
        text = (self.served / identity / f"{DOMAIN}.crt").read_bytes()
        return x509.load_pem_x509_certificates(text)[0]

    def key(self, identity: str = "one") -> str:
        return (self.served / identity / f"{DOMAIN}.key").read_text()

    @contextmanager
    def kept(self, programs: Path | None = None, release: str = "one") -> Iterator[None]:
        """Run what renews while the body runs, from its release, with other programs than it has."""
        binds = {
            self.served: "/srv/served",
            self.tokens: "/srv/challenges",
            self.root / "acme/renewal": "/etc/private-registry",
        }
        if programs:
            binds[programs] = "/srv/programs"
        options = [word for source, target in binds.items() for word in ("--volume", f"{source}:{target}")]
        run(["docker", "rm", "--force", KEEPER])
        hardened = ["--user", USER, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]  # noqa: S108
        # As the official image has it: with the tools of BusyBox.
        tools = "mkdir /tmp/bin && busybox --install -s /tmp/bin && PATH=/srv/programs:/tmp/bin:$PATH"
        script = f"{tools} && exec busybox sh $0 keep"
        renewal = f"/etc/private-registry/releases/{release}/renewal.sh"
        command = [
            "--label",
            f"private-registry.config={release}",
            "--entrypoint",
            "sh",
            self.image,
            "-c",
            script,
            renewal,
        ]
        options += ["--volume", f"{STORE}:/var/lib/acme", "--name", KEEPER, "--network", NETWORK]
        run(["docker", "run", "--detach", *hardened, *options, *command])
        try:
            yield
        finally:
            run(["docker", "rm", "--force", "--volumes", KEEPER])

    def inside(self, script: str) -> str:
        """Run a script where the certificate is renewed."""
        return run(["docker", "exec", KEEPER, "sh", "-c", script])

    def check(self) -> str:
        """Ask what renews whether all goes well; return what it said."""
        return self.inside("sh /etc/private-registry/current/renewal.sh check || true")

    def pause(self) -> float:
        """Return how many seconds what renews will wait; 0 before its first attempt has ended."""
        due = self.inside("cat /tmp/note || true").partition(" ")[0].removeprefix("due=")
        return max(0, int(due or 0) - time.clock_gettime(time.CLOCK_BOOTTIME))


@pytest.fixture
def place(lego: str, known: Authority, tmp_path: Path) -> Iterator[Place]:
    tmp_path.chmod(0o755)
    run(["docker", "volume", "rm", "--force", STORE])
    yield Place(tmp_path, lego, known)
    run(["docker", "volume", "rm", "--force", STORE])


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Held(_Quiet):
    asked: threading.Event
    go_on: threading.Event

    def do_GET(self) -> None:
        """Let who asks wait."""
        self.asked.set()
        self.go_on.wait(60)
        super().do_GET()


@contextmanager
def answering(address: str, folder: Path, kind: type[_Quiet] = _Quiet) -> Iterator[None]:
    """Serve the proofs of a folder while the body runs."""
    handler = partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer((address, HTTP_PORT), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def issued(known: Authority) -> int:
    return known.log().count("Issued certificate")


def names_of(certificate: x509.Certificate) -> set[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName))


def until(what: str, done: Any, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError, ValueError):
            if done():
                return
        assert time.monotonic() < deadline, f"{what}: " + run(["sh", "-c", f"docker logs {KEEPER} 2>&1 || true"])
        time.sleep(0.3)


def test_a_certificate_is_there_before_its_settings_are_live(docker_shell: Shell, place: Place) -> None:
    place.make(docker_shell)
    with answering(place.known.address, place.tokens):
        assert place.ask(docker_shell, profile=None, email="ops@example.com") == ""
    assert place.live == "one"
    assert names_of(place.certificate()) == {DOMAIN}
    files = sorted((path.name, path.stat().st_mode & 0o777, path.stat().st_uid) for path in place.served.rglob("*"))
    assert files == [("one", 0o700, 10001), (f"{DOMAIN}.crt", 0o600, 10001), (f"{DOMAIN}.key", 0o600, 10001)]
    assert list(place.tokens.rglob("*/*/*")) == [], "no proof is left"
    # What is there is not asked for again: nobody would answer.
    served = place.certificate()
    place.known.stop()
    assert place.ask(docker_shell, profile=None, email="ops@example.com") == ""
    place.known.start()
    assert place.certificate() == served


REFUSED: Mapping[str, tuple[str, dict[str, Any], str]] = {
    "nobody answers on port 80": ("acme-port", {}, "error:connection"),
    "another one answers": ("acme-refused", {"elsewhere": True}, "404"),
    "no record": ("acme-record", {"domain": "nowhere.test"}, "nowhere.test"),
    "a name that it gives no certificates for": ("acme-name", {"domain": BLOCKED}, "rejectedIdentifier"),
    "no such profile": ("acme-profile", {"profile": "long"}, "long"),
    "no directory": ("acme-down", {"directory": "nothing"}, "404"),
    "a directory that is not trusted": ("acme-trust", {"directoryAuthority": None}, "x509"),
    "another bound key": (
        "acme-account",
        {"externalAccountKeyId": KEY_ID, "externalAccountKey": KEY[::-1]},
        "external account binding",
    ),
    "no such provider": ("acme-provider", {"challenge": "dns-01", "dnsProvider": "marker"}, "marker"),
    "variables are missing": ("acme-provider", {"challenge": "dns-01", "dnsProvider": "httpreq"}, "HTTPREQ_ENDPOINT"),
}
"""What is wrong -> row of the table of problems, settings that lead to it, and some of the authority's words."""


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_get_no_certificate_are_not_made_live(dash: Shell, place: Place, case: str) -> None:
    key, changes, words = REFUSED[case]
    place.make(dash)
    place.known.record("set-servfail", host="nowhere.test")
    if changes.pop("elsewhere", False):
        with answering(place.known.address, place.root):
            said = place.ask(dash)
    else:
        said = place.ask(dash, **changes)
    assert "no certificate from" in said, said
    assert words in said
    problem = problem_of(said)
    assert problem is not None
    assert problem.key == key, said
    assert KEY[::-1] not in said
    assert place.live == ""
    assert list(place.served.rglob("*.*")) == []


def test_what_a_provider_is_asked_with_is_in_no_error(dash: Shell, place: Place) -> None:
    place.make(dash)
    secret = "http://provider.invalid/marker-of-a-token/"
    said = place.ask(dash, challenge="dns-01", dnsProvider="httpreq", dnsVariables={"HTTPREQ_ENDPOINT": secret})
    assert "[secret]present" in said
    assert "marker" not in said


def test_what_nginx_has_not_taken_yet_is_renewed_too(dash: Shell, place: Place) -> None:
    place.make(dash)
    with answering(place.known.address, place.tokens):
        place.ask(dash)
        with place.kept():
            for identity in ("two", "three"):
                assert place.ask(dash, identity) == ""
            waiting = place.certificate("three").serial_number
            until("the next of those that wait", lambda: place.certificate("three").serial_number != waiting)
            assert place.certificate().not_valid_after_utc > datetime.now(UTC), "and what is served is renewed"
            kept = sorted(path.name for path in (place.root / "acme/renewal/releases").iterdir())
            assert kept == ["one", "three", "two"], "what runs needs its release"
        assert place.ask(dash, "four") == ""
        assert not (place.root / "acme/renewal/releases/one").exists()


def test_a_limit_is_told_of(dash: Shell, place: Place) -> None:
    place.make(dash)
    with strict_authority(place.known) as directory:
        said = place.ask(dash, directory=directory)
    problem = problem_of(said)
    assert problem is not None
    assert problem.key == "acme-limit", said
    assert "retry after 2030-01-01" in said


def test_a_bound_account_and_another_kind_of_key(dash: Shell, place: Place) -> None:
    place.make(dash)
    with answering(place.known.address, place.tokens):
        bound = {"externalAccountKeyId": KEY_ID, "externalAccountKey": KEY, "keyType": "P-384"}
        assert place.ask(dash, **bound) == ""
    assert "P-384" not in place.key()
    assert place.certificate().public_key().key_size == 384  # type: ignore[union-attr]


def test_a_record_proves_the_name(dash: Shell, place: Place) -> None:
    place.make(dash)
    with dns_provider(place.known, "wrong-password") as provider:
        provider["dnsVariables"]["HTTPREQ_PASSWORD"] = "marker-password"
        said = place.ask(dash, **provider)
        problem = problem_of(said)
        assert problem is not None
        assert problem.key == "acme-provider", said
        assert "marker-password" not in said
    with dns_provider(place.known, 'it\'s "right" $HOME') as provider:
        assert place.ask(dash, **provider) == ""
    assert place.certificate()


def test_it_is_renewed_until_nobody_answers_and_again_from_then_on(dash: Shell, place: Place) -> None:
    place.make(dash)
    with answering(place.known.address, place.tokens):
        assert place.ask(dash, aliases=["c.test", "b.test"]) == ""
        first, key = place.certificate(), place.key()
        with place.kept():
            renewed = first
            for number in ("a second", "a third"):
                before = renewed.serial_number
                until(number, lambda before=before: place.certificate().serial_number != before)
                renewed = place.certificate()
            assert place.key() == key
            assert names_of(renewed) == {DOMAIN, "c.test", "b.test"}
            assert place.check() == ""

            place.known.stop()
            last = place.certificate()
            until("it is seen that the end is near", lambda: "less than a fifth" in place.check())
            assert place.certificate().serial_number == last.serial_number
            # It has lost the account, too.
            place.known.start()
            until("another one", lambda: place.certificate().serial_number != last.serial_number)
            until("all is well", lambda: place.check() == "")
            assert place.key() == key


def test_what_was_lost_is_made_again(dash: Shell, place: Place) -> None:
    # It is empty whenever no container has it.
    run(["docker", "volume", "create", STORE, "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=256k"])
    place.make(dash)
    with answering(place.known.address, place.tokens):
        assert place.ask(dash) == ""
        before, key = place.certificate(), place.key()
        with place.kept():
            until("another account", lambda: place.certificate() != before)
            kept, orders = place.certificate(), issued(place.known)
            files = "pairs/one/certificates/registry.test.* accounts/*/*/account.json"
            halves = f"for file in {files}; do head -c 150 $file > /tmp/half; cat /tmp/half > $file; done"
            place.inside(f"cd /var/lib/acme; {halves}; head -c 1M /dev/zero > full || true")
            until("it is full", lambda: "attempt 1" in run(["docker", "logs", KEEPER]))
            assert issued(place.known) == orders, "what can't be kept is not asked for"
            assert (place.certificate(), place.key()) == (kept, key), "and no half of it is served"
            place.inside("rm /var/lib/acme/full")
            until("another one", lambda: place.certificate() != kept)
            assert place.check() == ""
            (place.served / f"one/{DOMAIN}.crt").unlink()
            (place.served / f"one/{DOMAIN}.key").write_text("rubbish\n")
            until("both are back", lambda: place.certificate() != kept and place.key() == key)


def test_it_asks_no_more_often_than_it_has_to(dash: Shell, place: Place) -> None:
    place.make(dash)
    with answering(place.known.address, place.tokens):
        assert place.ask(dash, profile="default", aliases=["c.test", "b.test"]) == ""
    orders = issued(place.known)
    settings = place.root / "acme/renewal/current/settings"
    # As of an authority that sorts the names in what it gives, which most do.
    settings.write_text(settings.read_text().replace("c.test b.test", "b.test c.test"))
    with place.kept(), strict_authority(place.known) as directory:
        for _ in ("from the start", "after a boot, which takes the notes in /tmp away"):
            until("it has nothing to do", lambda: place.pause() > 10_000)
            assert issued(place.known) == orders
            run(["docker", "restart", "--time", "0", KEEPER])
        settings.write_text(settings.read_text().replace(place.known.directory, directory))
        run(["docker", "restart", "--time", "0", KEEPER])
        until("it is refused", lambda: "rateLimited" in run(["docker", "logs", KEEPER]))
        until("it waits as it is told", lambda: 0.7 < place.pause() / RETRY_AFTER < 1.3)
        assert place.check() == "", "there is time enough"


# lego's clock is the machine's: what it would do by another one, it is told to do.
CLOCKS = {"ahead": (100 * 86400, 'set -- "$@" --days 36500'), "behind": (-86400, "exit 0")}
"""Clock of the server -> seconds, and what a lego with it does with a certificate that is new."""


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_clock_that_is_wrong_ends_in_neither_a_gap_nor_a_storm(dash: Shell, place: Place, clock: str) -> None:
    seconds, dynamic = CLOCKS[clock]
    programs = place.root / "programs"
    programs.mkdir()
    shift = f"$(($(busybox date +%s) + {seconds}))"
    (programs / "date").write_text(f'#!/bin/sh\n[ "$1" != +%s ] || {{ echo {shift}; exit; }}\nexec busybox date "$@"\n')
    (programs / "lego").write_text(f"""#!/bin/sh
for word; do shift; case $word in --dynamic) {dynamic} ;; *) set -- "$@" "$word" ;; esac; done
/lego "$@" || exit
find /var/lib/acme/work.* -name '*.crt' -mmin -1 -exec touch -d @{shift} {{}} +
""")
    for program in programs.iterdir():
        program.chmod(0o755)
    place.make(dash)
    with answering(place.known.address, place.tokens):
        assert place.ask(dash, profile="default" if clock == "ahead" else "shortlived") == ""
        first, orders = place.certificate(), issued(place.known)
        with place.kept(programs):
            until("another one", lambda: place.certificate() != first)
            if clock == "ahead":
                until("it waits", lambda: place.pause() > 20 * 86400 * 0.7)
                assert issued(place.known) == orders + 1
            else:
                second = place.certificate()
                until("and another one", lambda: place.certificate() != second)


def test_a_kill_at_any_moment_leaves_a_pair_that_works(dash: Shell, place: Place) -> None:
    place.make(dash)
    asked, go_on = threading.Event(), threading.Event()
    go_on.set()
    held = type("Held", (_Held,), {"asked": asked, "go_on": go_on})
    with answering(place.known.address, place.tokens, held):
        assert place.ask(dash) == ""
        first, key, orders = place.certificate(), place.key(), issued(place.known)
        asked.clear()
        go_on.clear()
        with place.kept():
            assert asked.wait(40), "there is an order, and the proof is asked for"
            run(["docker", "kill", KEEPER])
            go_on.set()
            assert place.key() == key
            assert place.certificate() == first, run(["docker", "logs", KEEPER])
            run(["docker", "start", KEEPER])
            until("another one", lambda: place.certificate() != first)
            assert issued(place.known) == orders + 1, "nothing came of the order before"
            assert list(place.tokens.rglob("*/*/*")) == [], "nor is its proof left"
            for tenths in (3, 6, 9, 12, 15):
                time.sleep(tenths / 10)
                run(["docker", "kill", KEEPER])
                assert place.certificate().public_key() == load_pem_private_key(key.encode(), None).public_key()
                assert place.key() == key
                run(["docker", "start", KEEPER])
            last = place.certificate()
            until("another one", lambda: place.certificate() != last)
            assert place.key() == key


def test_a_port_that_is_taken_is_told_of(known: Authority, lego: str) -> None:
    publish = ["--publish", f"{known.address}:80:80", "--entrypoint", "sleep", lego, "60"]
    run(["docker", "rm", "--force", KEEPER, f"{KEEPER}-challenge"])
    run(["docker", "run", "--detach", "--name", KEEPER, *publish])
    try:
        with pytest.raises(LabError) as refused:
            run(["docker", "run", "--rm", "--name", f"{KEEPER}-challenge", *publish])
    finally:
        run(["docker", "rm", "--force", KEEPER, f"{KEEPER}-challenge"])
    problem = problem_of(str(refused.value))
    assert problem is not None
    assert problem.key == "acme-port-taken", refused.value
