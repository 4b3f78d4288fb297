import os
import subprocess
import sys
from pathlib import Path

import pytest

from hob.errors import AlreadyRunning, StartFailed
from hob.instance import only_instance, running_pid
from hob.paths import find_paths

HOLD = """
import sys
from hob.instance import only_instance
from hob.paths import find_paths
with only_instance(find_paths()):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_daemon_is_told_which_one_runs(tmp_path: Path) -> None:
    env = {**os.environ, "HOB_HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        paths = find_paths(env)
        with pytest.raises(AlreadyRunning) as caught, only_instance(paths):
            pass
        assert caught.value.details["pid"] == holder.pid == running_pid(paths)
        holder.kill()
        holder.wait()
        with only_instance(paths):
            assert running_pid(paths) == os.getpid()
    assert running_pid(paths) is None


def test_the_run_folder_is_the_users_own(tmp_path: Path) -> None:
    paths = find_paths({"HOB_HOME": str(tmp_path / "home")})
    with only_instance(paths):
        assert paths.run_dir.stat().st_mode & 0o777 == 0o700


def test_a_home_that_is_a_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with (
        pytest.raises(StartFailed, match="cannot be made"),
        only_instance(find_paths({"HOB_HOME": str(tmp_path / "home")})),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="links that another user leaves in /tmp")
def test_a_run_folder_that_is_a_link_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "run").symlink_to(elsewhere)
    with (
        pytest.raises(StartFailed, match="is a link"),
        only_instance(find_paths({"HOB_HOME": str(tmp_path / "home")})),
    ):
        pass
    assert list(elsewhere.iterdir()) == []
