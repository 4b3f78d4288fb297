"""Adopting the models of other programs, from stores laid out by hand."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.library import ReadLibrary
from fakes.stores import ADAPTER, PROJECTOR, OllamaStore, hub_file, put, snapshot, weights
from fakes.tiny_gguf import write_split_gguf
from hob.errors import ModelAmbiguous, ModelNotFound
from hob.models.adopt.adoption import Adoption
from hob.models.adopt.found import Where
from hob.wire.library import Adoptable, Adopted


@dataclass
class Bench:
    """A person's home with other programs in it, and Hob's library. Whatever is done, the home
    must stay as it is."""

    home: Path
    models: Path
    environ: dict[str, str] = field(default_factory=dict)
    platform: str = "linux"

    def __post_init__(self) -> None:
        self.library = ReadLibrary([self.models])
        self.adoption = Adoption(self.library, self.where)

    def where(self) -> Where:
        return Where(self.environ, self.home, self.platform)

    async def listed(self) -> Sequence[Adoptable]:
        before = snapshot(self.home)
        found = await self.adoption.adoptable()
        assert snapshot(self.home) == before
        assert not found.problems
        return found.models

    async def names(self) -> list[str]:
        return [one.name for one in await self.listed()]

    async def adopt(self, *names: str) -> Adopted:
        before = snapshot(self.home)
        adopted = await self.adoption.adopt(names)
        assert snapshot(self.home) == before
        return adopted

    def links(self) -> dict[str, Path]:
        """Where the links of the models folder lead, by their paths in it."""
        return {
            str(path.relative_to(self.models)): path.resolve()
            for path in sorted(self.models.rglob("*"))
            if path.is_symlink()
        }

    @functools.cached_property
    def ollama(self) -> OllamaStore:
        return OllamaStore(self.home / ".ollama" / "models")

    @property
    def hub(self) -> Path:
        return self.home / ".cache" / "huggingface" / "hub"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "home").mkdir()
    (tmp_path / "models").mkdir()
    return Bench(tmp_path / "home", tmp_path / "models")


async def test_without_other_programs_there_is_nothing_to_adopt(bench: Bench) -> None:
    assert await bench.listed() == ()
    assert await bench.adopt() == Adopted(models=(), failed={})


# ---- Ollama ----


async def test_a_model_of_ollama_is_listed_by_its_name_there_with_its_size_and_digest(
    bench: Bench,
) -> None:
    bench.ollama.add(license="Apache")
    (one,) = await bench.listed()
    assert (one.program, one.name, one.linked) == ("ollama", "llama3.2:3b", False)
    assert one.size_bytes == len(weights())
    assert one.sha256 == hashlib.sha256(weights()).hexdigest()
    assert one.paths == (str(bench.home / f".ollama/models/blobs/sha256-{one.sha256}"),)


async def test_a_model_of_ollama_is_linked_by_a_readable_name(bench: Bench) -> None:
    bench.ollama.add()
    adopted = await bench.adopt("llama3.2:3b")
    assert [info.name for info in adopted.models] == ["llama3.2:3b-f32"]
    (link,) = bench.links().items()
    assert link[0] == "adopted/ollama/llama3.2-3b.gguf"
    assert link[1].name.startswith("sha256-")
    assert [one.linked for one in await bench.listed()] == [True]
    assert bench.library.digest("llama3.2:3b-f32") == (
        hashlib.sha256(weights()).hexdigest(),
        "ollama",
    )


@pytest.mark.parametrize(
    ("place", "name", "link"),
    [
        ("registry.ollama.ai/library/llama3.2/latest", "llama3.2:latest", "llama3.2"),
        ("registry.ollama.ai/someone/tiny/q4", "someone/tiny:q4", "tiny-q4"),
        ("hf.co/bart/Tiny-1B-GGUF/Q4_K_M", "hf.co/bart/Tiny-1B-GGUF:Q4_K_M", "Tiny-1B-Q4_K_M"),
        ("registry.ollama.ai/library/con/latest", "con:latest", "model-con"),
        ("registry.ollama.ai/library/a b\n/:x", "a b\n::x", "a-b-x"),
    ],
)
async def test_names_of_ollama_become_names_of_files(
    bench: Bench, place: str, name: str, link: str
) -> None:
    bench.ollama.add(place)
    assert await bench.names() == [name]
    await bench.adopt("ollama")
    assert list(bench.links()) == [f"adopted/ollama/{link}.gguf"]


async def test_a_model_called_latest_is_found_without_saying_so(bench: Bench) -> None:
    bench.ollama.add("registry.ollama.ai/library/mistral/latest", weights("mistral"))
    bench.ollama.add("registry.ollama.ai/library/mistral-nemo/latest", weights("nemo"))
    adopted = await bench.adopt("mistral")
    assert [info.title for info in adopted.models] == ["mistral"]


async def test_what_ollama_sets_for_a_model_becomes_a_modelfile_of_its_name(bench: Bench) -> None:
    bench.ollama.add(
        params='{"stop": ["<|a|>", "<|b|>"], "temperature": 0.6, "num_ctx": 4096}',
        system="You are brief.",
        template="{{ .Prompt }}",
        messages='[{"role": "user", "content": "hi"}, {"role": "evil", "content": "x"}]',
        adapter=ADAPTER,
    )
    adopted = await bench.adopt("ollama")
    assert not adopted.failed
    text = (bench.models / "adopted/ollama/llama3.2:3b-f32.modelfile").read_text()
    assert text.splitlines()[1:] == [
        "# llama3.2:3b",
        "FROM ./llama3.2-3b.gguf",
        "ADAPTER ./llama3.2-3b-adapter.gguf",
        'PARAMETER stop "<|a|>"',
        'PARAMETER stop "<|b|>"',
        "PARAMETER temperature 0.6",
        "PARAMETER num_ctx 4096",
        'TEMPLATE """{{ .Prompt }}"""',
        'SYSTEM """You are brief."""',
        'MESSAGE user """hi"""',
    ]
    assert [one.linked for one in await bench.listed()] == [True]


async def test_a_model_made_of_another_in_ollama_becomes_a_profile_of_it(bench: Bench) -> None:
    store = bench.ollama
    store.add()
    store.add("registry.ollama.ai/library/mario/latest", system="You are Mario.")
    adopted = await bench.adopt()
    assert [info.name for info in adopted.models] == ["llama3.2:3b-f32"]
    assert len(bench.links()) == 1
    (profile,) = bench.models.rglob("*.modelfile")
    # Under its own name, since nothing is set for llama3.2 itself.
    assert profile.name == "mario.modelfile"
    assert "FROM ./llama3.2-3b.gguf\n" in profile.read_text()
    assert all(one.linked for one in await bench.listed())


async def test_a_value_of_ollama_cannot_become_an_instruction(bench: Bench) -> None:
    bench.ollama.add(
        params='{"stop": ["x\\nFROM /etc/passwd", "\\"\\nSYSTEM evil"], "a b": 1, "top_k": 5}',
        system='end """\nFROM /etc/passwd',
        template="fine",
    )
    await bench.adopt()
    (path,) = bench.models.rglob("*.modelfile")
    lines = path.read_text().splitlines()
    assert [line.partition(" ")[0] for line in lines[2:]] == ["FROM", "PARAMETER", "TEMPLATE"]


async def test_a_modelfile_that_a_person_wrote_stays(bench: Bench) -> None:
    mine = put(bench.models / "adopted/ollama/llama3.2:3b-f32.modelfile", b"FROM other\n")
    bench.ollama.add(system="Theirs.")
    await bench.adopt()
    assert mine.read_bytes() == b"FROM other\n"


async def test_the_projector_of_a_model_comes_along(bench: Bench) -> None:
    bench.ollama.add("registry.ollama.ai/library/llava/7b", projector=PROJECTOR)
    adopted = await bench.adopt("llava")
    assert sorted(bench.links()) == [
        "adopted/ollama/llava-7b.gguf",
        "adopted/ollama/mmproj-llava-7b.gguf",
    ]
    assert adopted.models[0].projector.endswith("mmproj-llava-7b.gguf")


# ---- the others ----


@pytest.mark.parametrize("home", [".lmstudio", ".cache/lm-studio"])
async def test_models_of_lm_studio_are_found_by_publisher_and_repository(
    bench: Bench, home: str
) -> None:
    folder = bench.home / home / "models" / "bart" / "Tiny-1B-GGUF"
    put(folder / "Tiny-1B-Q4_K_M.gguf", weights("a"))
    put(folder / "Tiny-1B-Q8_0.gguf", weights("b"))
    put(folder / "mmproj-model-f16.gguf", PROJECTOR)
    put(folder / "README.md", b"no model")
    assert await bench.names() == [
        "bart/Tiny-1B-GGUF/Tiny-1B-Q4_K_M",
        "bart/Tiny-1B-GGUF/Tiny-1B-Q8_0",
    ]
    adopted = await bench.adopt("lmstudio")
    assert sorted(bench.links()) == [
        "adopted/lmstudio/Tiny-1B-Q4_K_M.gguf",
        "adopted/lmstudio/Tiny-1B-Q8_0.gguf",
        "adopted/lmstudio/mmproj-tiny-1b.gguf",
    ]
    assert all("vision" in info.capabilities for info in adopted.models)


async def test_the_folder_that_lm_studio_was_told_to_use_is_looked_through(bench: Bench) -> None:
    elsewhere = bench.home / "disk" / "llms"
    put(elsewhere / "p" / "r" / "tiny.gguf", weights())
    put(bench.home / "lms" / "settings.json", f'{{"downloadsFolder": "{elsewhere}"}}'.encode())
    put(bench.home / ".lmstudio-home-pointer", str(bench.home / "lms").encode())
    assert await bench.names() == ["p/r/tiny"]


async def test_a_file_whose_name_says_nothing_is_called_after_its_repository(bench: Bench) -> None:
    folder = bench.home / ".lmstudio" / "models" / "p" / "Cat-2B-GGUF"
    put(folder / "ggml-model-q4_0.gguf", weights())
    await bench.adopt()
    assert list(bench.links()) == ["adopted/lmstudio/Cat-2B-q4_0.gguf"]


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", ".local/share/nomic.ai/GPT4All"),
        ("darwin", "Library/Application Support/nomic.ai/GPT4All"),
        ("win32", "AppData/Local/nomic.ai/GPT4All"),
    ],
)
async def test_models_of_gpt4all_are_found_on_each_os(
    bench: Bench, platform: str, folder: str
) -> None:
    bench.platform = platform
    put(bench.home / folder / "Llama-3-8B.Q4_0.gguf", weights())
    put(bench.home / folder / "incomplete-Other.gguf", weights("part"))
    put(bench.home / folder / "localdocs_v3.db", b"db")
    (one,) = await bench.listed()
    assert (one.program, one.name) == ("gpt4all", "Llama-3-8B.Q4_0")


async def test_the_folder_in_the_settings_of_gpt4all_is_looked_through(bench: Bench) -> None:
    folder = bench.home / "big"
    put(folder / "tiny.gguf", weights())
    ini = f"[General]\nmodelPath={folder}\nx=1\n"
    put(bench.home / ".config/nomic.ai/GPT4All.ini", ini.encode())
    assert await bench.names() == ["tiny"]


async def test_models_of_llama_cpps_cache_lose_their_repository_in_the_links(bench: Bench) -> None:
    folder = bench.home / ".cache" / "llama.cpp"
    put(folder / "ggml-org_tiny-GGUF_tiny-Q4_0.gguf", weights())
    put(folder / "ggml-org_tiny-GGUF_mmproj-tiny-f16.gguf", PROJECTOR)
    put(folder / "manifest=ggml-org=tiny-GGUF=latest.json", b"{}")
    assert await bench.names() == ["ggml-org_tiny-GGUF_tiny-Q4_0"]
    await bench.adopt("llama.cpp")
    assert sorted(bench.links()) == [
        "adopted/llama.cpp/mmproj-tiny.gguf",
        "adopted/llama.cpp/tiny-Q4_0.gguf",
    ]


async def test_models_of_hugging_faces_cache_are_found_once_with_their_digests(
    bench: Bench,
) -> None:
    hub_file(bench.hub, "org/tiny-GGUF", "tiny-Q4_0.gguf", weights("new"))
    hub_file(bench.hub, "org/tiny-GGUF", "tiny-Q4_0.gguf", weights("old"), revision="f" * 40)
    hub_file(bench.hub, "org/tiny-GGUF", "config.json", b"{}")
    (one,) = await bench.listed()
    assert one.name == "org/tiny-GGUF/tiny-Q4_0"
    assert one.sha256 == hashlib.sha256(weights("new")).hexdigest()
    adopted = await bench.adopt("huggingface")
    assert adopted.models[0].title == "new"
    assert list(bench.links()) == ["adopted/huggingface/tiny-Q4_0.gguf"]


async def test_a_split_model_is_one_line_and_all_its_parts_are_linked(
    bench: Bench, tmp_path: Path
) -> None:
    for part in write_split_gguf(tmp_path, "tiny-f32"):
        hub_file(bench.hub, "org/tiny-GGUF", f"F32/{part.name}", part.read_bytes())
    assert await bench.names() == ["org/tiny-GGUF/F32/tiny-f32"]
    adopted = await bench.adopt("tiny")
    assert len(bench.links()) == 3
    assert adopted.models[0].problem is None
    assert [one.linked for one in await bench.listed()] == [True]


async def test_a_split_model_that_lacks_a_part_is_listed_with_its_problem(
    bench: Bench, tmp_path: Path
) -> None:
    for part in write_split_gguf(tmp_path, "tiny-f32")[:2]:
        hub_file(bench.hub, "org/tiny-GGUF", part.name, part.read_bytes())
    (one,) = await bench.listed()
    assert one.problem
    assert "Of its 3 parts 2 are there" in one.problem.message
    adopted = await bench.adopt("tiny")
    assert list(adopted.failed) == [one.name]
    assert not bench.links()


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"OLLAMA_MODELS": "{home}/o"}, "o"),
        ({"HF_HUB_CACHE": "{home}/h"}, "h"),
        ({"HF_HOME": "{home}/f"}, "f/hub"),
        ({"XDG_CACHE_HOME": "{home}/x"}, "x/huggingface/hub"),
        ({"XDG_CACHE_HOME": "{home}/x"}, "x/llama.cpp"),
        ({"LLAMA_CACHE": "{home}/l"}, "l"),
        ({"LLAMA_CACHE": "~/l"}, "l"),
        ({"LLAMA_CACHE": "{home}/A~1"}, "A~1"),
    ],
)
async def test_the_variables_that_move_a_store_are_heard(
    bench: Bench, variables: dict[str, str], folder: str
) -> None:
    bench.environ |= {key: value.format(home=bench.home) for key, value in variables.items()}
    store = bench.home / folder
    if "OLLAMA_MODELS" in variables:
        OllamaStore(store).add()
    elif "LLAMA_CACHE" in variables or folder.endswith("llama.cpp"):
        put(store / "tiny.gguf", weights())
    else:
        hub_file(store, "o/r", "tiny.gguf", weights())
    assert len(await bench.names()) == 1


# ---- linking ----


async def test_adopting_twice_changes_nothing_the_second_time(bench: Bench) -> None:
    bench.ollama.add(system="Be brief.")
    await bench.adopt()
    before = snapshot(bench.models)
    await bench.adopt()
    await bench.adopt("llama3.2:3b")
    assert snapshot(bench.models) == before


async def test_a_model_that_two_programs_share_is_linked_once(bench: Bench) -> None:
    blob = bench.home / "blob.gguf"
    blob.write_bytes(weights())
    for folder in (".lmstudio/models/p/r", ".local/share/nomic.ai/GPT4All"):
        (bench.home / folder).mkdir(parents=True)
        (bench.home / folder / "tiny.gguf").hardlink_to(blob)
    await bench.adopt()
    assert len(bench.links()) == 1
    assert all(one.linked for one in await bench.listed())


async def test_a_name_that_is_taken_is_never_overwritten(bench: Bench) -> None:
    mine = put(bench.models / "adopted/ollama/llama3.2-3b.gguf", weights("mine"))
    bench.ollama.add()
    adopted = await bench.adopt()
    assert mine.read_bytes() == weights("mine")
    (link,) = bench.links()
    assert link.startswith("adopted/ollama/llama3.2-3b-")
    assert len(adopted.models) == 1


async def test_a_link_whose_file_has_gone_is_told_by_the_library(bench: Bench) -> None:
    bench.ollama.add()
    await bench.adopt()
    for blob in (bench.home / ".ollama/models/blobs").iterdir():
        blob.unlink()
    await bench.library.rescan()
    (info,) = bench.library.infos()
    assert info.problem
    assert "link leads to a file that is not there" in info.problem.message


async def test_an_unknown_name_is_an_error_and_links_nothing(bench: Bench) -> None:
    bench.ollama.add()
    with pytest.raises(ModelNotFound):
        await bench.adopt("llama3.2:3b", "nonsense")
    assert not bench.links()


async def test_an_ambiguous_part_of_a_name_lists_the_candidates(bench: Bench) -> None:
    store = bench.ollama
    store.add()
    store.add("registry.ollama.ai/library/llama3.2/1b", weights("1b"))
    with pytest.raises(ModelAmbiguous, match="2 models"):
        await bench.adopt("llama3")


async def test_two_adoptions_at_once_do_not_hurt_each_other(bench: Bench) -> None:
    bench.ollama.add(system="x")
    first, second = await asyncio.gather(bench.adoption.adopt(()), bench.adoption.adopt(()))
    assert not first.failed
    assert not second.failed
    assert len(bench.links()) == 1


async def test_a_folder_that_takes_no_links_says_what_to_set_instead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    bench.ollama.add()
    adopted = await bench.adopt()
    assert "models.folders" in adopted.failed["llama3.2:3b"].hint


async def test_when_one_part_cannot_be_linked_none_is(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in write_split_gguf(tmp_path, "tiny-f32"):
        put(bench.home / ".lmstudio/models/p/r" / part.name, part.read_bytes())
    real: Callable[[Path, Path], None] = Path.symlink_to

    def refuse_third(self: Path, target: Path) -> None:
        if "00003" in self.name:
            raise OSError(28, "No space left on device")
        real(self, target)

    monkeypatch.setattr(Path, "symlink_to", refuse_third)
    adopted = await bench.adopt()
    assert "No space left" in next(iter(adopted.failed.values())).message
    assert not bench.links()
