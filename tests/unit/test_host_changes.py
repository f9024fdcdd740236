"""Reading files of a client, and what is written of what a runtime wants, whatever runtime that is."""

import asyncio
from collections.abc import Sequence

import pytest

from components.clients.host_changes import Change, changes_to, changes_without, digest_of, own_files, read, write
from components.clients.host_file import Facts, HostFile, Own, Shared, There
from components.hosts.connections import Failed
from components.hosts.session import Answer
from tests.unit.answering_host import AnsweringHost

OWN = Own("/o", "ours\n")
LINE = "key of ours\n"


def put(text: str) -> str:
    return text if LINE in text else text + LINE


SHARED = Shared("/s", put, lambda text: text.replace(LINE, ""), "0600", "daemon")

WANTED: dict[str, tuple[HostFile, There | None, Change | None]] = {
    "a new file": (OWN, None, Change("/o", "ours\n", "0644")),
    "a file as it is": (OWN, There("ours\n"), None),
    "a mode that is written shorter": (OWN, There("ours\n", "644"), None),
    "other content": (OWN, There("other\n"), Change("/o", "ours\n", "0644")),
    "another mode": (OWN, There("ours\n", "0600"), Change("/o", "ours\n", "0644")),
    "a new file of others": (SHARED, None, Change("/s", LINE, "0600", "daemon")),
    "an empty file of others": (SHARED, There("", "0640"), Change("/s", LINE, "", "daemon")),
    "a file of others keeps its mode": (SHARED, There("x\n", "0640"), Change("/s", f"x\n{LINE}", "", "daemon")),
    "keys that are there restart nothing": (SHARED, There(f"{LINE}x\n", "0640"), None),
    "bytes that are no text": (SHARED, There("\udcff\n"), Change("/s", f"\udcff\n{LINE}", "", "daemon")),
}


@pytest.mark.parametrize("case", WANTED.values(), ids=WANTED.keys())
def test_what_is_wanted_is_written_where_it_is_not_there(case: tuple[HostFile, There | None, Change | None]) -> None:
    wanted, there, change = case
    facts = Facts({wanted.path: there} if there else {})
    assert changes_to([wanted], facts) == ([change] if change else [])


UNWANTED: dict[str, tuple[HostFile, There | None, Change | None]] = {
    "a file of ours": (OWN, There("ours\n", "0600"), Change("/o", None)),
    "a file of ours that was changed": (OWN, There("ours and more\n"), None),
    "a file that is gone": (OWN, None, None),
    "keys of ours alone": (SHARED, There(LINE), Change("/s", None, "", "daemon")),
    "keys of ours and of others": (SHARED, There(f"x\n{LINE}"), Change("/s", "x\n", "", "daemon")),
    "keys of others": (SHARED, There("x\n"), None),
    "no file of others": (SHARED, None, None),
}


@pytest.mark.parametrize("case", UNWANTED.values(), ids=UNWANTED.keys())
def test_what_is_ours_goes_and_nothing_else(case: tuple[HostFile, There | None, Change | None]) -> None:
    former, there, change = case
    facts = Facts({former.path: there} if there else {})
    assert changes_without([former], facts, own_files([OWN]), made=["/s"]) == ([change] if change else [])


def test_no_moment_has_a_key_that_names_a_file_which_is_not_there() -> None:
    both: list[HostFile] = [SHARED, OWN]
    assert [one.path for one in changes_to(both, Facts())] == ["/o", "/s"]
    placed = Facts({"/o": There(OWN.content), "/s": There(LINE)})
    assert [one.path for one in changes_without(both, placed, own_files(both))] == ["/s", "/o"]
    assert own_files(both) == {"/o": digest_of("ours\n")}


ABC = {"a": "b", "b": "c", "c": "d", "x": "y"}


def test_a_file_may_name_others_to_be_read() -> None:
    host = AnsweringHost({f"/{name}": There(f"/{after}\n") for name, after in ABC.items()}, "v1\n", "/h")
    facts = reading(host, ["/a"])
    assert facts.files.keys() == {"/a", "/b", "/c"}
    assert (facts.said, facts.home) == ("v1\n", "/h")
    assert host.did("read") == ["", "/a", "/b", "/c", "/d"]


def test_files_that_name_each_other_end() -> None:
    host = AnsweringHost({"/a": There("/b"), "/b": There("/a")})
    assert reading(host, ["/a"]).files.keys() == {"/a", "/b"}
    endless = AnsweringHost({f"/{number}": There(f"/{number + 1}") for number in range(100)})
    assert len(reading(endless, ["/0"]).files) == 5


def test_a_file_is_known_as_it_is() -> None:
    odd = {
        "/a": There("a\r\n\udcff", "0640", "../b", is_writable=False),
        "/c/1.toml": There(""),
        "/c/2.txt": There("no"),
    }
    facts = reading(AnsweringHost(odd), ["/a", "/c/*.toml"], lambda _: [])
    assert facts.files == {path: one for path, one in odd.items() if path != "/c/2.txt"}


def reading(host: AnsweringHost, first: Sequence[str], more: object = None) -> Facts:
    """Read files; each one has the path of the next."""

    def following(facts: Facts) -> list[str]:
        return [one.text.strip() for one in facts.files.values()]

    return asyncio.run(read(host.run, True, "daemon --version", lambda _: first, more or following))  # type: ignore[arg-type]


def test_all_is_written_by_one_command() -> None:
    host = AnsweringHost({"/s": There("\udcff\n", "0640"), "/old": There("old\n")})
    changes = [
        *changes_to([SHARED, OWN], Facts(host.files)),
        Change("/old", None, "", "daemon"),
        Change("/n", "n\n", "0644"),
    ]
    asyncio.run(write(host.run, True, changes, Facts(host.files)))
    assert host.files == {"/s": There(f"\udcff\n{LINE}", "0640"), "/o": There("ours\n"), "/n": There("n\n")}
    assert host.restarts == ["daemon"], "once"
    assert len(host.lines) == 1


def test_nothing_to_write_asks_nothing() -> None:
    host = AnsweringHost()
    asyncio.run(write(host.run, True, [], Facts()))
    assert host.lines == []


def test_a_file_that_was_changed_meanwhile_is_not_written() -> None:
    host = AnsweringHost({"/s": There("x\n")})
    facts = Facts(dict(host.files))
    host.files["/s"] = There("y\n")
    with pytest.raises(Failed, match="was changed while this update looked"):
        asyncio.run(write(host.run, True, changes_to([SHARED], facts), facts))
    assert host.files == {"/s": There("y\n")}


@pytest.mark.parametrize(
    ("sudo", "home", "line"),
    [
        (True, "/root", "sudo -n sh -s -- "),
        (False, "/root", "sh -s -- "),
        (False, "/home/ci", "sh -s -- user=yes"),
        (True, "/home/ci", "sudo -n sh -s -- "),
    ],
)
def test_services_are_those_of_who_writes(sudo: bool, home: str, line: str) -> None:
    host = AnsweringHost()
    asyncio.run(write(host.run, sudo, [Change("/n", "n\n", "0644")], Facts(home=home)))
    assert host.lines == [line]


def test_a_client_that_could_not_be_read_says_why() -> None:
    async def run(line: str, stdin: str) -> Answer:
        return Answer(1, "", "sudo: a password is required\n")

    with pytest.raises(Failed, match="a password is required"):
        asyncio.run(read(run, True, "", lambda _: [], lambda _: []))


def test_a_file_of_others_that_was_empty_before_stays() -> None:
    shared = Shared("/s", put=lambda text: text or "ours\n", take=lambda _: "")
    facts = Facts({"/s": There("ours\n")})
    assert changes_without([shared], facts, {}) == [Change("/s", "")]
    assert changes_without([shared], facts, {}, made=["/s"]) == [Change("/s", None)]


def test_a_service_that_may_not_have_read_its_file_is_restarted() -> None:
    """An update may be killed between the file and the restart."""
    shared = Shared("/s", put=lambda _: "ours\n", take=lambda _: "", restart="daemon")
    facts = Facts({"/s": There("ours\n"), "/o": There("mine\n")})
    assert changes_to([shared, Own("/o", "mine\n")], facts) == []
    assert changes_to([shared, Own("/o", "mine\n")], facts, restart=True) == [Change("/s", "ours\n", "", "daemon")]
