from pathlib import Path

from hob.state import State, load_state, save_state


def test_what_was_used_last_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "state" / "state.json"
    save_state(file, State(last_used="writer"))
    assert load_state(file) == State(last_used="writer")
    assert [entry.name for entry in file.parent.iterdir()] == ["state.json"]


def test_a_missing_or_broken_state_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert load_state(file) == State()
    file.write_bytes(b'{"last_used": ')
    assert load_state(file) == State()
