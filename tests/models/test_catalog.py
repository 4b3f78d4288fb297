"""The curated list, and what of it suits a machine."""

from __future__ import annotations

import datetime
import re

import pytest

from fakes.replies import model_info
from hob.models.catalog import Entry, Recommender, how_it_fits, load_catalog, recommend
from hob.wire.fit import DeviceMemory

G = 10**9


def machine(gpu: float = 0, main: float = 0) -> list[DeviceMemory]:
    devices = [DeviceMemory(name="cpu", total_bytes=int(main * G))]
    if gpu:
        devices.append(DeviceMemory(name="CUDA0", kind="gpu", total_bytes=int(gpu * G)))
    return devices


def test_the_list_is_valid_dated_and_short() -> None:
    catalog = load_catalog()
    assert datetime.date.fromisoformat(catalog.dated) <= datetime.date(2100, 1, 1)
    assert 12 <= len(catalog.models) <= 16
    assert len({entry.source for entry in catalog.models}) == len(catalog.models)
    assert {entry.purpose for entry in catalog.models} == {
        "chat", "code", "vision", "embedding", "reranking",
    }  # fmt: skip


def test_the_list_spans_all_sizes() -> None:
    sizes = [entry.parameters for entry in load_catalog().models]
    assert min(sizes) < 0.2e9
    assert max(sizes) > 60e9


# Bits for a weight, with the embeddings and norms that are kept more precise.
BITS = {"Q8_0": (8.0, 9.2), "Q4_K_M": (4.5, 5.9), "MXFP4": (4.2, 5.2)}


@pytest.mark.parametrize("entry", load_catalog().models, ids=lambda entry: entry.title)
def test_every_entry_can_be_true(entry: Entry) -> None:
    """The size is what that many parameters take in that quantization, and the words are for a
    person."""
    low, high = BITS[entry.source.rpartition(":")[2]]
    if entry.purpose == "vision":
        high += 2  # the projector comes on top
    assert low <= entry.size * 8 / entry.parameters <= high
    assert entry.active is None or entry.active < entry.parameters
    assert entry.title
    assert entry.license
    assert 10 <= len(entry.good_for) <= 90
    assert re.search(entry.source.rpartition(":")[2], entry.file, re.IGNORECASE)
    assert entry.size < entry.need_bytes < 1.8 * entry.size + 2**30


@pytest.mark.parametrize(
    ("gpu", "main", "best"),
    [
        (0, 4, "Qwen3 1.7B"),
        (0, 8, "Qwen3 4B Instruct 2507"),
        (0, 64, "Qwen3 30B A3B Instruct 2507"),
        (12, 8, "gpt-oss 20B"),
        (80, 64, "Llama 3.3 70B Instruct"),
    ],
)
def test_the_best_that_runs_well_comes_first(gpu: float, main: float, best: str) -> None:
    found = recommend(load_catalog(), machine(gpu, main), [])
    assert found.models[0].title == best
    assert all(one.fits in ("gpu", "cpu", "slow") for one in found.models)


def test_more_memory_never_makes_it_worse() -> None:
    order = ("gpu", "cpu", "slow", "no")
    for entry in load_catalog().models:
        on_cpu = [order.index(how_it_fits(entry, machine(0, main))) for main in range(1, 200)]
        assert on_cpu == sorted(on_cpu, reverse=True)
        with_gpu = [order.index(how_it_fits(entry, machine(gpu, 16))) for gpu in range(1, 100)]
        assert with_gpu == sorted(with_gpu, reverse=True)


def test_a_large_dense_model_on_a_cpu_is_slow_and_a_sparse_one_is_not() -> None:
    entries = {entry.title: entry for entry in load_catalog().models}
    assert how_it_fits(entries["Llama 3.3 70B Instruct"], machine(0, 128)) == "slow"
    assert how_it_fits(entries["gpt-oss 20B"], machine(0, 32)) == "cpu"


def test_a_machine_of_no_memory_gets_nothing_and_the_whole_list_says_so() -> None:
    assert recommend(load_catalog(), [], []).models == ()
    every = recommend(load_catalog(), [], [], every=True)
    assert len(every.models) == len(load_catalog().models)
    assert {one.fits for one in every.models} == {"no"}


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/m/Qwen3-8B-Q4_K_M.gguf", "mine"),
        ("/m/deep/qwen3-8b-q4_k_m.gguf", "mine"),
        ("/m/Qwen3-8B-Q4_K_M-00001-of-00002.gguf", "mine"),
        ("/m/Qwen3-8B-Q8_0.gguf", ""),
        ("/m/Qwen3-8B-Q4_K_M-copy.gguf", ""),
    ],
)
def test_what_is_there_already_is_marked(path: str, there: str) -> None:
    infos = [model_info("mine", path=path)]
    found = recommend(load_catalog(), machine(0, 16), infos, every=True)
    assert {one.there for one in found.models if one.title == "Qwen3 8B"} == {there}


async def test_the_recommender_asks_the_machine_and_the_library_anew() -> None:
    devices = machine(0, 2)
    recommender = Recommender(list, lambda: devices)
    before = await recommender.recommendations()
    devices[:] = machine(0, 64)
    after = await recommender.recommendations()
    assert before.models[0].size_bytes < after.models[0].size_bytes
    every = await recommender.recommendations(every=True)
    assert len(every.models) == len(load_catalog().models)
