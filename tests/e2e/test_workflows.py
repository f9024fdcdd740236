"""The workflows, played step by step on a repository of two stacks: comment, edit, update on merge, watch.

The tests are one story and run in this order. They cost some 30 runs of the engine and 8 looks, by the workflows' own
commands, and no host.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import engine
from lab.actionlint import actionlint
from lab.places import PROJECT
from lab.run import run
from review.comment import MARK
from tests.e2e.conftest import NETWORK
from tests.e2e.hosts import Hosts
from tests.e2e.runner import Runner
from tests.e2e.stack import clear
from tests.e2e.test_documentation import copy_of_the_project
from tests.githost import TOKEN, GitHost, running

PORTS = {"staging": 8443, "prod": 443}
OWN = {"staging": {"deleteData": True}, "prod": {"protect": True}}
PASSWORD = "Marker-Password-of-a-workflow"
PASSPHRASE = "Marker-Passphrase-of-a-workflow"
NOWHERE = {"DOCKER_HOST": "unix:///run/nobody-listens.sock"}


def test_the_workflows_are_what_github_reads() -> None:
    run([actionlint(), "-shellcheck", PROJECT / ".venv/bin/shellcheck"], cwd=PROJECT)


@dataclass
class Team:
    """A repository with two stacks, its host, and a shared backend."""

    repository: Path
    folder: Path
    host: GitHost
    env: Mapping[str, str] = field(default_factory=dict)

    def runner(
        self, branch: str, env: Mapping[str, str] | None = None, context: Mapping[str, str] | None = None
    ) -> Runner:
        """Return a runner for a run of a branch."""
        known = {
            "github.api_url": self.host.url,
            "github.repository": "team/registry",
            "github.server_url": "https://git.example.com",
            "github.token": TOKEN,
            "github.event.pull_request.number": "7",
            "github.event.pull_request.base.sha": self.git("rev-parse", "main"),
            "github.event.pull_request.head.repo.full_name": "team/registry",
            "vars.PULUMI_BACKEND_URL": self.env["PULUMI_BACKEND_URL"],
            "secrets.PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            **(context or {}),
        }
        return Runner(self.repository, self.folder, branch, known, env or {})

    def git(self, *words: str) -> str:
        """Run git in the repository."""
        return run(["git", "-C", self.repository, "-c", "user.name=a", "-c", "user.email=a@example.com", *words])

    def change(self, branch: str, stack: str, **settings: Any) -> None:
        """Commit other settings of a stack to a branch, which is made from main."""
        if not self.git("branch", "--list", branch):
            self.git("branch", branch, "main")
        self.git("checkout", "--quiet", branch)
        file = self.repository / f"Pulumi.{stack}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"] |= {f"private-registry:{key}": value for key, value in settings.items()}
        file.write_text(yaml.safe_dump(content))
        self.git("commit", "--quiet", "--all", "--message", f"Change {', '.join(settings)} of {stack}")

    def merge(self, branch: str) -> None:
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--no-edit", branch)

    def pulumi(self, *words: str, stdin: str = "") -> str:
        return run([engine.pulumi(), *words, "--cwd", self.repository], env=self.env, stdin=stdin)


@pytest.fixture(scope="module")
def team(found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    repository, backend = folder / "repository", folder / "backend"
    backend.mkdir()
    copy_of_the_project(repository, {})
    env = {"PULUMI_BACKEND_URL": engine.backend(backend), "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
    with running() as host:
        team = Team(repository, folder, host, env)
        for stack, port in PORTS.items():
            clear(stack)
            own = {
                "domain": NETWORK.gateway,
                "bindAddress": NETWORK.gateway,
                "httpsPort": port,
                **OWN[stack],
                "images": {name: found_images[name] for name in ("registry", "nginx")},
                "users": [{"name": "ci"}],
            }
            config = {f"private-registry:{key}": value for key, value in own.items()}
            (repository / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
            team.pulumi("stack", "init", stack)
            team.pulumi(
                "config",
                "set",
                "--secret",
                "--path",
                "private-registry:users[0].password",
                "--stack",
                stack,
                stdin=PASSWORD,
            )
        team.git("init", "--quiet", "--initial-branch", "main")
        team.git("add", "--all")
        team.git("commit", "--quiet", "--message", "Declare two registries")
        yield team
        for stack in PORTS:
            clear(stack)


def test_a_merge_updates_staging_and_then_production(team: Team) -> None:
    runner = team.runner("main")
    assert runner.workflow("deploy") == {"staging": "success", "prod": "success"}, runner.printed
    for stack in PORTS:
        assert team.pulumi("stack", "output", "registry", "--stack", stack).startswith(NETWORK.gateway)
    assert PASSWORD not in runner.printed


def test_a_pull_request_gets_one_comment_by_a_runner_that_reaches_no_host(team: Team) -> None:
    team.change("more-memory", "staging", limits={"registryMemory": 640})
    runner = team.runner("more-memory", NOWHERE)
    assert runner.workflow("preview") == {"preview": "success", "comment": "success"}, runner.printed
    [comment] = team.host.bodies("comments")
    staging, prod = comment.partition("## Preview of `prod`")[::2]
    assert comment.startswith(MARK)
    assert "640 MiB" in staging
    assert "Nothing changes" in prod
    assert "<details><summary>The whole preview of Pulumi</summary>" in staging
    assert "https://git.example.com/team/registry/actions/workflows/deploy.yml" in comment


def test_another_push_edits_the_comment(team: Team) -> None:
    team.change("more-memory", "prod", limits={"registryMemory": 700})
    assert team.runner("more-memory", NOWHERE).workflow("preview")["comment"] == "success"
    [comment] = team.host.bodies("comments")
    assert "640 MiB" in comment
    assert "700 MiB" in comment


def test_a_mistake_fails_the_check_and_is_told_in_the_comment(team: Team) -> None:
    team.change("mistake", "prod", httpsPort=0)
    assert team.runner("mistake", NOWHERE).workflow("preview") == {"preview": "failure", "comment": "success"}
    [comment] = team.host.bodies("comments")
    assert "The preview failed. Nothing was changed" in comment.partition("## Preview of `prod`")[2]
    assert "private-registry:httpsPort" in comment


def test_what_a_rule_refuses_is_told_in_the_comment_and_never_applied(team: Team) -> None:
    team.change("unprotected", "prod", protect=False)
    assert team.runner("unprotected", NOWHERE).workflow("preview") == {"preview": "failure", "comment": "success"}
    [comment] = team.host.bodies("comments")
    staging, prod = comment.partition("## Preview of `prod`")[::2]
    assert "refuse" not in staging
    assert "- protected-data: registry-registry-data: the volume with the images is not protected" in prod
    runner = team.runner("unprotected")
    assert runner.workflow("deploy") == {"staging": "success", "prod": "failure"}
    assert "protected-data" in runner.printed
    assert '"protect": true' in team.pulumi("stack", "export", "--stack", "prod")


def test_a_fork_gets_no_preview(team: Team) -> None:
    fork = {"github.event.pull_request.head.repo.full_name": "somebody/registry"}
    runner = team.runner("more-memory", context=fork)
    assert runner.workflow("preview") == {"preview": "skipped", "comment": "skipped"}
    assert runner.printed == ""


def test_the_comment_is_written_by_the_code_that_was_reviewed(team: Team) -> None:
    team.git("checkout", "--quiet", "-B", "hostile", "main")
    (team.repository / "review/publish.py").write_text("raise SystemExit('the code of the pull request was run')\n")
    team.git("commit", "--quiet", "--all", "--message", "Try to write")
    runner = team.runner("hostile", NOWHERE)
    assert runner.workflow("preview")["comment"] == "success"
    assert "the code of the pull request was run" not in runner.printed


def test_what_was_approved_is_applied_and_nothing_is_left(team: Team) -> None:
    team.merge("more-memory")
    runner = team.runner("main")
    assert runner.workflow("deploy") == {"staging": "success", "prod": "success"}, runner.printed
    assert team.runner("main", NOWHERE).workflow("preview")["preview"] == "success"
    [comment] = team.host.bodies("comments")
    assert comment.count("Nothing changes") == 2


def test_production_waits_for_staging(team: Team) -> None:
    team.change("broken", "staging", httpsPort=0)
    assert team.runner("broken").workflow("deploy") == {"staging": "failure", "prod": "skipped"}


def test_the_watch_opens_an_issue_and_closes_it(team: Team) -> None:
    login = "private-registry-staging-login"
    assert team.runner("main").workflow("watch") == {"look": "success"}
    assert team.host.bodies("issues") == []
    run(["docker", "stop", login])
    try:
        assert team.runner("main").workflow("watch") == {"look": "success"}
    finally:
        run(["docker", "start", login])
    [issue] = team.host.bodies("issues")
    assert f"container {login} is stopped" in issue
    assert team.runner("main").workflow("watch") == {"look": "success"}
    assert team.host.bodies("issues") == []


def test_a_merge_request_of_gitlab_gets_one_comment_too(team: Team, tmp_path: Path) -> None:
    before = len(team.host.bodies("comments"))
    for memory in (650, 660):
        team.change("on-gitlab", "prod", limits={"registryMemory": memory})
        runner = Runner(team.repository, tmp_path, "on-gitlab", {}, NOWHERE)
        variables = {**team.env, **team.host.gitlab(), "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
        variables["CI_PROJECT_URL"] = "https://git.example.com/team/registry"
        for stack in PORTS:
            assert runner.gitlab("preview", {**variables, "STACK": stack}, artifacts="previews"), runner.printed
        assert runner.gitlab("comment", variables), runner.printed
        [comment] = team.host.bodies("comments")[before:]
        assert f"{memory} MiB" in comment
        assert "https://git.example.com/team/registry/-/pipelines" in comment


def test_a_certificate_that_ends_soon_is_named(team: Team) -> None:
    command = [".venv/bin/python", "-m", "operations.expiry", "--stack", "prod"]
    for option, days, status in (("--warn", "300", 0), ("--warn", "400", 3), ("--error", "400", 2)):
        done = subprocess.run(
            [*command, option, days],
            cwd=PROJECT,
            env={**os.environ, **team.env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert re.search(
            rf"^36\d days .* what https://{NETWORK.gateway} serves +an update in its last", done.stdout, re.M
        )
        assert re.search(r"^36\d\d days .* ok +authority prod registry authority ", done.stdout, re.M)


def test_no_secret_is_in_what_the_workflows_wrote(team: Team) -> None:
    written = [text for kind in ("comments", "issues") for text in (one["body"] for one in team.host.texts[kind])]
    files = [file.read_text() for file in team.folder.glob("*-artifacts/**/*") if file.is_file()]
    assert len(written) > 1
    assert len(files) > 4
    assert not [text for text in (*written, *files) if PASSWORD in text or PASSPHRASE in text or text == TOKEN]
