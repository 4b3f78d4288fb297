"""How much memory there is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hob.models.fit.machine import Machine, cgroup_limits, main_memory, visible
from hob.wire.engine import BuildInfo, Device
from hob.wire.fit import DeviceMemory

MAIN = DeviceMemory(name="cpu", total_bytes=100, free_bytes=50)
CARD = DeviceMemory(name="CUDA0", kind="gpu", total_bytes=80, free_bytes=70)


def build(*names: str, offload: bool = True) -> BuildInfo:
    devices = [Device(name="CPU", description="", kind="cpu")]
    devices += [
        Device(name=name, description="", kind="gpu", total_bytes=40, free_bytes=30)
        for name in names
    ]
    return BuildInfo(
        llama_cpp_python="1", system_info="", gpu_offload=offload, devices=tuple(devices)
    )


def machine(*cards: DeviceMemory) -> Machine:
    return Machine(read_main=lambda: MAIN, read_gpus=lambda: cards, clock=lambda: 0.0)


def test_main_memory_comes_first_and_then_the_gpus() -> None:
    found = machine(CARD)
    found.refresh()
    assert found.memory() == (MAIN, CARD)


def test_a_slow_driver_holds_nobody_up() -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def read() -> tuple[DeviceMemory, ...]:
        asked.set()
        assert may_answer.wait(60)
        return (CARD,)

    found = Machine(read_main=lambda: MAIN, read_gpus=read)
    assert found.memory() == (MAIN,)
    assert asked.wait(60)
    assert found.memory() == (MAIN,)
    may_answer.set()


def test_gpus_that_llama_cpp_cannot_use_do_not_count() -> None:
    found = machine(CARD)
    found.refresh()
    found.tell(build(offload=False))
    assert found.memory() == (MAIN,)


def test_gpus_that_only_llama_cpp_knows_count_as_it_tells_them() -> None:
    found = machine()
    found.refresh()
    found.tell(build("Vulkan0"))
    _, card = found.memory()
    assert (card.name, card.kind, card.free_bytes) == ("Vulkan0", "gpu", 30)


def test_the_driver_has_newer_numbers_of_the_gpus_that_llama_cpp_told() -> None:
    found = machine(CARD)
    found.refresh()
    found.tell(build("CUDA0"))
    assert found.memory() == (MAIN, CARD)


def test_the_numbers_of_this_machine_are_sound() -> None:
    found = main_memory()
    assert found.name == "cpu"
    assert 0 < found.free_bytes <= found.total_bytes


def test_a_container_has_no_more_than_its_groups_allow(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/user/hob\n")
    group = tmp_path / "fs" / "user" / "hob"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("1000\n")
    (group / "memory.current").write_text("700\n")
    (group / "memory.stat").write_text("anon 300\nactive_file 150\ninactive_file 250\n")
    (group.parent / "memory.max").write_text("max\n")
    (group.parent / "memory.current").write_text("900\n")
    assert list(cgroup_limits(tmp_path / "fs", own)) == [(1000, 300)]


def test_without_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert list(cgroup_limits(tmp_path, tmp_path / "none")) == []


@pytest.mark.parametrize(
    ("wish", "shown"),
    [
        (None, (0, 1, 2)),
        ("", ()),
        ("1", (1,)),
        ("2,0", (2, 0)),
        ("0,7,1", (0,)),
        ("-1", ()),
        ("GPU-bb", (1,)),
    ],
)
def test_cuda_shows_the_gpus_that_the_environment_names(
    wish: str | None, shown: tuple[int, ...]
) -> None:
    assert visible(["GPU-aa1", "GPU-bb2", "GPU-cc3"], wish) == shown
