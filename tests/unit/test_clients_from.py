"""Clients from an inventory of Ansible, an ssh_config and known_hosts, with defaults for all of them."""

import base64
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import PrivateRegistry
from components.settings import Client, InvalidSettings, Settings, given
from tests.unit.conftest import BASE, HOST_KEY, SSH_KEY, mocked
from tests.unit.fleet import plain, verification
from tests.unit.test_settings import ECDSA_KEY, ENCRYPTED_KEY, OTHER_KEY, RSA_KEY, read

AGENT = {"agent": True, "hostKey": HOST_KEY}
JUMP = {"host": "bastion.test", **AGENT}


def project(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the files of a project; those below ``keys`` are its owner's alone."""
    for name, text in {"keys/ops": SSH_KEY, "keys/closed": ENCRYPTED_KEY, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600 if name.startswith("keys/") else 0o644)
    return folder


def clients(folder: Path, **changes: Any) -> dict[str, Client]:
    found = read({**BASE, "clients": [], **changes}, folder).all_clients
    return {client.host: client for client in found}


def message(folder: Path, **changes: Any) -> str:
    with pytest.raises(InvalidSettings) as refused:
        clients(folder, **changes)
    return str(refused.value)


def shown(client: Client) -> dict[str, Any]:
    """Return what a client says of the way to it."""
    ways = {
        "user": client.user if client.user != "root" else None,
        "port": client.port if client.port != 22 else None,
        "key": client.private_key_file and client.private_key_file.name,
        "password": client.ssh_password,
        "agent": client.agent or None,
        "local": client.local or None,
        "bastion": client.bastion and tuple(client.bastion.url),
        "runtimes": client.runtimes if client.runtimes != ("docker",) else None,
    }
    return {key: value for key, value in ways.items() if value}


DEFAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "all of them": ({"user": "ops", "port": 2222, **AGENT}, {}, {"user": "ops", "port": 2222, "agent": True}),
    "some": ({"user": "ops", "port": 2222, **AGENT}, {"port": 23}, {"user": "ops", "port": 23, "agent": True}),
    "another login": ({"user": "ops", **AGENT}, {"password": "x"}, {"user": "ops", "password": "x"}),
    "a key in place of the agent": (AGENT, {"privateKeyFile": "keys/ops"}, {"key": "keys/ops"}),
    "a key in place of a key with a passphrase": (
        {"privateKeyFile": "keys/closed", "privateKeyPassword": "right", "hostKey": HOST_KEY},
        {"privateKeyFile": "keys/ops"},
        {"key": "keys/ops"},
    ),
    "the passphrase of the client's own key": (
        {"privateKeyPassword": "right", "hostKey": HOST_KEY},
        {"privateKeyFile": "keys/closed"},
        {"key": "keys/closed"},
    ),
    "no agent": ({**AGENT}, {"agent": False, "password": "x"}, {"password": "x"}),
    "a bastion": ({**AGENT, "bastion": JUMP}, {}, {"agent": True, "bastion": ("bastion.test", "root", 22)}),
    "no bastion": ({**AGENT, "bastion": JUMP}, {"bastion": None}, {"agent": True}),
    "the control machine": (
        {"user": "ops", **AGENT, "bastion": JUMP, "runtimes": ["docker", "system"]},
        {"local": True},
        {"local": True, "runtimes": ("docker", "system")},
    ),
}


@pytest.mark.parametrize("what", DEFAULTS)
@pytest.mark.parametrize("key", ["clients", "clientsFile"])
def test_defaults_hold_where_a_client_says_nothing(tmp_path: Path, key: str, what: str) -> None:
    defaults, client, expected = DEFAULTS[what]
    listed: Any = [{"host": "h", **client}]
    project(tmp_path, {"clients.yaml": json.dumps(listed)})
    changes = {key: "clients.yaml" if key == "clientsFile" else listed}
    assert shown(clients(tmp_path, clientDefaults=defaults, **changes)["h"]) == expected


def test_a_program_writes_defaults_as_its_language_has_them() -> None:
    given = {"host_key": HOST_KEY, "private_key": SSH_KEY}
    found = Settings.model_validate({**BASE, "client_defaults": given, "clients": [{"host": "h", "agent": True}]})
    assert shown(found.clients[0]) == {"agent": True}
    assert found.clients[0].host_key == HOST_KEY


WRONG_DEFAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a name": ({"host": "h"}, "clientDefaults.host\n      is not known here"),
    "local": ({"local": True}, "clientDefaults.local\n      is not known here"),
    "a port": ({"port": 0}, "clientDefaults.port = 0"),
    "two logins": ({"agent": True, "password": "x"}, "has several of privateKey"),
    "a passphrase": ({"privateKeyFile": "keys/closed"}, "set privateKeyPassword"),
}


@pytest.mark.parametrize("what", WRONG_DEFAULTS)
def test_a_mistake_in_defaults_is_named_once(tmp_path: Path, what: str) -> None:
    defaults, reason = WRONG_DEFAULTS[what]
    project(tmp_path, {"keys/hosts.ini": "i\n"})
    source = {"file": "keys/hosts.ini"}
    text = message(tmp_path, clientDefaults=defaults, clients=[{"host": "g"}, {"host": "h"}], clientsInventory=source)
    assert reason in text
    assert "has 1 mistake;" in text


INVENTORY = """\
# comment
localhost ansible_connection=local
web[01:03].test  ansible_user=deploy   # another comment
[clients]
db-[a:b].test:2222
[2001:db8::1]:23
Old_Name ansible_host=10.0.0.9 ansible_ssh_private_key_file="keys/ops"
[clients:vars]
ansible_user = ops
ansible_port=24
[edge]
jump1.test ansible_ssh_common_args='-o StrictHostKeyChecking=no -J hop@bastion.test:2200'
jump2.test ansible_ssh_common_args='-o ProxyCommand="ssh -q -W %h:%p hop@bastion.test"'
[every:children]
clients
edge
[all:vars]
ansible_user=root
ansible_become=true
"""
IN_YAML = """\
all:
  hosts:
    localhost: {ansible_connection: local}
    web[01:03].test: {ansible_user: deploy}
  vars:
    ansible_user: root
  children:
    every:
      children:
        clients:
          vars: {ansible_user: ops, ansible_port: 24}
          hosts:
            db-[a:b].test:2222:
            "[2001:db8::1]:23":
            Old_Name:
              ansible_host: 10.0.0.9
              ansible_ssh_private_key_file: keys/ops
        edge:
          hosts:
            jump1.test:
              ansible_ssh_common_args: -o StrictHostKeyChecking=no -J hop@bastion.test:2200
            jump2.test: {ansible_ssh_common_args: '-o ProxyCommand="ssh -q -W %h:%p hop@bastion.test"'}
"""
PRINTED = {
    "_meta": {
        "hostvars": {
            "localhost": {"ansible_connection": "local"},
            **{f"web0{number}.test": {"ansible_user": "deploy"} for number in (1, 2, 3)},
            "db-a.test": {"ansible_user": "ops", "ansible_port": 2222},
            "db-b.test": {"ansible_user": "ops", "ansible_port": 2222},
            "2001:db8::1": {"ansible_user": "ops", "ansible_port": 23},
            "Old_Name": {
                "ansible_host": "10.0.0.9",
                "ansible_port": 24,
                "ansible_ssh_private_key_file": "keys/ops",
                "ansible_user": "ops",
            },
            "jump1.test": {"ansible_ssh_common_args": "-o StrictHostKeyChecking=no -J hop@bastion.test:2200"},
            "jump2.test": {"ansible_ssh_common_args": '-o ProxyCommand="ssh -q -W %h:%p hop@bastion.test"'},
        }
    },
    "all": {"children": ["ungrouped", "every"]},
    "every": {"children": ["clients", "edge"]},
    "ungrouped": {"hosts": ["localhost", "web01.test", "web02.test", "web03.test"]},
    "clients": {"hosts": ["db-a.test", "db-b.test", "2001:db8::1", "Old_Name"]},
    "edge": {"hosts": ["jump1.test", "jump2.test"]},
}
FORMATS = {"hosts.ini": INVENTORY, "hosts": INVENTORY, "hosts.yml": IN_YAML, "hosts.json": json.dumps(PRINTED)}
CLIENTS: dict[str, dict[str, Any]] = {
    "db-a.test": {"user": "ops", "port": 2222, "agent": True},
    "db-b.test": {"user": "ops", "port": 2222, "agent": True},
    "2001:db8::1": {"user": "ops", "port": 23, "agent": True},
    "10.0.0.9": {"user": "ops", "port": 24, "key": "keys/ops"},
}
EDGE: dict[str, dict[str, Any]] = {
    "jump1.test": {"agent": True, "bastion": ("bastion.test", "hop", 2200)},
    "jump2.test": {"agent": True, "bastion": ("bastion.test", "hop", 22)},
}
ALONE: dict[str, dict[str, Any]] = {
    "localhost": {"local": True},
    **{f"web0{number}.test": {"user": "deploy", "agent": True} for number in (1, 2, 3)},
}
GROUPS: dict[str, dict[str, dict[str, Any]]] = {
    "ungrouped": ALONE,
    "clients": CLIENTS,
    "edge": EDGE,
    "every": {**CLIENTS, **EDGE},
    "all": {**ALONE, **CLIENTS, **EDGE},
}
KNOWN = "".join(f"{name} {HOST_KEY}\n" for name in ("*", "[*]:*"))


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("file", FORMATS)
def test_the_hosts_of_a_group_are_clients(tmp_path: Path, file: str, group: str) -> None:
    project(tmp_path, {file: FORMATS[file], "known_hosts": KNOWN})
    defaults = {"agent": True, "knownHostsFile": "known_hosts"}
    found = clients(tmp_path, clientDefaults=defaults, clientsInventory={"file": file, "group": group})
    assert {host: shown(client) for host, client in found.items()} == GROUPS[group]


VARIABLES: dict[str, tuple[dict[str, str], str]] = {
    "a host's own": ({"hosts.ini": "h ansible_user=a\n[all:vars]\nansible_user=b"}, "a"),
    "a group below": (
        {"hosts.ini": "[top:children]\nlow\n[low]\nh\n[low:vars]\nansible_user=a\n[top:vars]\nansible_user=b"},
        "a",
    ),
    "of equal groups the last": (
        {"hosts.ini": "[x]\nh\n[y]\nh\n[y:vars]\nansible_user=a\n[x:vars]\nansible_user=b"},
        "a",
    ),
    "a priority": (
        {"hosts.ini": "[x]\nh\n[y]\nh\n[y:vars]\nansible_user=b\n[x:vars]\nansible_user=a\nansible_group_priority=9"},
        "a",
    ),
    "a file of a group": (
        {"hosts.ini": "[x]\nh\n[x:vars]\nansible_user=b", "group_vars/x.yml": "{ansible_user: a, other: '{{ x }}'}"},
        "a",
    ),
    "a folder of all": ({"hosts.ini": "[x]\nh", "group_vars/all/10-ssh.yml": "ansible_user: a"}, "a"),
    "a file of a host": ({"hosts.ini": "h ansible_user=b", "host_vars/h": "---\nansible_user: a"}, "a"),
    "another group's file": ({"hosts.ini": "h ansible_user=a\n[x]\ni", "group_vars/x.yml": "ansible_user: b"}, "a"),
    "what --list prints": (
        {
            "hosts.ini": json.dumps(
                {"_meta": {"hostvars": {"h": {"ansible_user": "a", "y": "{{ z }}"}}}, "x": {"hosts": ["h"]}}
            )
        },
        "a",
    ),
}


@pytest.mark.parametrize("what", VARIABLES)
def test_the_variable_wins_that_wins_in_ansible(tmp_path: Path, what: str) -> None:
    files, user = VARIABLES[what]
    found = clients(project(tmp_path, files), clientDefaults=AGENT, clientsInventory={"file": "hosts.ini"})
    assert found["h"].user == user


def test_a_bastion_logs_in_as_defaults_say(tmp_path: Path) -> None:
    project(tmp_path, {"hosts.ini": "h ansible_ssh_common_args='-J bastion.test'"})
    bastion = {"host": "bastion.test", "user": "hop", "port": 2200, "password": "x", "hostKey": OTHER_KEY}
    defaults = {**AGENT, "bastion": bastion}
    found = clients(tmp_path, clientDefaults=defaults, clientsInventory={"file": "hosts.ini"})["h"].bastion
    assert found
    assert (found.url, found.ssh_password, found.host_key) == (("bastion.test", "hop", 2200), "x", OTHER_KEY)


WRONG: dict[str, tuple[dict[str, str], list[str]]] = {
    "no such group": ({"hosts.ini": "[clents]\nh"}, ["hosts.ini: there is no group clients; did you mean clents?"]),
    "an empty group": ({"hosts.ini": "[clients]"}, ["hosts.ini: the group clients has no hosts"]),
    "a range": ({"hosts.ini": "[clients]\nweb[1-3]"}, ["hosts.ini:2: [1-3] is no range"]),
    "a range of other widths": ({"hosts.ini": "[clients]\nweb[01:100]"}, ["hosts.ini:2: [01:100]: both ends"]),
    "a huge range": ({"hosts.ini": "[clients]\nweb[1:99999]"}, ["hosts.ini:2: [1:99999] stands for too many hosts"]),
    "a quote": ({"hosts.ini": "[clients]\nh a='b"}, ["hosts.ini:2: a quote is not closed"]),
    "a word": ({"hosts.ini": "[clients]\nh marker"}, ["hosts.ini:2: after h only NAME=VALUE can follow"]),
    "a section": ({"hosts.ini": "[clients:var]\nh"}, ["hosts.ini:1: [clients:var] is not known"]),
    "a circle": (
        {"hosts.ini": "[clients:children]\na\n[a:children]\nclients"},
        ["the group clients is below itself: clients > a > clients"],
    ),
    "a name": ({"hosts.ini": "[clients]\nBig_Name"}, ["hosts.ini:2 (Big_Name): host: must be an IP address"]),
    "a port": (
        {"hosts.ini": "[clients]\nh\n[clients:vars]\nansible_port=ssh"},
        ["hosts.ini:4 (h): port: Input should be a valid integer"],
    ),
    "a key": (
        {"hosts.ini": "[clients]\nh ansible_ssh_private_key_file=none"},
        ["hosts.ini:2 (h): privateKeyFile: there is no file"],
    ),
    "Windows": (
        {"hosts.ini": "[clients]\nh ansible_connection=winrm"},
        ["hosts.ini:2 (h): ansible_connection: only ssh and local can be used, not winrm"],
    ),
    "another user": (
        {"hosts.ini": "[clients]\nh ansible_user=ops ansible_become_user=app"},
        ["hosts.ini:2 (h): ansible_become_user: the stack becomes root by 'sudo -n'"],
    ),
    "su": ({"hosts.ini": "[clients]\nh ansible_become_method=su"}, ["ansible_become_method", "not by su"]),
    "sudo's password": (
        {"hosts.ini": "[clients]\nh ansible_become_password=marker"},
        ["hosts.ini:2 (h): ansible_become_password: the stack becomes root by 'sudo -n'"],
    ),
    "a password for all to read": (
        {"hosts.ini": "[clients]\nh ansible_password=marker"},
        ["hosts.ini: every user of this machine can read the file, which contains a password; run 'chmod 600"],
    ),
    "a template": (
        {"hosts.ini": "[clients]\nh ansible_host='{{ marker }}'"},
        ["hosts.ini:2 (h): ansible_host is a template, which only Ansible can read"],
    ),
    "two jumps": (
        {"hosts.ini": "[clients]\nh ansible_ssh_common_args='-J a,b'"},
        ["hosts.ini:2 (h): ansible_ssh_common_args: ProxyJump names several hosts"],
    ),
    "another proxy": (
        {"hosts.ini": "[clients]\nh ansible_ssh_extra_args='-o ProxyCommand=\"nc %h %p\"'"},
        ["hosts.ini:2 (h): ansible_ssh_extra_args: ProxyCommand can only be"],
    ),
    "a vault in YAML": (
        {"hosts.ini": "---\nclients:\n  hosts:\n    h:\n      ansible_user: !vault |\n        marker"},
        ["hosts.ini:5 (h): ansible_user is encrypted, which only Ansible can read; write the value itself"],
    ),
    "a whole vault": (
        {"hosts.ini": "[clients]\nh", "group_vars/all/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\nmarker"},
        ["group_vars/all/vault.yml is encrypted", "'ansible-inventory -i INVENTORY --list > hosts.json'"],
    ),
    "a program": ({"hosts.ini": "#!/bin/sh\n"}, ["hosts.ini is a program; use the output of 'ansible-inventory"]),
    "a plugin": ({"hosts.ini": "---\nplugin: aws_ec2"}, ["is the configuration of a plugin", "ansible-inventory"]),
    "YAML of something else": ({"hosts.ini": "---\n- h"}, ["hosts.ini is no inventory"]),
    "broken YAML": ({"hosts.ini": "---\nclients: {marker"}, ["hosts.ini:3 is not valid YAML"]),
    "a list of hosts": (
        {"hosts.ini": "---\nclients:\n  hosts: [h]"},
        ["hosts.ini:3: hosts of the group clients must be"],
    ),
    "another key": ({"hosts.ini": "---\nclients:\n  host: {h: }"}, ["hosts.ini:3: the group clients can only have"]),
    "other JSON": ({"hosts.ini": '{"clients": ["h"]}'}, ["hosts.ini is not what", "_meta with hostvars"]),
    "no file": ({}, ["clientsInventory.file", "there is no file"]),
    "several": (
        {"hosts.ini": "[clients]\nh ansible_port=0\ni ansible_connection=docker\nj ansible_user='a b'"},
        ["hosts.ini:2 (h): port", "hosts.ini:3 (i): ansible_connection", "hosts.ini:4 (j): user", "has 3 mistakes"],
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_an_inventory_can_not_say_is_named_with_its_line(tmp_path: Path, what: str) -> None:
    files, reasons = WRONG[what]
    defaults = {"agent": True, "hostKey": HOST_KEY, "user": "ops"}
    text = message(
        project(tmp_path, files), clientDefaults=defaults, clientsInventory={"file": "hosts.ini", "group": "clients"}
    )
    for reason in reasons:
        assert reason in text
    assert "  private-registry:clientsInventory" in text
    assert "marker" not in text


VAULT = "---\nall:\n  hosts: {h: , i: }\n  vars:\n    ansible_password: !vault |\n      marker\n"
BECOME = "h\ni\n[all:vars]\nansible_become_method=su\n"


@pytest.mark.parametrize(
    ("inventory", "defaults", "reason"),
    [
        (VAULT, {"hostKey": HOST_KEY}, "hosts.ini:5 (h, i): ansible_password is encrypted"),
        (VAULT, AGENT, ""),
        (BECOME, {**AGENT, "user": "ops"}, "hosts.ini:4 (h, i): ansible_become_method: the stack becomes root"),
        (BECOME, AGENT, ""),
        (f"{BECOME}ansible_connection=local", {}, ""),
    ],
    ids=["a vault", "another login", "a user", "root", "the control machine"],
)
def test_a_variable_is_refused_where_it_matters(
    tmp_path: Path, inventory: str, defaults: dict[str, Any], reason: str
) -> None:
    project(tmp_path, {"hosts.ini": inventory})
    changes = {"clientDefaults": defaults, "clientsInventory": {"file": "hosts.ini"}}
    if reason:
        assert reason in message(tmp_path, **changes)
    else:
        assert list(clients(tmp_path, **changes)) == ["h", "i"]


def test_a_mistake_of_many_clients_is_named_once(tmp_path: Path) -> None:
    project(tmp_path, {"hosts.ini": "web[01:99]\n[all:vars]\nansible_port=0\n"})
    text = message(tmp_path, clientDefaults=AGENT, clientsInventory={"file": "hosts.ini"})
    assert "has 1 mistake;" in text
    assert (
        "hosts.ini:3 (web01, web02, web03, web04, web05, web06, web07, web08, web09, web10, web11, web12, … (99))"
        in text
    )


def test_a_password_of_an_inventory_is_used_where_its_file_is_closed(tmp_path: Path) -> None:
    project(tmp_path, {"keys/hosts.ini": "h ansible_password=secret"})
    found = clients(tmp_path, clientDefaults=AGENT, clientsInventory={"file": "keys/hosts.ini"})
    assert shown(found["h"]) == {"password": "secret"}


CONFIG = """\
Include "{folder}/more"
Host web1 web2
    HostName %h.test
    IdentityFile keys/ops
Host db1
    HostName 10.0.0.5
    Port 2222
    ProxyJump jump
Host old
    ProxyCommand ssh -q -W %h:%p hop@bastion.test
Host agent.test
    IdentityFile keys/ops.pub
Host direct !web*
    ProxyJump none
Host jump
    HostName bastion.test
    User hop
Match host 10.0.0.*
    User dba
Host *
    User ops
    Compression yes
"""
BY_CONFIG: dict[str, tuple[list[str], dict[str, dict[str, Any]]]] = {
    "a pattern": (
        ["web*"],
        {f"web{number}.test": {"user": "ops", "key": "keys/ops"} for number in (1, 2)},
    ),
    "a name": (
        ["db1"],
        {"10.0.0.5": {"user": "dba", "port": 2222, "agent": True, "bastion": ("bastion.test", "hop", 22)}},
    ),
    "a command": (["old"], {"old": {"user": "ops", "agent": True, "bastion": ("bastion.test", "hop", 22)}}),
    "a public key": (["agent.test"], {"agent.test": {"user": "ops", "agent": True}}),
    "no bastion": (["direct"], {"direct": {"user": "ops", "agent": True}}),
    "included": (["other?"], {"other1": {"user": "ops", "port": 23, "agent": True}}),
    "a name without a line of its own": (["plain"], {"plain": {"user": "ops", "agent": True}}),
    "each once": (["web1", "web*"], {f"web{n}.test": {"user": "ops", "key": "keys/ops"} for n in (1, 2)}),
}


@pytest.mark.parametrize("what", BY_CONFIG)
def test_hosts_of_an_ssh_config_are_clients(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts, expected = BY_CONFIG[what]
    files = {"config": CONFIG.replace("{folder}", str(tmp_path)), "more": "Host other1\n  Port 23\n", "known": KNOWN}
    monkeypatch.chdir(project(tmp_path, files))
    source = {"configFile": "config", "hosts": hosts, "knownHostsFile": "known"}
    found = clients(tmp_path, clientDefaults={"agent": True}, clientsSsh=source)
    assert {host: shown(client) for host, client in found.items()} == expected


WRONG_CONFIGS: dict[str, tuple[str, list[str], list[str]]] = {
    "no name": ("Host web1\n", ["db*"], ["config: no name after Host fits db*; the names are web1"]),
    "no hosts": ("Host web1\n", [], ["clientsSsh.hosts", "at least 1"]),
    "two jumps": ("Host h\n ProxyJump a,b\n", ["h"], ["config:1 (h): ProxyJump names several hosts"]),
    "a proxy": ("Host h\n ProxyCommand nc %h %p\n", ["h"], ["config:1 (h): ProxyCommand can only be"]),
    "two keys": (
        "Host h\n IdentityFile keys/ops\n IdentityFile keys/closed\n",
        ["h"],
        ["config:1 (h): IdentityFile names several keys (keys/ops, keys/closed)"],
    ),
    "a passphrase": ("Host h\n IdentityFile keys/closed\n", ["h"], ["config:1 (h): the private key has a passphrase"]),
    "a port": ("Host h\n Port ssh\n", ["h"], ["config line 2: Invalid Port integer value"]),
    "a name that is none": ("Host a_b\n", ["a_b"], ["config:1 (a_b): host: must be an IP address"]),
    "an alias that is not known": (
        "Host h\n HostKeyAlias other\n",
        ["h"],
        ["config:1 (h): known has no key of other; set hostKey, or add a line of 'ssh-keyscan -t ed25519,ecdsa other'"],
    ),
    "a host that is not known": (
        "Host g\n Port 2222\n",
        ["g"],
        ["config:1 (g): known has no key of [g]:2222", "'ssh-keyscan -t ed25519,ecdsa -p 2222 g'"],
    ),
}


@pytest.mark.parametrize("what", WRONG_CONFIGS)
def test_what_an_ssh_config_can_not_say_is_named(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, hosts, reasons = WRONG_CONFIGS[what]
    monkeypatch.chdir(project(tmp_path, {"config": config, "known": f"h,a_b {HOST_KEY}\n"}))
    source = {"configFile": "config", "hosts": hosts, "knownHostsFile": "known"}
    text = message(tmp_path, clientDefaults={"agent": True}, clientsSsh=source)
    for reason in reasons:
        assert reason in text


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    parts = (base64.b64encode(part).decode() for part in (salt, hmac.digest(salt, name.encode(), "sha1")))
    return "|1|{}|{}".format(*parts)


KNOWN_HOSTS: dict[str, tuple[str, int, str]] = {
    "a name": (f"h {HOST_KEY}", 22, HOST_KEY),
    "one of several names": (f"g,h,10.0.0.7 {HOST_KEY} comment", 22, HOST_KEY),
    "a hashed name": (f"{hashed('h')} {HOST_KEY}", 22, HOST_KEY),
    "a port": (f"h {OTHER_KEY}\n[h]:2222 {HOST_KEY}", 2222, HOST_KEY),
    "a hashed port": (f"{hashed('[h]:2222')} {HOST_KEY}", 2222, HOST_KEY),
    "a port, known without": (f"h {HOST_KEY}", 2222, HOST_KEY),
    "a pattern": (f"*,!g {HOST_KEY}", 22, HOST_KEY),
    "several types": (f"h {RSA_KEY}\nh {ECDSA_KEY}\nh {HOST_KEY}", 22, HOST_KEY),
    "an old key that is revoked": (f"h {OTHER_KEY}\nh {HOST_KEY}\n@revoked * {OTHER_KEY}", 22, HOST_KEY),
    "a better key that is revoked": (f"h {HOST_KEY}\nh {ECDSA_KEY}\n@revoked h {HOST_KEY}", 22, ECDSA_KEY),
    "comments": (f"# h {OTHER_KEY}\n\nh {HOST_KEY}\n", 22, HOST_KEY),
    "twice": (f"h {HOST_KEY}\nh,g {HOST_KEY}", 22, HOST_KEY),
}


@pytest.mark.parametrize("what", KNOWN_HOSTS)
def test_a_host_key_comes_from_known_hosts(tmp_path: Path, what: str) -> None:
    text, port, key = KNOWN_HOSTS[what]
    project(tmp_path, {"known": text})
    client = {"host": "h", "port": port, "agent": True, "knownHostsFile": "known"}
    assert clients(tmp_path, clients=[client])["h"].host_key == key


def test_a_bastion_is_known_by_the_file_of_its_client(tmp_path: Path) -> None:
    project(tmp_path, {"known": f"h {HOST_KEY}\nb {OTHER_KEY}"})
    client = {"host": "h", "agent": True, "bastion": {"host": "b", "agent": True}}
    found = clients(tmp_path, clientDefaults={"knownHostsFile": "known"}, clients=[client])["h"]
    assert found.bastion
    assert (found.host_key, found.bastion.host_key) == (HOST_KEY, OTHER_KEY)


NOT_KNOWN: dict[str, tuple[str, str]] = {
    "another host": (f"g {HOST_KEY}", "known has no key of h; set hostKey, or add a line of 'ssh-keyscan"),
    "another port": (f"[h]:2222 {HOST_KEY}", "known has no key of h;"),
    "revoked": (f"h {HOST_KEY}\n@revoked h {HOST_KEY}", "known marks the key of h as @revoked"),
    "a CA": (f"@cert-authority h {HOST_KEY}", "known has only a CA for h (@cert-authority)"),
    "RSA alone": (f"h {RSA_KEY}", "known, key of h: is a key of the type ssh-rsa"),
    "two": (f"h {HOST_KEY}\nh {OTHER_KEY}", "known, key of h: contains 2 keys of the type ssh-ed25519"),
    "a private key": (SSH_KEY, "known:2 is no line of a known_hosts file"),
}


@pytest.mark.parametrize("what", NOT_KNOWN)
def test_a_key_that_is_not_known_is_named(tmp_path: Path, what: str) -> None:
    text, reason = NOT_KNOWN[what]
    project(tmp_path, {"known": text})
    told = message(tmp_path, clients=[{"host": "h", "agent": True, "knownHostsFile": "known"}])
    assert reason in told
    assert SSH_KEY.splitlines()[1] not in told


def test_a_file_in_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project(tmp_path, {".ssh/known_hosts": f"h {HOST_KEY}"})))
    client = {"host": "h", "agent": True, "knownHostsFile": "~/.ssh/known_hosts"}
    assert clients(tmp_path, clients=[client])["h"].host_key == HOST_KEY


def test_names_differ_over_all_sources(tmp_path: Path) -> None:
    files = {"hosts.ini": "[x]\na\nb\n", "config": "Host b c\n", "clients.yaml": "- {host: a}\n- {host: c}\n"}
    sources = {"clientsInventory": {"file": "hosts.ini"}, "clientsSsh": {"configFile": "config", "hosts": ["?"]}}
    text = message(project(tmp_path, files), clientDefaults=AGENT, clientsFile="clients.yaml", **sources)
    for reason in (
        "a is listed more than once (clientsFile[0], hosts.ini:2 (a))",
        "b is listed more than once (hosts.ini:3 (b), config:1 (b))",
        "c is listed more than once (clientsFile[1], config:1 (c))",
    ):
        assert reason in text


def test_a_mistake_in_the_clients_file_has_its_line(tmp_path: Path) -> None:
    text = "- host: h\n  agent: true\n- host: g\n  agent: true\n  prot: 22\n  port: 0\n- {agent: true}\n- host: i\n"
    told = message(project(tmp_path, {"clients.yaml": text}), clientsFile="clients.yaml")
    for reason in (
        "clientsFile[1].port = 0\n      clients.yaml:6: Input should be",
        "clientsFile[1].prot\n      clients.yaml:5: is not known here; did you mean port?",
        "clientsFile[2].host\n      clients.yaml:7: is missing",
        "clientsFile[0]\n      clients.yaml:1: needs hostKey",
        "clientsFile[3]\n      clients.yaml:8: needs exactly one of",
    ):
        assert reason in told


def test_mistakes_of_all_sources_are_in_one_message(tmp_path: Path) -> None:
    files = {"hosts.ini": "a ansible_port=0\n", "config": "Host c\n Port 0\n", "clients.yaml": "- {host: d, port: 0}\n"}
    sources = {"clientsInventory": {"file": "hosts.ini"}, "clientsSsh": {"configFile": "config", "hosts": ["c"]}}
    text = message(
        project(tmp_path, files),
        domain="localhost",
        clientDefaults=AGENT,
        clients=[{"host": "e", "port": 0}],
        clientsFile="clients.yaml",
        **sources,
    )
    assert "has 5 mistakes" in text
    for place in (
        "domain",
        "clients[0].port",
        "clientsFile[0].port",
        "clientsInventory\n      hosts.ini:1",
        "clientsSsh",
    ):
        assert f"private-registry:{place}" in text


def test_clients_of_another_stack_make_a_registry_within_apply() -> None:
    """The output of another stack is known in a preview too, so that each client is shown."""

    def program() -> None:
        listed = pulumi.Output.from_input([{"host": "h", "agent": True, "hostKey": HOST_KEY}])
        listed.apply(lambda found: PrivateRegistry("registry", Settings.model_validate({**BASE, "clients": found})))

    recorder = mocked(program)
    assert list(plain(verification(recorder))["hosts"]) == ["h"]


def test_a_list_that_is_not_known_is_refused() -> None:
    def program() -> None:
        with pytest.raises(InvalidSettings, match=r"clients\n .*must be known .*\(package.md\)"):
            given({**BASE, "clients": pulumi.Output.from_input([])}, "registry")

    mocked(program)
