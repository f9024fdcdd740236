"""The functions of the login's script, each by itself, under njs in the image used. One container for all."""

import base64
import hashlib
import hmac
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.proxy.config import ROOT, TOKEN_KEY, login_scripts
from components.proxy.login.htpasswd import Login, htpasswd

CONFIG = f"""
load_module modules/ngx_http_js_module.so;
user root;
events {{}}
http {{
    js_import units from {ROOT}/site/current/units.js;
    js_shared_dict_zone zone=secrets:32k;
    js_shared_dict_zone zone=users:1m timeout=300s;
    server {{
        listen 127.0.0.1:8080;
        client_body_buffer_size 512k;
        location / {{ js_content units.call; }}
    }}
}}
"""
USERS = {"dev": Login(("$2b$10$one", "$2b$04$two"), "pull", ["team"]), "ci": Login(("$2b$12$three",), "push", ["*"])}
CI = object()
"""Stands for this user, as it was found."""
TEAM, ALL = {"level": 1, "repositories": ["team"]}, {"level": 2, "repositories": ["*"]}


def credential(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def asked(action: str, repository: str = "") -> dict[str, Any]:
    return {"variables": {"action": action, "repository": repository}}


def posted(query: str) -> dict[str, Any]:
    return {"variables": {"request_uri": f"/v2/team/a/blobs/uploads/{query}"}}


KEY = "ab" * 32
LATER = 9_999_999_999


def in_url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def token(payload: str, bcrypt_hash: str, key: str = KEY) -> str:
    """Return a token as another server of the same registry gives it."""
    signed = hmac.digest(key.encode(), f"token {payload} {bcrypt_hash}".encode(), hashlib.sha256)
    return f"{in_url(payload.encode())}.{in_url(signed)}"


INDEX, OCI = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
UPLOADS = "/v2/team/a/blobs/uploads/"
UNTOLD = json.dumps({"errors": [{"code": "UNKNOWN", "detail": 'Head "https://denied.test/v2/": %s'}]})
ROWS: dict[str, tuple[list[Any], Any]] = {
    "an IPv4 address": (["networkOf", "192.0.2.1"], "192.0.2.1"),
    "an IPv4 address in IPv6": (["networkOf", "::ffff:192.0.2.1"], "192.0.2.1"),
    "a /64": (["networkOf", "2001:db8:1:2:3:4:5:6"], "2001:db8:1:2"),
    "a short /64": (["networkOf", "2001:db8::1"], "2001:db8:0:0"),
    "the loopback address": (["networkOf", "::1"], "0:0:0:0"),
    "a reason": (["reasonIn", '{"errors":[{"code":"TOOMANYREQUESTS"}]}'], "BUSY"),
    "a reason where a token was asked for": (["reasonIn", UNTOLD % "unauthorized: a: b"], "UPSTREAM"),
    "no reason": (["reasonIn", UNTOLD % "dial tcp: no such host"], "SILENT"),
    "no answer in the registry's form": (["reasonIn", "<html>"], "SILENT"),
    "a repository": (["covers", TEAM, "team"], True),
    "one below it": (["covers", TEAM, "team/app"], True),
    "one that begins like it": (["covers", TEAM, "teams"], False),
    "every repository": (["covers", ALL, "any/where"], True),
    "a client of other manifests": (["readable", {"headersIn": {"Accept": "text/html"}}], ""),
    "a client of any manifest": (["readable", {"headersIn": {}}], ""),
    "a client of one manifest": (["readable", {"headersIn": {"Accept": f"text/html, {INDEX};q=0.5"}}], INDEX),
    "a client of two manifests": (["readable", {"headersIn": {"Accept": f"{OCI},{INDEX}"}}], f"{INDEX},{OCI}"),
    "a client of them in another order": (["readable", {"headersIn": {"Accept": f"{INDEX}, {OCI}"}}], f"{INDEX},{OCI}"),
    "a pull of one's own": (["isAllowed", asked("pull", "team/app"), TEAM], True),
    "a pull of others'": (["isAllowed", asked("pull", "web"), TEAM], False),
    "a pull of what everybody may": (["isAllowed", asked("pull", "public/app"), TEAM], True),
    "a push without the right": (["isAllowed", asked("push", "team/app"), TEAM], False),
    "a push": (["isAllowed", asked("push", "team/app"), ALL], True),
    "a deletion without the right": (["isAllowed", asked("delete", "team/app"), ALL], False),
    "a login": (["isAllowed", asked("login"), TEAM], True),
    "the catalog of a part": (["isAllowed", asked("catalog"), TEAM], False),
    "the catalog": (["isAllowed", asked("catalog"), ALL], True),
    "an unknown user": (["findUser", "nobody"], None),
    "a part of a name": (["findUser", "de"], None),
    "rounds of bcrypt": (["rounds", ["$2b$04$x", "$2b$05$x"]], 48),
    "costs of rounds": (["costsOf", 48], [5, 4]),
    "no rounds": (["costsOf", 0], []),
    "another server's token": (["verifyToken", token(f"ci {LATER}", "$2b$12$three")], CI),
    "one of any server": (["verifyToken", token(f"ci {LATER}", "$2b$12$three", "cd" * 32)], None),
    "one of a user's password before": (["verifyToken", token(f"ci {LATER}", "$2b$12$other")], None),
    "one that has ended": (["verifyToken", token("ci 1000000000", "$2b$12$three")], None),
    "an upload": (["uploadTarget", posted(""), TEAM], UPLOADS),
    "a mount": (
        ["uploadTarget", posted("?from=team/b&mount=sha256:ab"), TEAM],
        f"{UPLOADS}?mount=sha256%3Aab&from=team%2Fb",
    ),
    "a mount of others'": (["uploadTarget", posted("?mount=sha256:ab&from=web"), TEAM], UPLOADS),
    "a mount of two": (["uploadTarget", posted("?mount=sha256:ab&from=team/b&from=web"), TEAM], UPLOADS),
    "a client of the domain": (["calledBy", {"variables": {"host": "registry.test"}}], "registry.test"),
    "a client of an alias": (["calledBy", {"variables": {"host": "b.test"}}], "b.test:8443"),
    "a client of an address": (["calledBy", {"variables": {"host": "[fd00::2]"}}], "[fd00::2]:8443"),
    "a client of any name": (["calledBy", {"variables": {"host": "evil.test"}}], "registry.test"),
    "a client of what every object has": (["calledBy", {"variables": {"host": "constructor"}}], "registry.test"),
    "a mount out of the path": (["uploadTarget", posted("?mount=sha256:ab&from=team/../web"), TEAM], UPLOADS),
}
ALIASES = {"b.test": "b.test:8443", "fd00::2": "[fd00::2]:8443"}
NAMES = {
    "ci:secret": "ci",
    "ci:with:colons": "ci",
    ":secret": "",
    "ci": "",
    "two words:secret": "",
    "dev~previous:secret": "",
    "line\nbreak:secret": "",
    f"{'a' * 257}:secret": "",
}


@pytest.fixture(scope="module")
def returned(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What all calls return."""
    folder = tmp_path_factory.mktemp("access")
    texts = {
        **{f"site/current/{file}": text for file, text in login_scripts("registry.test", "login", ALIASES).items()},
        "site/current/units.js": (Path(__file__).parent / "units.js").read_text(),
        "site/current/nginx.conf": CONFIG,
        f"site/current/{TOKEN_KEY}": f"{KEY}\n",
        "users/current/htpasswd": htpasswd(USERS, ["public"]),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    calls = {name: call for name, (call, _) in ROWS.items()}
    calls |= {text: ["parseCredentials", credential(text)] for text in NAMES}
    calls["keys"] = ["tokenKeys"]
    calls |= {f"user {name}": ["findUser", name] for name in USERS}
    # nginx is asked where it runs, in the one container; curl ends it with the script.
    script = (
        f"nginx -c {ROOT}/site/current/nginx.conf && "
        "curl -sS --fail-with-body --retry 5 --retry-connrefused --data @- http://127.0.0.1:8080/"
    )
    command = ["docker", "run", "--rm", "--interactive", "--network", "none", "--volume", f"{folder}:{ROOT}:ro"]
    done = subprocess.run(
        [*command, "--entrypoint", "sh", found_images["nginx"], "-c", script],
        input=json.dumps(list(calls.values())),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(zip(calls, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", ROWS)
def test_a_function_of_the_login(returned: dict[str, Any], name: str) -> None:
    expected = ROWS[name][1]
    assert returned[name] == (returned["user ci"] if expected is CI else expected)


def test_the_key_of_all_servers_signs_and_the_own_one_still_counts(returned: dict[str, Any]) -> None:
    signing, own, *_ = returned["keys"]
    assert signing == KEY
    assert own not in ("", KEY)


@pytest.mark.parametrize(("text", "name"), NAMES.items())
def test_a_credential_names_a_user_or_none(returned: dict[str, Any], text: str, name: str) -> None:
    assert returned[text]["name"] == name


def test_a_user_has_what_its_lines_say(returned: dict[str, Any]) -> None:
    dev, ci = returned["user dev"], returned["user ci"]
    assert (dev["level"], dev["repositories"], dev["hashes"]) == (1, ["team"], ["$2b$10$one", "$2b$04$two"])
    assert (ci["level"], ci["repositories"], ci["hashes"]) == (2, ["*"], ["$2b$12$three"])
