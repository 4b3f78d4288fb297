"""The command of a newcomer, run for real in a home of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_daemon import starter_model

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.live


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A home with the starter model in it, so that nothing is fetched."""
    (tmp_path / "models").mkdir()
    name = "SmolLM2-135M-Instruct-Q4_1.gguf"
    (tmp_path / "models" / name).symlink_to(starter_model())
    environ = {**os.environ, "HOB_HOME": str(tmp_path)}
    yield environ
    run(environ, str(ROOT / ".venv/bin/hob"), "down")


def run(environ: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        cwd="/",
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_try_answers_and_says_where_things_are_and_how_to_stop(environ: dict[str, str]) -> None:
    script = str(ROOT / "installers/try.sh")
    first = run(environ, "bash", script, "Write one sentence about the sea.")
    assert first.returncode == 0, first.stdout + first.stderr
    _, _, after = first.stdout.partition("==> Asking: Write one sentence about the sea.\n")
    answer, _, rest = after.partition("==>")
    assert len(answer.split()) > 3
    assert environ["HOB_HOME"] in rest
    assert "hob down" in rest

    again = run(environ, "bash", script)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "running already" in again.stdout


def test_try_names_the_step_that_failed_and_the_way_on(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("[engine]\nslots = 'many'\n")
    done = run(environ, "bash", str(ROOT / "installers/try.sh"))
    assert done.returncode == 1
    assert "FAILED: The daemon did not start." in done.stderr
    assert "engine.slots" in done.stderr
    assert "hob doctor" in done.stderr
