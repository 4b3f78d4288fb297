import os
import tempfile
from pathlib import Path

from hob.paths import find_paths


def test_hob_home_puts_everything_under_one_folder(tmp_path: Path) -> None:
    paths = find_paths({"HOB_HOME": str(tmp_path)})
    assert paths.config_file == tmp_path / "config.toml"
    assert paths.models_dir == tmp_path / "models"
    assert paths.state_file.parent == tmp_path / "state"
    assert paths.log_file.parent == tmp_path / "logs"
    assert paths.socket == tmp_path / "run" / "hob.sock"
    assert paths.prefix_dir == tmp_path / "cache" / "prefixes"


def test_a_relative_home_means_the_folder_of_now(tmp_path: Path) -> None:
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert find_paths({"HOB_HOME": "here"}).models_dir == tmp_path / "here" / "models"
    finally:
        os.chdir(before)


def test_a_home_too_deep_for_a_socket_address_gets_a_short_run_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    env = {"HOB_HOME": str(deep), "XDG_RUNTIME_DIR": "/run/user/1"}
    paths = find_paths(env)
    assert len(os.fsencode(paths.socket)) <= 100
    assert paths.run_dir.parent == Path("/run/user/1")
    assert paths == find_paths(env)
    assert paths.run_dir != find_paths({**env, "HOB_HOME": str(deep) + "x"}).run_dir


def test_the_session_has_its_socket_in_the_runtime_folder(tmp_path: Path) -> None:
    assert find_paths({"XDG_RUNTIME_DIR": str(tmp_path)}).run_dir == tmp_path / "hob"


def test_without_a_runtime_folder_the_socket_is_never_in_a_shared_one(tmp_path: Path) -> None:
    run_dir = find_paths({"XDG_RUNTIME_DIR": str(tmp_path / "gone")}).run_dir
    assert not run_dir.is_relative_to(Path(tempfile.gettempdir()))


def test_without_a_home_the_folders_are_the_systems_own() -> None:
    paths = find_paths({})
    assert "hob" in str(paths.config_file)
    assert paths.models_dir != paths.state_dir
