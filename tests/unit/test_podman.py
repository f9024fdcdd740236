"""Podman: which folder the file goes to, with whatever was there before."""

import re
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from components.clients.access import Access
from components.clients.host_file import Facts, Own, Refused, There
from components.clients.podman import Podman, PodmanRootless
from components.clients.runtime import Known

KNOWN = Known("registry.test:8443", "registry.test:8443", "private-registry project/stack", has_authorities=True)
NAME = KNOWN.reference
OLD, NEW = (f"-----BEGIN CERTIFICATE-----\n{word}\n-----END CERTIFICATE-----\n" for word in ("old", "new"))
FILE = "private-registry.crt"
OF_ROOT = "/root/.config/containers/certs.d"
NEWER = "/etc/containers/certs.rootful.d"
MACHINE = "/etc/containers/certs.d"
OF_DOCKER = "/etc/docker/certs.d"
OF_USER = "/home/ci/.config/containers/certs.d"
CONF = "/etc/containers/registries.conf"
OWN_CONF = "/home/ci/.config/containers/registries.conf"


def there(*paths: str) -> Facts:
    """Return what the question says of a host with these folders and files."""
    return Facts(said="".join(f"{path}\n" for path in paths), home="/home/ci")


def placed(facts: Facts, rootless: bool = False, known: Known = KNOWN, authorities: str = OLD) -> list[str]:
    """Return the folders that get the file."""
    found = (PodmanRootless() if rootless else Podman()).wants(known, authorities, facts)
    assert all(isinstance(one, Own) and one.content == authorities and one.mode == "0644" for one in found)
    return [one.path.removesuffix(f"/{FILE}") for one in found]


STATES = {
    "nothing": ([], [f"{MACHINE}/{NAME}"]),
    "other registries": ([f"{MACHINE}/docker.io/", f"{OF_ROOT}/registry.test/"], [f"{MACHINE}/{NAME}"]),
    "another port": ([f"{OF_ROOT}/registry.test:5000/"], [f"{MACHINE}/{NAME}"]),
    "no port": ([f"{OF_ROOT}/registry.test/"], [f"{MACHINE}/{NAME}"]),
    "our folder": ([f"{MACHINE}/{NAME}/", f"{MACHINE}/{NAME}/{FILE}"], [f"{MACHINE}/{NAME}"]),
    "somebody's CA": ([f"{MACHINE}/{NAME}/", f"{MACHINE}/{NAME}/ca.crt"], [f"{MACHINE}/{NAME}"]),
    "a folder of root": ([f"{OF_ROOT}/{NAME}/", f"{OF_ROOT}/{NAME}/team.crt"], [f"{OF_ROOT}/{NAME}"]),
    "an empty folder of root": ([f"{OF_ROOT}/{NAME}/"], [f"{OF_ROOT}/{NAME}"]),
    "Docker's alone": ([f"{OF_DOCKER}/{NAME}/", f"{OF_DOCKER}/{NAME}/client.key"], [f"{OF_DOCKER}/{NAME}"]),
    "Docker's and ours": ([f"{OF_DOCKER}/{NAME}/", f"{MACHINE}/{NAME}/"], [f"{MACHINE}/{NAME}"]),
    "for new versions": ([f"{NEWER}/{NAME}/"], [f"{MACHINE}/{NAME}", f"{NEWER}/{NAME}"]),
    "for new versions, and Docker's": (
        [f"{NEWER}/{NAME}/", f"{OF_DOCKER}/{NAME}/"],
        [f"{OF_DOCKER}/{NAME}", f"{NEWER}/{NAME}"],
    ),
    "all of them": ([f"{one}/{NAME}/" for one in (OF_ROOT, NEWER, MACHINE, OF_DOCKER)], [f"{OF_ROOT}/{NAME}"]),
    "a folder that loses, read-only": (
        [f"{OF_ROOT}/{NAME}/", f"read-only {MACHINE}/{NAME}/"],
        [f"{OF_ROOT}/{NAME}"],
    ),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_the_file_goes_where_a_folder_wins_already(state: tuple[list[str], list[str]]) -> None:
    before, folders = state
    assert placed(there(*before)) == folders
    after = [*before, *(f"{folder}{end}" for folder in folders for end in ("/", f"/{FILE}"))]
    assert placed(there(*after), authorities=NEW) == folders, "it stays there when authorities rotate"
    assert f"{folders[0]}/{FILE}" not in before or before == STATES["our folder"][0]
    assert all(path.endswith(FILE) for path in set(after) - set(before) if not path.endswith("/"))


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_no_folder_that_was_read_is_hidden(state: tuple[list[str], list[str]]) -> None:
    before, folders = state
    for order in ((OF_ROOT, MACHINE, OF_DOCKER), (OF_ROOT, NEWER, MACHINE, OF_DOCKER)):
        won = [one for one in order if any(path.endswith(f"{one}/{NAME}/") for path in before)]
        wins = next(one for one in order if one in won or f"{one}/{NAME}" in folders)
        assert f"{wins}/{NAME}" in folders
        assert not won or wins == won[0]


USERS = {
    "nothing": ([], None),
    "the user's own": ([f"{OF_USER}/{NAME}/", f"{OF_USER}/{NAME}/team.crt"], None),
    "the machine's CA": ([f"read-only {MACHINE}/{NAME}/", f"read-only {MACHINE}/{NAME}/{FILE}"], None),
    "the machine's client certificate": (
        [f"read-only {MACHINE}/{NAME}/", f"read-only {MACHINE}/{NAME}/client.cert"],
        "would hide the client certificate /etc/containers/certs.d/registry.test:8443/client.cert",
    ),
    "Docker's client certificate": (
        [f"read-only {OF_DOCKER}/{NAME}/", f"read-only {OF_DOCKER}/{NAME}/client.key"],
        "would hide the client certificate",
    ),
    "a client certificate that is hidden already": (
        [f"{OF_USER}/{NAME}/", f"read-only {OF_DOCKER}/{NAME}/", f"read-only {OF_DOCKER}/{NAME}/client.key"],
        None,
    ),
    "another registry's client certificate": ([f"{OF_DOCKER}/a.test/", f"{OF_DOCKER}/a.test/client.key"], None),
    "a store": ([f"read-only {OF_USER}/{NAME}/"], "cannot be written"),
}


@pytest.mark.parametrize("state", USERS.values(), ids=USERS.keys())
def test_without_root_it_is_in_the_users_home(state: tuple[list[str], str | None]) -> None:
    before, refused = state
    if refused is None:
        assert placed(there(*before), rootless=True) == [f"{OF_USER}/{NAME}"]
    else:
        with pytest.raises(Refused, match=refused):
            placed(there(*before), rootless=True)


@pytest.mark.parametrize("folder", [OF_ROOT, NEWER, MACHINE, OF_DOCKER])
def test_a_folder_that_wins_and_is_read_only_is_refused(folder: str) -> None:
    with pytest.raises(Refused, match=rf"{folder}/{NAME} is the folder that Podman reads.*cannot be written"):
        placed(there(f"read-only {folder}/{NAME}/"))


def test_a_file_that_was_added_to_a_read_only_folder_counts() -> None:
    file = f"{MACHINE}/{NAME}/{FILE}"
    facts = there(f"read-only {MACHINE}/{NAME}/", f"read-only {file}", f"{MACHINE}/other.test/{FILE}")
    assert Podman().reads_more(KNOWN, facts) == [file]
    facts = replace(facts, files={file: There(OLD)})
    assert placed(facts) == [f"{MACHINE}/{NAME}"]
    with pytest.raises(Refused, match=f"add the CA there as {FILE}"):
        placed(facts, authorities=NEW)


def test_each_name_has_a_folder_of_its_own() -> None:
    known = replace(KNOWN, reference="registry.test", full_reference="registry.test:443", aliases=("[fd00::2]:8443",))
    facts = there(f"{OF_ROOT}/registry.test:443/")
    assert placed(facts, known=known) == [
        f"{MACHINE}/registry.test",
        f"{OF_ROOT}/registry.test:443",
        f"{MACHINE}/[fd00::2]:8443",
    ]


def test_the_question_asks_for_all_folders_and_changes_nothing() -> None:
    of_root, of_user = Podman().question, PodmanRootless().question
    assert all(f'"{one}"/*/' in of_root for one in (OF_ROOT, NEWER, MACHINE, OF_DOCKER))
    assert '"$HOME/.config/containers/certs.d"/*/' in of_user
    assert NEWER not in of_user
    assert "$HOME" not in of_root, "root's home is not that of who logs in"
    assert Podman().reads(KNOWN, "/home/ci") == [CONF]
    assert PodmanRootless().reads(KNOWN, "/home/ci") == [OWN_CONF, CONF]
    known = there(f"{MACHINE}/a.test/", f"{CONF}.d/a.conf", f"read-only {CONF}.d/b.conf")
    assert Podman().reads_more(KNOWN, known) == [f"{CONF}.d/a.conf", f"{CONF}.d/b.conf"]


def test_a_shell_answers_the_question_with_what_counts(tmp_path: Path) -> None:
    machine = tmp_path / "etc/containers"
    (machine / f"certs.d/{NAME}").mkdir(parents=True)
    (machine / f"certs.d/{NAME}/a b.crt").write_text("")
    (machine / "certs.d/link.test").symlink_to(f"{machine}/certs.d/{NAME}")
    (machine / "certs.d/broken.test").symlink_to("nowhere")
    (machine / "registries.conf.d").mkdir()
    (machine / "registries.conf.d/a.conf").write_text("")
    question = re.sub('"(?=/(etc|root))', f'"{tmp_path}', Podman().question)
    said = subprocess.run(["sh", "-euc", question], check=True, capture_output=True, text=True).stdout
    assert said.replace(f"{tmp_path}", "").splitlines() == [
        f"{MACHINE}/link.test/",
        f"{MACHINE}/{NAME}/",
        f"{MACHINE}/link.test/a b.crt",
        f"{MACHINE}/{NAME}/a b.crt",
        f"{CONF}.d/a.conf",
    ]


def configured(files: dict[str, str]) -> Facts:
    """Return what is known of a host with these files about registries."""
    return Facts({path: There(text) for path, text in files.items()}, home="/home/ci")


INSECURE = '[[registry]]\nlocation = "registry.test:8443"\ninsecure = true\n'
SECURE = '[[registry]]\nlocation = "registry.test:8443"\n'

PITFALLS = {
    "none": ({}, []),
    "another registry": ({CONF: '[[registry]]\nlocation = "a.test"\ninsecure = true\n'}, []),
    "insecure": ({CONF: INSECURE}, [f'{CONF}: insecure = true for "registry.test:8443"']),
    "insecure in a later file": (
        {CONF: SECURE, f"{CONF}.d/z.conf": INSECURE},
        [f'{CONF}.d/z.conf: insecure = true for "registry.test:8443"'],
    ),
    "secure in a later file": ({CONF: INSECURE, f"{CONF}.d/z.conf": SECURE}, []),
    "the first of two in a file counts": ({CONF: SECURE + INSECURE}, []),
    "blocked, for a part": (
        {CONF: '[[registry]]\nprefix = "registry.test:8443/team"\nlocation = "a.test"\nblocked = true\n'},
        [f'{CONF}: blocked = true for "registry.test:8443/team"'],
    ),
    "all below a domain": (
        {CONF: '[[registry]]\nprefix = "*.test"\ninsecure = true\n'},
        [f'{CONF}: insecure = true for "*.test"'],
    ),
    "version 1": (
        {CONF: "[registries.insecure]\nregistries = ['registry.test:8443']\n"},
        [f'{CONF}: insecure = true for "registry.test:8443"'],
    ),
    "a broken file": ({CONF: "[[registry\n"}, []),
}


@pytest.mark.parametrize("case", PITFALLS.values(), ids=PITFALLS.keys())
def test_what_makes_trust_useless_is_reported(case: tuple[dict[str, str], list[str]]) -> None:
    files, expected = case
    found = Podman().pitfalls(KNOWN, configured(files))
    assert [one.rpartition('"')[0] + '"' for one in found] == expected


def test_a_users_own_file_replaces_that_of_the_machine() -> None:
    files = {CONF: INSECURE, f"{CONF}.d/a.conf": INSECURE, OWN_CONF: "", f"{OWN_CONF}.d/b.conf": SECURE}
    assert PodmanRootless().pitfalls(KNOWN, configured(files)) == []
    del files[OWN_CONF], files[f"{OWN_CONF}.d/b.conf"]
    [found] = PodmanRootless().pitfalls(KNOWN, configured(files))
    assert found.startswith(f"{CONF}.d/a.conf: ")


def test_caches_have_a_file_of_their_own() -> None:
    caches = {one: f"registry.test:8443/{one}" for one in ("docker.io", "ghcr.io")}
    access = Access(caches=list(caches))
    *_, file = Podman().wants(KNOWN, OLD, configured({CONF: SECURE}), access)
    assert isinstance(file, Own)
    assert file.path == f"{CONF}.d/private-registry_registry.test:8443.conf"
    assert tomllib.loads(file.content) == {
        "registry": [{"prefix": one, "location": one, "mirror": [{"location": cache}]} for one, cache in caches.items()]
    }
    again = configured({file.path: file.content})
    unknown = replace(KNOWN, has_authorities=False)
    assert Podman().wants(unknown, "", again, access) == [file], "its own file is no other's"
    assert Podman().wants(unknown, "", again) == []
    [of_user] = PodmanRootless().wants(unknown, "", configured({}), access)
    assert of_user.path.startswith(f"{OWN_CONF}.d/")


def test_a_cache_replaces_nothing_of_others() -> None:
    others = configured({f"{CONF}.d/team.conf": '[[registry]]\nprefix = "docker.io"\nlocation = "a.test"\n'})
    with pytest.raises(
        Refused, match=r"team\.conf has a \[\[registry\]\] for docker\.io.*\n.*\nlocation = .*8443/docker"
    ):
        Podman().mirrors(KNOWN, ["docker.io"], others)
    path = f"{CONF}.d/team.conf"
    added = others.files[path].text + '[[registry.mirror]]\nlocation = "registry.test:8443/docker.io"\n'
    [file] = Podman().mirrors(KNOWN, ["docker.io", "ghcr.io"], configured({path: added}))
    assert 'prefix = "ghcr.io"' in file.content  # type: ignore[union-attr]
    assert "docker.io" not in file.content, "it was added by hand"  # type: ignore[union-attr]
    assert Podman().mirrors(KNOWN, ["docker.io"], configured({path: added})) == []


def test_the_proof_looks_where_the_programs_look() -> None:
    words = Podman().proof(KNOWN, "verification").words
    assert words["folders"] == f"{OF_ROOT}:{NEWER}:{MACHINE}:{OF_DOCKER}"
    assert words["crt"] == FILE
    words = PodmanRootless().proof(KNOWN, "verification").words
    assert words["folders"] == f"~/.config/containers/certs.d:{MACHINE}:{OF_DOCKER}"
    words = Podman().proof(replace(KNOWN, is_public=True), "verification").words
    assert words["folders"] == words["crt"] == ""
