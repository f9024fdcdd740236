"""operations/drift/modes.sh: modes come back, and nothing else changes."""

import shutil
from pathlib import Path

from tests.scripts.conftest import Shell

SCRIPT = Path("operations/drift/modes.sh")


def test_modes_come_back(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("content\n")
    file.chmod(0o600)
    done = shell.run(SCRIPT, "modes", f"directory={tmp_path}", "file=ca.crt:0644:12ab", "file=gone:0600:34cd")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["ca.crt"]
    shutil.rmtree(tmp_path)
    assert shell.run(SCRIPT, "modes", f"directory={tmp_path}", "file=ca.crt:0644:12ab").returncode == 0


def test_modes_come_back_for_each_name(shell: Shell, tmp_path: Path) -> None:
    files = [tmp_path / name / "ca.crt" for name in ("a.test", "b.test", "c.test")]
    for file in files:
        file.parent.mkdir()
        file.touch(0o600)
    words = (f"directory={tmp_path}/a.test", "aliases=b.test,c.test", "file=ca.crt:0644:12ab")
    done = shell.run(SCRIPT, "modes", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {file.stat().st_mode & 0o777 for file in files} == {0o644}
