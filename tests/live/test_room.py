"""Several real models in one daemon: kept, changed under an answer, and loads taken back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from hob.wire.events import ModelLoading, ModelUnloaded
from live_daemon import LiveDaemon, eventually, starter_model

# The starter model's two end tokens: without them an answer goes on until max_tokens.
NO_END = {"0": -100, "2": -100}
ASKED: list[openai.types.chat.ChatCompletionMessageParam] = [
    {"role": "user", "content": "Count from one to one hundred in words."}
]


def other_model() -> Path:
    return Path(os.environ["HOB_TEST_GEMMA_MODEL"])


def test_two_models_stay_side_by_side_and_a_request_can_unload_its_own(home: Path) -> None:
    settings = ["engine.context_length=1024"]
    with LiveDaemon(home, [starter_model(), other_model()], settings=settings) as daemon:
        names = [entry.info.name for entry in daemon.client().models().models]
        sdk = daemon.openai()
        for name in names:
            sdk.completions.create(model=name, prompt="Once", max_tokens=2)
        states = {worker.model: worker.state for worker in daemon.client().status().workers}
        assert states == dict.fromkeys(names, "ready")
        chosen = daemon.client().status().chosen
        other = next(name for name in names if name != chosen)
        with daemon.client() as client:
            facts = client.events(timeout=30)
            sdk.completions.create(
                model=other, prompt="Once", max_tokens=2, extra_body={"keep_alive": 0}
            )
            gone = next(fact for fact in facts if isinstance(fact, ModelUnloaded))
        assert (gone.model, gone.why) == (other, "idle")
        assert len(daemon.workers()) == 1


def test_an_answer_from_a_file_that_was_written_into_is_no_clean_end(home: Path) -> None:
    with LiveDaemon(home, settings=["engine.context_length=1024"]) as daemon:
        file = daemon.paths.models_dir / starter_model().name
        shutil.copyfile(starter_model(), file)
        (entry,) = daemon.client().models(rescan=True).models
        daemon.client().use(entry.info.name)
        sdk = daemon.openai()
        stream = sdk.chat.completions.create(
            model="", messages=ASKED, logit_bias=NO_END, max_tokens=40, stream=True
        )
        next(stream)
        with file.open("r+b") as written:
            written.seek(-4096, os.SEEK_END)
            written.write(bytes(4096))
        with pytest.raises(openai.APIError) as caught:
            list(stream)
        assert caught.value.code == "model_changed"
        shutil.copyfile(starter_model(), file)
        daemon.client().models(rescan=True)
        reply = sdk.chat.completions.create(model="", messages=ASKED, max_tokens=3)
        assert reply.choices[0].message.content


def test_a_choice_that_is_interrupted_leaves_the_model_before(home: Path) -> None:
    settings = ["engine.context_length=1024", "models.keep_loaded=1"]
    with LiveDaemon(home, [starter_model(), other_model()], settings=settings) as daemon:
        names = [entry.info.name for entry in daemon.client().models().models]
        chosen = next(name for name in names if "smol" in name.lower())
        other = next(name for name in names if name != chosen)
        daemon.client().use(chosen)
        with daemon.client() as client:
            facts = client.events(timeout=30)
            using = subprocess.Popen(
                [sys.executable, "-m", "hob", "use", other],
                env=daemon.environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            next(f for f in facts if isinstance(f, ModelLoading) and f.model == other)
            using.send_signal(signal.SIGINT)
            assert using.wait(30) != 0
        eventually(lambda: daemon.client().status().chosen == chosen)
        reply = daemon.openai().completions.create(model="", prompt="Once", max_tokens=2)
        assert reply.model == chosen
