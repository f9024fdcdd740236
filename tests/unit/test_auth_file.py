"""Logins in files of others: put, rotated and removed, and all else stays to the byte."""

import base64
import json

import pytest

from components.clients.auth_file import AuthFile, Login, login_file
from components.clients.host_file import Facts, Refused, There

PATH = "/root/.docker/config.json"
NAMES = ("registry.test", "registry.test:443")
LOGIN = Login(NAMES, "ci", "one")
NEXT = Login(NAMES, "ci", "two")
FILE = AuthFile(PATH)


def auth(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


OTHER = json.dumps({"auths": {"ghcr.io": {"auth": auth("a", "b")}, "a.test": {}}, "psFormat": "x"}, indent="\t")

STATES = {
    "no file": "",
    "an empty object": "{}",
    "an empty object and a line end": "{}\n",
    "no logins": '{\n\t"psFormat": "table {{.ID}}"\n}',
    "no logins, in a line": '{"psFormat": "x"}\n',
    "empty logins": '{\n\t"auths": {},\n\t"psFormat": "x"\n}\n',
    "empty logins, in a line": '{"auths":{}}',
    "as Docker writes it": OTHER,
    "two spaces": json.dumps(json.loads(OTHER), indent=2) + "\n",
    "without spaces": json.dumps(json.loads(OTHER), separators=(",", ":")),
    "CRLF": OTHER.replace("\n", "\r\n"),
    "numbers and escapes": '{\n  "x": 1.0e5, "y": "\\u003cb\\u003e",\n  "auths": { "a.test" : { } }\n}\n',
    "a name that looks like ours": '{\n  "note": {"auths": {"registry.test": 1}},\n  "z": "\\"auths\\": {"\n}\n',
    "another port": '{\n\t"auths": {\n\t\t"registry.test:5000": {\n\t\t\t"auth": "eDp5"\n\t\t}\n\t}\n}\n',
    "a helper of another registry": '{\n\t"credHelpers": {\n\t\t"gcr.io": "gcloud"\n\t}\n}\n',
    "blank lines": '\n{\n\n\t"auths": {\n\n\t\t"a.test": {}\n\n\t}\n\n}\n\n',
}


@pytest.mark.parametrize("before", STATES.values(), ids=STATES.keys())
def test_nothing_of_others_changes(before: str) -> None:
    placed = FILE.put(before, LOGIN)
    read = json.loads(placed)
    assert [read["auths"].pop(name) for name in NAMES] == [{"auth": auth("ci", "one")}] * 2
    others = json.loads(before or "{}")
    assert read == {**others, "auths": others.get("auths", {})}
    assert FILE.put(placed, LOGIN) == placed
    rotated = FILE.put(placed, NEXT)
    assert rotated == placed.replace(auth("ci", "one"), auth("ci", "two"))
    assert FILE.take(rotated, LOGIN) == rotated, "another password is not what was written"
    assert FILE.take(rotated, NEXT) == before
    assert ("\r\n" in before) == ("\r\n" in placed)


@pytest.mark.parametrize("before", STATES.values(), ids=STATES.keys())
def test_a_login_that_others_add_later_stays(before: str) -> None:
    other = Login(("later.test",), "x", "y")
    placed = FILE.put(FILE.put(before, LOGIN), other)
    taken = FILE.take(placed, LOGIN)
    assert json.loads(taken)["auths"]["later.test"] == {"auth": auth("x", "y")}
    assert not set(NAMES) & json.loads(taken)["auths"].keys()


def test_it_is_written_as_docker_writes_it() -> None:
    logins = {name: {"auth": auth("ci", "one")} for name in NAMES}
    assert FILE.put("", LOGIN) == json.dumps({"auths": logins}, indent="\t") + "\n"
    empty = '{\n  "psFormat": "x"\n}\n'
    assert FILE.put(empty, LOGIN) == json.dumps({"psFormat": "x", "auths": logins}, indent=2) + "\n"


REFUSED = {
    "another user": (
        {"auths": {"registry.test": {"auth": auth("eve", "x")}}},
        "a login to registry.test as eve: log out",
    ),
    "a token": ({"auths": {"registry.test": {"identitytoken": "x"}}}, "as another user"),
    "a token beside it": ({"auths": {"registry.test": {"auth": auth("ci", "x"), "identitytoken": "x"}}}, "as ci"),
    "no base64": ({"auths": {"registry.test": {"auth": "\u00e4"}}}, "as another user"),
    "a store": ({"credsStore": "pass"}, "docker-credential-pass keeps the logins.*registry.test by hand"),
    "a helper": ({"credHelpers": {"registry.test:443": "ecr"}}, "docker-credential-ecr"),
    "a list": ([], "is not a file of logins"),
    "logins in a list": ({"auths": []}, "is not a file of logins"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_not_count_or_is_anothers_is_refused(case: tuple[object, str]) -> None:
    found, message = case
    with pytest.raises(Refused, match=message):
        FILE.put(json.dumps(found), LOGIN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n"auths": {},\n}', "not valid JSON: .*line 3"),
        ("\ufeff{}", "not valid JSON"),
        ('{"auths": {}, "auths": {}}', "a key is there twice"),
    ],
)
def test_a_broken_file_is_refused(text: str, message: str) -> None:
    for change in (FILE.put, FILE.take):
        with pytest.raises(Refused, match=message):
            change(text, LOGIN)


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (There("{}", "0600"), ""),
        (There("{}", "0400"), ""),
        (There("{}", "0644"), "chmod 600"),
        (There("{}", "0640"), "chmod 600"),
        (There("{}", "0600", is_writable=False), "cannot be written"),
        (There("{", "0600"), "not valid JSON"),
    ],
)
def test_a_password_is_for_its_user_alone(there: There, message: str) -> None:
    facts = Facts({PATH: there})
    if message:
        with pytest.raises(Refused, match=message):
            login_file(PATH, LOGIN, facts)
        return
    shared = login_file(PATH, LOGIN, facts)
    assert (shared.path, shared.mode, shared.restart) == (PATH, "0600", "")
    assert shared.take(shared.put("{}")) == "{}"
