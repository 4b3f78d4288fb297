"""The models folder with the real daemon and real files: dropped in, copied over, taken away."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from hob.client import Client
from hob.client.stream import FactStream
from hob.errors import ModelQuarantined
from hob.wire.events import (
    Event,
    ModelAdded,
    ModelCopying,
    ModelFailed,
    ModelLoading,
    ModelReady,
    ModelRemoved,
    ModelRenamed,
)
from hob.wire.models import ModelEntry
from live_daemon import LiveDaemon, eventually, starter_model

WAIT_S = 30.0
NAME = "smollm2:135m-instruct-q4_1"
LONG: list[openai.types.chat.ChatCompletionMessageParam] = [
    {"role": "user", "content": "Count from one to one hundred in words."}
]
NO_END = {"0": -100, "2": -100}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[LiveDaemon]:
    """A daemon with a real copy of the starter model, which is warm."""
    daemon = LiveDaemon(tmp_path / "home")
    shutil.copyfile(starter_model(), daemon.paths.models_dir / starter_model().name)
    with daemon:
        daemon.client().load(NAME)
        yield daemon


def file_of(daemon: LiveDaemon) -> Path:
    return daemon.paths.models_dir / starter_model().name


@contextmanager
def facts(daemon: LiveDaemon) -> Iterator[FactStream]:
    with daemon.client() as client, client.events(timeout=WAIT_S) as stream:
        yield stream


def until(stream: FactStream, kind: type[Event], model: str = "") -> list[Event]:
    """The facts up to the first of that kind, it included."""
    seen: list[Event] = []
    for fact in stream:
        seen.append(fact)
        if isinstance(fact, kind) and (not model or getattr(fact, "model", "") == model):
            return seen
    raise AssertionError(f"the stream ended without {kind.__name__}: {seen}")


def entries(client: Client) -> dict[str, ModelEntry]:
    return {entry.info.name: entry for entry in client.models().models}


def ask(daemon: LiveDaemon, model: str = "", tokens: int = 8) -> str:
    reply = daemon.openai().chat.completions.create(
        model=model, messages=LONG, temperature=0, max_tokens=tokens
    )
    return reply.choices[0].message.content or ""


def test_a_copied_model_is_there_and_answers(daemon: LiveDaemon) -> None:
    with facts(daemon) as stream:
        shutil.copyfile(starter_model(), daemon.paths.models_dir / "Second-1B-Q4_1.gguf")
        until(stream, ModelAdded, "second:1b-q4_1")
    assert ask(daemon, "second") == ask(daemon, NAME)


def test_a_slow_copy_is_told_as_copying_and_added_once(daemon: LiveDaemon) -> None:
    target = daemon.paths.models_dir / "Slow-1B-Q4_1.gguf"
    data = starter_model().read_bytes()
    step = len(data) // 4
    with facts(daemon) as stream, target.open("wb") as out:
        seen: list[Event] = []
        for at in range(0, len(data), step):
            out.write(data[at : at + step])
            out.flush()
            if at + step < len(data):
                seen += until(stream, ModelCopying, "slow:1b-q4_1")
                entry = entries(daemon.client())["slow:1b-q4_1"]
                assert entry.state == "copying"
        out.close()
        seen += until(stream, ModelAdded)
        progress = [fact.done_bytes for fact in seen if isinstance(fact, ModelCopying)]
        assert progress == sorted(progress)
        assert len(progress) >= 3
        assert sum(isinstance(fact, ModelAdded) for fact in seen) == 1
    assert entries(daemon.client())["slow:1b-q4_1"].state == "available"


def test_a_deleted_model_is_gone(daemon: LiveDaemon) -> None:
    copy = daemon.paths.models_dir / "Second-1B-Q4_1.gguf"
    with facts(daemon) as stream:
        shutil.copyfile(starter_model(), copy)
        until(stream, ModelAdded)
        copy.unlink()
        until(stream, ModelRemoved, "second:1b-q4_1")
    assert set(entries(daemon.client())) == {NAME}


def test_a_renamed_model_stays_warm(daemon: LiveDaemon) -> None:
    (before,) = daemon.workers()
    with facts(daemon) as stream:
        file_of(daemon).rename(daemon.paths.models_dir / "Better-1B-Q4_1.gguf")
        until(stream, ModelRenamed, "better:1b-q4_1")
    assert ask(daemon)
    assert [worker.pid for worker in daemon.workers()] == [before.pid]
    assert daemon.client().status().chosen == "better:1b-q4_1"


def test_a_model_overwritten_while_it_answers_ends_the_answer_with_an_error(
    daemon: LiveDaemon,
) -> None:
    expected = ask(daemon)
    stream = daemon.openai().chat.completions.create(
        model="", messages=LONG, logit_bias=NO_END, max_tokens=4000, stream=True
    )
    next(stream)
    data = starter_model().read_bytes()
    with facts(daemon) as news:
        with file_of(daemon).open("r+b") as file:
            file.write(data[: len(data) // 2])
            file.write(os.urandom(len(data) // 4))
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert caught.value.code in ("model_changed", "worker_died")
        with file_of(daemon).open("r+b") as file:
            file.write(data)
        until(news, ModelReady)
    eventually(lambda: entries(daemon.client())[NAME].state == "warm", WAIT_S)
    assert ask(daemon) == expected


def test_a_model_replaced_while_it_answers_ends_its_answer_and_is_loaded_anew(
    daemon: LiveDaemon,
) -> None:
    (before,) = daemon.workers()
    stream = daemon.openai().chat.completions.create(
        model="", messages=LONG, logit_bias=NO_END, max_tokens=200, stream=True
    )
    next(stream)
    new = daemon.paths.models_dir / ".new.part"
    shutil.copyfile(starter_model(), new)
    with facts(daemon) as news:
        new.replace(file_of(daemon))
        assert list(stream)[-1].choices[0].finish_reason == "length"
        until(news, ModelReady, NAME)
    assert before.pid not in [worker.pid for worker in daemon.workers()]
    assert ask(daemon)


def test_a_model_cut_short_while_it_is_loaded_is_told_as_bad(daemon: LiveDaemon) -> None:
    os.truncate(file_of(daemon), 10_000_000)
    eventually(lambda: entries(daemon.client())[NAME].info.problem is not None, WAIT_S)
    with pytest.raises(openai.APIError) as caught:
        ask(daemon, NAME)
    assert caught.value.code in ("bad_model_file", "model_copying")
    assert daemon.run("models").returncode == 0


def test_a_removed_model_that_is_loaded_is_unloaded_and_comes_back(daemon: LiveDaemon) -> None:
    away = daemon.paths.models_dir.parent / "away.gguf"
    with facts(daemon) as news:
        file_of(daemon).rename(away)
        until(news, ModelRemoved, NAME)
        eventually(lambda: not daemon.workers(), WAIT_S)
        away.rename(file_of(daemon))
        until(news, ModelReady, NAME)
    assert ask(daemon)


def test_any_unambiguous_part_of_a_name_will_do(daemon: LiveDaemon) -> None:
    ran = daemon.run("ask", "-m", "smol", "--max-tokens", "5", "Hello")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_a_profile_is_a_model_of_its_own(daemon: LiveDaemon) -> None:
    with facts(daemon) as news:
        (daemon.paths.models_dir / "writer.toml").write_text(
            f'model = "{NAME}"\nsystem = "You only ever say the word hob."\ntemperature = 0.0\n'
        )
        until(news, ModelAdded, "writer")
    (worker,) = daemon.workers()
    reply = daemon.openai().chat.completions.create(
        model="writer", messages=[{"role": "user", "content": "Hi"}], max_tokens=20
    )
    plain = daemon.openai().chat.completions.create(
        model=NAME, messages=[{"role": "user", "content": "Hi"}], max_tokens=20, temperature=0
    )
    assert reply.usage
    assert plain.usage
    assert reply.usage.prompt_tokens != plain.usage.prompt_tokens
    assert [one.pid for one in daemon.workers()] == [worker.pid]


def test_several_models_are_warm_at_once_and_leave_as_a_request_says(daemon: LiveDaemon) -> None:
    with facts(daemon) as news:
        shutil.copyfile(starter_model(), daemon.paths.models_dir / "Second-1B-Q4_1.gguf")
        until(news, ModelAdded)
    ask(daemon, "second")
    assert len(daemon.workers()) == 2
    daemon.openai().chat.completions.create(
        model="second", messages=LONG, max_tokens=2, extra_body={"keep_alive": 0}
    )
    eventually(lambda: len(daemon.workers()) == 1, WAIT_S)
    assert entries(daemon.client())[NAME].state == "warm"


def test_a_file_whose_load_crashes_the_worker_is_not_loaded_again_until_it_is_forgiven(
    daemon: LiveDaemon,
) -> None:
    client = daemon.client()
    with facts(daemon) as news:
        for _ in range(20):  # a quick load may be over before the signal arrives
            client.unload(NAME)
            crasher = threading.Thread(target=daemon.run, args=("models", "load", NAME))
            crasher.start()
            for fact in news:
                if isinstance(fact, ModelLoading) and fact.fraction > 0:
                    for worker in daemon.workers():
                        worker.send_signal(signal.SIGSEGV)
                if isinstance(fact, ModelFailed | ModelReady):
                    break
            crasher.join()
            if entries(client)[NAME].state == "bad":
                break
    with pytest.raises(ModelQuarantined):
        client.load(NAME)
    assert daemon.run("models", "forgive", NAME).returncode == 0
    assert ask(daemon, NAME)
