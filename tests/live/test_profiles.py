"""Profiles end to end: a file in the models folder is a model that answers as the file says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from hob.client import Client
from hob.wire.chat import ChatMessage
from hob.wire.profiles import Profile
from live_daemon import LiveDaemon, eventually, starter_model

SYSTEM = "You are a writer who only knows cats."
QUESTION = [{"role": "user", "content": "What is the best animal?"}]

WRITER = f'''
model = "smollm2"
system = "{SYSTEM}"
temperature = 0
max_tokens = 12

[[examples]]
role = "user"
content = "Name an animal."
[[examples]]
role = "assistant"
content = "A cat."
'''
LOADS = """
[short]
model = "smollm2"
system = "Be."
context_length = 512
max_tokens = 2
template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"

[sailor]
model = "smollm2"
system = "You only ever speak about the sea and about the ships that are on it."

[untemplated]
model = "smollm2"
template = "{% for m in messages %}"
"""
MODELFILE = '''FROM ./SmolLM2-135M-Instruct-Q4_1.gguf
PARAMETER temperature 0
PARAMETER num_predict 12
PARAMETER stop "<|im_end|>"
TEMPLATE """{{ range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
SYSTEM """You are a writer who only knows cats."""
MESSAGE user Name an animal.
MESSAGE assistant A cat.
'''


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """The starter model with two profiles of it that say the same, and a bad one."""
    made = LiveDaemon(tmp_path_factory.mktemp("hob"), models=[starter_model()])
    folder = made.paths.models_dir
    (folder / "writer.toml").write_text(WRITER)
    (folder / "Modelfile.ollama-writer").write_text(MODELFILE)
    (folder / "loads.toml").write_text(LOADS)
    (folder / "broken.toml").write_text('model = "smollm2"\ntemprature = 1\n')
    with made as running:
        yield running


@pytest.fixture
def client(daemon: LiveDaemon) -> Client:
    return daemon.client()


def answer(daemon: LiveDaemon, model: str, messages: Any = QUESTION, **fields: Any) -> str:
    create: Any = daemon.openai().chat.completions.create
    text = create(model=model, messages=messages, **fields).choices[0].message.content
    assert isinstance(text, str)
    return text


def test_a_profile_answers_as_if_all_of_it_had_been_asked(daemon: LiveDaemon) -> None:
    said = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Name an animal."},
        {"role": "assistant", "content": "A cat."},
        *QUESTION,
    ]
    expected = answer(daemon, "smollm2", said, temperature=0, max_tokens=12)
    assert answer(daemon, "writer") == expected
    assert answer(daemon, "ollama-writer") == expected
    ran = daemon.run("ask", "-m", "writer", QUESTION[0]["content"])
    assert ran.stdout.strip() == expected.strip()


def test_a_profile_is_answered_by_its_models_worker(daemon: LiveDaemon, client: Client) -> None:
    answer(daemon, "writer")
    model = profile(client, "writer").model
    assert [worker.model for worker in client.status().workers] == [model]


def test_the_system_prompt_of_a_profile_is_read_with_its_model(
    daemon: LiveDaemon, client: Client
) -> None:
    sailor = profile(client, "sailor")
    client.unload(sailor.model)
    client.load(sailor.model)
    # What the load has left to read is read beside this.
    answer(daemon, sailor.model)
    said = [ChatMessage(role="user", content="Hello")]
    reply = client.prefill(said, model="sailor", priority="background")
    assert reply.cached_tokens >= len(sailor.system.split())


def test_a_profile_that_loads_its_model_otherwise_has_a_worker(
    daemon: LiveDaemon, client: Client
) -> None:
    answer(daemon, "short")
    (loaded,) = [worker.loaded for worker in client.status().workers if worker.model == "short"]
    assert loaded is not None
    assert (loaded.context_length, loaded.template) == (512, "override")
    reply: Any = daemon.openai().post(
        "http://hob/hob/v1/apply-template",
        body={"model": "short", "messages": QUESTION},
        cast_to=object,
    )
    assert reply["prompt"].endswith("<system>Be.<user>What is the best animal?<assistant>")


def test_a_broken_template_fails_the_load_and_names_the_profile(daemon: LiveDaemon) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        answer(daemon, "untemplated")
    assert "asked for by the profile untemplated in" in str(caught.value)


def test_profiles_are_models_and_bad_ones_say_why(daemon: LiveDaemon, client: Client) -> None:
    known = {one.name: one for one in client.profiles().profiles}
    assert set(known) == {"writer", "ollama-writer", "short", "sailor", "untemplated", "broken"}
    assert known["writer"].model == known["ollama-writer"].model
    assert known["writer"].served_by == known["writer"].model
    infos = {entry.info.name: entry.info for entry in client.models().models}
    assert infos["writer"].base == known["writer"].model
    assert infos["broken"].problem is not None
    listed = daemon.run("models", "profiles").stdout
    assert "temprature in" in listed
    assert "line 2, is nothing that a profile can say. Did you mean temperature?" in listed


def test_a_profile_can_be_written_changed_and_taken_away(
    daemon: LiveDaemon, client: Client
) -> None:
    ran = daemon.run("models", "profile", "new", "poet", "--model", "writer", "--system", "Rhyme.")
    path = Path(ran.stdout.strip())
    assert path == daemon.paths.models_dir / "poet.toml"
    path.write_text(path.read_text().replace("# max_tokens = 2048", "max_tokens = 1"))
    eventually(lambda: profile(client, "poet").max_tokens == 1)
    shown = daemon.run("models", "profile", "poet").stdout
    assert "Rhyme." in shown
    assert "max tokens    1" in shown
    assert len(answer(daemon, "poet")) < 20
    path.unlink()
    eventually(lambda: "poet" not in {entry.info.name for entry in client.models().models})


def test_a_profile_dropped_into_the_config_folder_is_there(
    daemon: LiveDaemon, client: Client
) -> None:
    folder = daemon.paths.profiles_dir
    folder.mkdir(exist_ok=True)
    (folder / "smol.toml").write_text('model = "smollm2"\nsystem = "One."\n')
    eventually(lambda: profile(client, "smol").system == "One.")
    (folder / "smol.toml").unlink()


def profile(client: Client, name: str) -> Profile:
    found = [one for one in client.profiles().profiles if one.name == name]
    return found[0] if found else Profile(name="", model="")
