"""A user's program: it runs without a warning and passes a strict type checker."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "programs" / "user.py"


def test_a_users_program_runs_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(PROGRAM), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "as expected: " in done.stdout


def test_a_type_checker_passes_a_users_program_and_notices_a_wrong_keyword(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import inrcodec\ninrcodec.encode('a.png', qualty=3, effort='high')\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file="]
    done = subprocess.run(
        [*command, str(PROGRAM), str(wrong)],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=tmp_path,
    )
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 2, done.stdout
    assert all(line.startswith("wrong.py:2: ") for line in errors)
    assert "qualty" in errors[0] + errors[1]
    assert '"effort"' in errors[0] + errors[1]
