"""Plays the runner of a workflow: its ``run`` steps as they are written, in a checkout of a repository on this machine.

Of the actions that are used, it does what they are used for: a checkout is a clone, an artifact is a folder that is
copied, and the set-up is this project's own virtual environment.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab import engine
from lab.run import run

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_TERM = re.compile(r"^(\S+) (==|!=) (\S+)$")


@dataclass
class Runner:
    """One run: of a branch of a repository, with what the host would give it."""

    repository: Path
    folder: Path
    """Where checkouts and artifacts lie."""
    branch: str
    context: Mapping[str, str]
    """Expression -> value, as ``github.token`` or ``secrets.NAME``."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Of the machine."""
    printed: str = ""

    def workflow(self, name: str) -> dict[str, str]:
        """Run the jobs of a workflow, one after the other; return job -> success, failure or skipped."""
        jobs = self._yaml(f".github/workflows/{name}.yml")["jobs"]
        results: dict[str, str] = {}
        for key, job in jobs.items():
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            known = {**self.context, **{f"needs.{other}.result": results[other] for other in needed}}
            condition = job.get("if", "success()")
            failed = any(results[other] != "success" for other in needed)
            if self._holds(condition, known, failed):
                done = [self._job(f"{key}-{number}", job, {**known, **one}) for number, one in enumerate(_matrix(job))]
                results[key] = "success" if all(done) else "failure"
            else:
                results[key] = "skipped"
        return results

    def gitlab(self, name: str, env: Mapping[str, str], artifacts: str = "") -> bool:
        """Run the script of a job of ``.gitlab-ci.yml`` in a checkout with the artifacts of jobs before it."""
        workspace = self._checkout(f"gitlab-{name}-{env.get('STACK', '')}")
        if self._artifacts.exists():
            shutil.copytree(self._artifacts, workspace, dirs_exist_ok=True)
        lines = self._yaml(".gitlab-ci.yml")[name]["script"]
        good = self._shell(workspace, "\n".join(lines), env)
        if artifacts:
            shutil.copytree(workspace / artifacts, self._artifacts / artifacts, dirs_exist_ok=True)
        return good

    def _checkout(self, name: str) -> Path:
        workspace = self.folder / f"{self.branch}-{name}"
        shutil.rmtree(workspace, ignore_errors=True)
        run(["git", "clone", "--quiet", "--branch", self.branch, self.repository, workspace])
        return workspace

    def _yaml(self, file: str) -> dict[str, Any]:
        return dict(yaml.safe_load(run(["git", "-C", self.repository, "show", f"{self.branch}:{file}"])))

    def _job(self, name: str, job: Mapping[str, Any], known: Mapping[str, str]) -> bool:
        workspace = self.folder / f"{self.branch}-{name}"
        shutil.rmtree(workspace, ignore_errors=True)
        workspace.mkdir(parents=True)
        good = True
        for step in job["steps"]:
            if self._holds(step.get("if", "success()"), known, not good):
                good = self._step(workspace, step, known) and good
        return good

    def _step(self, workspace: Path, step: Mapping[str, Any], known: Mapping[str, str]) -> bool:
        inputs = {key: self._filled(str(value), known) for key, value in step.get("with", {}).items()}
        action = step.get("uses", "").partition("@")[0]
        if action == "actions/checkout":
            run(["git", "clone", "--quiet", self.repository, workspace])
            run(["git", "-C", workspace, "checkout", "--quiet", inputs.get("ref", f"origin/{self.branch}")])
        elif action == "./.github/actions/setup":
            assert all((workspace / file).is_file() for file in inputs.get("packages", "requirements.lock").split())
        elif action == "actions/upload-artifact":
            shutil.copytree(workspace / inputs["path"], self._artifacts / inputs["name"], dirs_exist_ok=True)
        elif action == "actions/download-artifact":
            shutil.copytree(self._artifacts, workspace / inputs["path"])
        else:
            return self._shell(
                workspace, step["run"], {key: self._filled(value, known) for key, value in step.get("env", {}).items()}
            )
        return True

    @property
    def _artifacts(self) -> Path:
        return self.folder / f"{self.branch}-artifacts"

    def _shell(self, workspace: Path, script: str, env: Mapping[str, str]) -> bool:
        assert not _EXPRESSION.search(script), "an expression in a script is run as a part of it"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=workspace,
            env={**os.environ, **engine.environment(), **self._of_the_host(), **env, **self.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.printed += f"{done.stdout}{done.stderr}"
        return done.returncode == 0

    def _of_the_host(self) -> dict[str, str]:
        variables = {"github.api_url": "GITHUB_API_URL", "github.repository": "GITHUB_REPOSITORY"}
        return {variables[key]: value for key, value in self.context.items() if key in variables}

    def _filled(self, text: str, known: Mapping[str, str]) -> str:
        return _EXPRESSION.sub(lambda found: known[found[1]], text)

    def _holds(self, condition: str, known: Mapping[str, str], failed: bool) -> bool:
        text = self._unwrapped(condition)
        terms = text.split(" && ")
        # Whatever does not say otherwise is run only after a success.
        is_asked_always = {"always()", "!cancelled()"} & set(terms)
        return (bool(is_asked_always) or not failed) and all(_true(term, known) for term in terms)

    @staticmethod
    def _unwrapped(condition: str) -> str:
        found = _EXPRESSION.fullmatch(condition)
        return found[1] if found else condition


def _true(term: str, known: Mapping[str, str]) -> bool:
    if term in ("success()", "always()", "!cancelled()"):
        return True
    found = _TERM.match(term)
    assert found, f"this runner does not know the condition {term}"
    left, right = (word.strip("'") if word.startswith("'") else known[word] for word in (found[1], found[3]))
    return (left == right) == (found[2] == "==")


def _matrix(job: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    [(key, values)] = job.get("strategy", {}).get("matrix", {"stack": [""]}).items()
    yield from ({f"matrix.{key}": value} for value in values)
