"""Wrong passwords: how many are looked at, what they cost, and whom they hold up. With a real nginx and its njs."""

import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import bcrypt
import pytest

from components.proxy.login.htpasswd import Login
from lab.run import run
from tests.client import PASSWORD, Client, basic
from tests.scripts.served import Edits, Served

QUICK: Edits = {
    "access.js": [
        ("REFUSAL_MS = 1000", "REFUSAL_MS = 20"),
        ("LOCKED_MS = 3000", "LOCKED_MS = 60"),
        ("OUTAGE_MS = 3000", "OUTAGE_MS = 300"),
        ("NETWORK_GUESSES = 100", "NETWORK_GUESSES = 40"),
    ],
    "login.conf": [("access_log off", 'log_format asked "$uri $remote_user"; access_log /dev/stdout asked')],
}
"""Nobody waits for what takes no work, and the login says what it was asked."""
NUMBERS = itertools.count(1)
COSTS = {"cheap": [4], "dear": [7], "moved": [5, 6]}


def hashed(password: str, cost: int) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def may_pull(*hashes: str) -> Login:
    return Login(hashes, "pull", ["*"])


USERS = {
    name: may_pull(*(hashed(password, cost) for password, cost in zip((PASSWORD, "before"), costs, strict=False)))
    for name, costs in COSTS.items()
}


@pytest.fixture(scope="module", autouse=True)
def _quick(served: Served) -> None:
    served.configure(QUICK)


@pytest.fixture
def client(served: Served) -> Client:
    """Somebody from whom no guess has come yet."""
    served.let_in(USERS)
    return served.client(f"198.18.0.{next(NUMBERS)}")


def ask(client: Client, user: str, password: str) -> int:
    return client.send(user, "GET", "/v2/", Authorization=basic(user, password)).status


def all_at_once(ask_one: Callable[[int], int], number: int, together: int = 40) -> Counter[int]:
    with ThreadPoolExecutor(together) as pool:
        return Counter(pool.map(ask_one, range(number)))


@contextmanager
def looking(served: Served) -> Iterator[list[tuple[str, str]]]:
    """Collect what the login is asked while the body runs: ``/`` or ``/padding``, and the name."""
    found: list[tuple[str, str]] = []
    first = len(served.logged("login").splitlines())
    yield found
    lines, before = served.logged("login").splitlines(), None
    while lines != before:
        time.sleep(0.1)
        lines, before = served.logged("login").splitlines(), lines
    parts = [line.partition(" ") for line in lines[first:]]
    found += [(path, name) for path, _, name in parts if path in ("/", "/padding")]


def rounds(asked: list[tuple[str, str]]) -> int:
    """Return what looks have cost, in rounds of bcrypt."""
    costs = {name: of[0] for name, of in COSTS.items()} | {f"{name}~previous": of[-1] for name, of in COSTS.items()}
    return sum(2 ** (int(name) if path == "/padding" else costs[name]) for path, name in asked)


@pytest.mark.parametrize("user", [*COSTS, "nobody", "~anonymous"])
def test_a_wrong_password_costs_the_same_whatever_the_name(served: Served, client: Client, user: str) -> None:
    with looking(served) as asked:
        assert ask(client, user, "wrong") == 401
    assert rounds(asked) == 2**7


def test_a_wrong_password_costs_the_same_at_the_highest_cost(served: Served, client: Client) -> None:
    served.let_in({**USERS, "dearest": may_pull(hashed(PASSWORD, 4).replace("$04$", "$14$"))})
    with looking(served) as asked:
        assert ask(client, "nobody", "wrong") == 401
    assert rounds(asked) == 2**14


def test_a_wrong_password_that_comes_again_is_neither_looked_at_nor_counted(served: Served, client: Client) -> None:
    with looking(served) as asked:
        assert all_at_once(lambda _: ask(client, "cheap", "stale"), 60) == {401: 60}
    assert [name for path, name in asked if path == "/"] == ["cheap"]
    assert ask(client, "cheap", "another") == 401
    served.let_in({**USERS, "cheap": may_pull(hashed("stale", 4))})
    assert ask(client, "cheap", "stale") == 200, "it is right now"


def test_a_password_that_becomes_right_while_it_is_looked_at_is_right(served: Served, client: Client) -> None:
    served.let_in({"slow": may_pull(hashed("old", 12))})
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, client, "slow", "new")
        time.sleep(0.1)
        served.let_in({"slow": may_pull(hashed("new", 4))})
        assert asked.result() in (200, 401)
    assert ask(client, "slow", "new") == 200


def test_the_right_password_passes_while_a_name_is_locked(served: Served, client: Client) -> None:
    assert [ask(client, "cheap", f"guess {number}") for number in range(12)] == [401] * 10 + [429] * 2
    refused = client.send("", "GET", "/v2/", Authorization=basic("cheap", "guess"))
    assert (refused.codes, refused.headers["Retry-After"]) == (["TOOMANYREQUESTS"], "60")
    with ThreadPoolExecutor(4) as pool:
        guesses = [pool.submit(ask, client, "cheap", f"more {number}") for number in range(8)]
        assert ask(client, "cheap", PASSWORD) == 200, "in its turn"
        assert {guess.result() for guess in guesses} == {429}
    assert ask(client, "dear", "guess") == 401, "another name is not locked"
    assert ask(served.client("198.51.100.7"), "cheap", "guess elsewhere") == 401, "nor is the name elsewhere"


def test_guesses_of_a_locked_name_come_one_at_a_time_and_do_not_pile_up(served: Served, client: Client) -> None:
    with looking(served) as asked:
        seen = all_at_once(lambda number: ask(client, "cheap", f"heap {number}"), 150)
    assert seen == {401: 10, 429: 140}
    assert 10 < len([name for path, name in asked if path == "/"]) < 75, "most were refused unseen"


@pytest.mark.parametrize(
    ("addresses", "others"),
    [
        (["192.0.2.7"], "192.0.2.8"),
        (["2001:db8:0:7::1", "2001:db8:0:7:ffff::2", "2001:db8:0:7:1:2:3:4"], "2001:db8:0:8::1"),
        (["2001:db8::1", "2001:db8::ffff:0:0:2"], "2001:db8:1::1"),
        (["::ffff:203.0.113.7", "203.0.113.7"], "::ffff:203.0.113.8"),
    ],
    ids=lambda value: str(value),
)
def test_names_are_not_tried_without_end_from_one_place(served: Served, addresses: list[str], others: str) -> None:
    clients = [served.client(address) for address in addresses]
    seen = all_at_once(lambda number: ask(clients[number % len(clients)], f"name{number}", f"from {others}"), 80)
    assert 40 <= seen[401] <= 48, "what is looked at together is let through"
    assert seen[401] + seen[429] == 80
    assert ask(clients[0], "one-more", "x") == 429
    assert ask(clients[-1], "dear", PASSWORD) == 200, "the right password passes"
    assert ask(served.client(others), "one-more", "x") == 401, "others have a limit of their own"


def test_a_full_memory_refuses_guesses_and_lets_the_right_ones_pass(served: Served) -> None:
    small = [("zone=guesses:8m", "zone=guesses:32k")]
    served.configure({**QUICK, "nginx.conf": small})
    places = [served.client(f"10.1.{number // 200}.{number % 200}") for number in range(130)]
    filled = all_at_once(lambda number: ask(places[number], f"name{number}", "x"), len(places))
    assert filled[429] > 0
    assert "guesses:" in served.logged("proxy")
    for number in range(5):
        client = served.client(f"198.51.100.{number}")
        assert 429 in [ask(client, f"n{number}", f"guess {guess}") for guess in range(3)]
        assert ask(client, "cheap", PASSWORD) == 200


def test_a_right_password_is_checked_once_while_it_is_used(served: Served, client: Client) -> None:
    served.configure({**QUICK, "access.js": [*QUICK["access.js"], ("RENEW_MS = 300000", "RENEW_MS = 0")]})
    try:
        with looking(served) as asked:
            assert [ask(client, "cheap", PASSWORD) for _ in range(5)] == [200] * 5
        assert asked == [("/", "cheap")]
        served.let_in({**USERS, "cheap": may_pull(hashed("another", 4))})
        assert ask(client, "cheap", PASSWORD) == 401, "its hash is gone"
    finally:
        served.configure(QUICK)


def test_a_password_that_was_right_for_a_moment_is_not_cached_for_the_hash_before_it(
    served: Served, client: Client
) -> None:
    with ThreadPoolExecutor(1) as pool:
        run(["docker", "pause", served.container("login")])
        try:
            during = pool.submit(ask, client, "cheap", "for a moment")
            # nginx has read the file by then.
            time.sleep(0.5)
            served.let_in({**USERS, "cheap": may_pull(hashed("for a moment", 4))})
        finally:
            run(["docker", "unpause", served.container("login")])
        assert during.result() == 200
    served.let_in(USERS)
    assert ask(client, "cheap", "for a moment") == 401


def test_a_lock_ends_after_a_while_without_guesses(served: Served, client: Client) -> None:
    script = [*QUICK["access.js"], ("GUESSES_MS = 60000", "GUESSES_MS = 700")]
    served.configure({**QUICK, "access.js": script})
    assert [ask(client, "cheap", f"guess {number}") for number in range(11)][-1] == 429
    time.sleep(0.8)
    assert [ask(client, "cheap", f"later guess {number}") for number in range(3)] == [401] * 3


def test_nobody_learns_a_name_while_passwords_can_not_be_checked(served: Served, client: Client) -> None:
    run(["docker", "stop", "--time", "0", served.container("login")])
    try:
        users = ("dear", "nobody")
        answers = [client.send("", "GET", "/v2/", Authorization=basic(user, "down")) for user in users]
    finally:
        run(["docker", "start", served.container("login")])
    assert [(answer.status, answer.codes) for answer in answers] == [(503, ["UNAVAILABLE"])] * 2


def test_what_a_client_is_told_is_not_what_docker_hides(client: Client) -> None:
    first, wrong = client.send("", "GET", "/v2/"), client.send("", "GET", "/v2/", Authorization=basic("cheap", "told"))
    messages = [json.loads(answer.body)["errors"][0]["message"] for answer in (first, wrong)]
    assert messages == [
        "log in to registry.test first: docker login registry.test",
        "wrong user name or password, log in again: docker login registry.test",
    ]
    assert not re.search("authentication required", " ".join(messages))
