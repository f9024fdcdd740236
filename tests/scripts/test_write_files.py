"""write_files.sh: a reader finds the old file or the new one, whatever stops it, and the next update ends it."""

import base64
import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

from components.scripts.script import with_payload
from tests.scripts.conftest import Shell

SCRIPT = Path("components/hosts/write_files.sh")
OLD, NEW = "old\n" * 20_000, "new\n" * 20_000
COUNT = 5


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "-"


def payload(files: list[Path]) -> dict[str, str]:
    lines = [f"{file}\t{'-' if file.exists() else '0640'}\t{digest(file)}\tnew\n" for file in files]
    return {"changes": "".join(lines), "services": "\n", "new": f"{base64.b64encode(NEW.encode()).decode()}\n"}


def test_what_is_killed_leaves_whole_files_and_the_next_one_ends_it(shell: Shell, tmp_path: Path) -> None:
    files = [tmp_path / f"folder/{number}" for number in range(COUNT)]
    for step in range(8):
        for file in files:
            file.parent.mkdir(exist_ok=True)
            file.write_text(OLD)
        script = tmp_path / "script"
        script.write_text(with_payload(SCRIPT, payload(files)))
        with script.open() as text:
            environment = {"PATH": shell.path, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
            killed = subprocess.Popen([*shell.command, "-s", "--"], stdin=text, env=environment, start_new_session=True)
            time.sleep(step * 0.01)
            # With what it has started, which would go on for a moment.
            os.killpg(killed.pid, signal.SIGKILL)
            killed.wait()
        assert {file.read_text() for file in files} <= {OLD, NEW}
        done = shell.run(SCRIPT, payload=payload(files))
        assert done.returncode == 0, done.stderr
        assert {file.read_text() for file in files} == {NEW}
        assert sorted(files[0].parent.iterdir()) == files, "drafts are left"


def test_what_was_changed_meanwhile_and_what_leads_nowhere_is_left(shell: Shell, tmp_path: Path) -> None:
    first, second, link = tmp_path / "first", tmp_path / "second", tmp_path / "link"
    first.write_text(OLD)
    second.write_text(OLD)
    known = payload([first, second])
    second.write_text("of others")
    assert "was changed while this update looked at it" in shell.run(SCRIPT, payload=known).stderr
    assert (first.read_text(), second.read_text()) == (OLD, "of others")
    link.symlink_to(tmp_path / "nowhere/file")
    assert f"{link} is a link to {tmp_path}/nowhere/file" in shell.run(SCRIPT, payload=payload([first, link])).stderr
    assert (first.read_text(), link.is_symlink()) == (OLD, True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["first", "link", "second"]
