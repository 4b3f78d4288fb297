"""What follows in the daemon from what the plugins offer."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from fakes.ports import FakeLibrary, FakeModels, worker_status
from fakes.replies import LOADED
from hob.errors import WorkerDied
from hob.models.profiles.loading import MAX_WARM_CHARS, MAX_WARM_PROMPTS
from hob.serve.plugins import bounded_prompts, cached_commands, read_ahead, write_commands
from hob.wire.calls import Call, CallResult, Prefill, Prefilled
from hob.wire.plugin_host import Catalogue
from hob.wire.plugins import CommandCache, CommandInfo, PluginInfo
from hob.wire.status import WorkerStatus

CATALOGUE = Catalogue(
    plugins=(
        PluginInfo(name="notes", source="folder", path="/plugins/notes.py", state="on"),
        PluginInfo(name="chess", source="package", path="hob_chess", state="on"),
        PluginInfo(name="broken", source="package", path="hob_broken", state="failed"),
    ),
    commands=tuple(
        CommandInfo(name=f"play-{plugin}", plugin=plugin, help="Plays.")
        for plugin in ("notes", "chess", "broken", "gone")
    ),
)


class Models(FakeModels):
    """The chosen model, in whatever state."""

    def __init__(self, *workers: WorkerStatus) -> None:
        super().__init__(FakeLibrary())
        self.read: list[tuple[str, Call]] = []
        self.fails = False
        self._workers = workers

    def workers(self) -> tuple[WorkerStatus, ...]:
        return self._workers

    async def call(self, model: str, call: Call, *, keep_alive: float | None = None) -> CallResult:
        if self.fails:
            raise WorkerDied("It is gone.")
        self.read.append((model, call))
        return Prefilled(prompt_tokens=3, cached_tokens=0)


WARM = replace(worker_status("tiny"), loaded=LOADED)


def test_commands_are_told_with_what_is_to_be_imported_for_them() -> None:
    commands = cached_commands(CATALOGUE).commands
    assert [(one.name, one.source, one.target) for one in commands] == [
        ("play-notes", "folder", "/plugins/notes.py"),
        ("play-chess", "package", "hob_chess"),
    ]


def test_the_list_of_commands_is_written_whole_and_only_when_it_is_another(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "commands.json"
    write_commands(path, CATALOGUE)
    assert msgspec.json.decode(path.read_bytes(), type=CommandCache) == cached_commands(CATALOGUE)
    before = path.stat().st_ino
    write_commands(path, CATALOGUE)
    assert path.stat().st_ino == before
    write_commands(path, Catalogue(plugins=()))
    assert msgspec.json.decode(path.read_bytes(), type=CommandCache).commands == ()
    assert [file.name for file in path.parent.iterdir()] == ["commands.json"]


def test_where_nothing_can_be_written_the_daemon_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file")
    write_commands(tmp_path / "cache" / "commands.json", CATALOGUE)
    assert "cannot be remembered" in caplog.text


def test_prompts_are_read_once_and_not_without_end() -> None:
    assert [one.text for one in bounded_prompts(["a", "", "b", "a"])] == ["a", "b"]
    assert len(bounded_prompts(str(number) for number in range(1000))) == MAX_WARM_PROMPTS
    assert bounded_prompts(["x" * (MAX_WARM_CHARS + 1)]) == ()


async def test_prompts_that_come_later_are_read_by_the_model_that_is_warm() -> None:
    models = Models(WARM)
    await read_ahead(models, bounded_prompts(["Be kind.", "Be brief."]))
    assert [model for model, _ in models.read] == ["tiny", "tiny"]
    first = models.read[0][1]
    assert isinstance(first, Prefill)
    assert first.priority == "background"
    assert [(one.role, one.content) for one in first.request.messages] == [
        ("system", "Be kind."),
        ("user", ""),
    ]


@pytest.mark.parametrize(
    "worker",
    [
        replace(WARM, state="starting"),
        replace(WARM, chosen=False),
        replace(WARM, loaded=None),
        replace(WARM, loaded=replace(LOADED, template="")),
    ],
    ids=["loading", "not chosen", "not loaded", "cannot chat"],
)
async def test_no_model_is_loaded_for_a_prompt(worker: WorkerStatus) -> None:
    models = Models(worker)
    await read_ahead(models, bounded_prompts(["Be kind."]))
    assert models.read == []


async def test_a_model_that_fails_at_it_harms_nobody() -> None:
    models = Models(WARM)
    models.fails = True
    await read_ahead(models, bounded_prompts(["Be kind."]))
