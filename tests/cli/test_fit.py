"""`hob models fit` as people see it."""

from __future__ import annotations

import msgspec

from fakes.command_line import Cli
from fakes.fake_daemon import FakeDaemon
from hob.wire.fit import DeviceMemory, Fit, FitChoice, Need

MB, GB = 10**6, 10**9
FIT = Fit(
    model="tiny",
    verdict="split",
    context_length=8192,
    whole_context_length=131072,
    kv_type="f16",
    gpu_layers=20,
    layers=32,
    needs=(
        Need(device="cpu", weight_bytes=2 * GB, kv_bytes=100 * MB, process_bytes=40 * MB),
        Need(device="CUDA0", weight_bytes=3 * GB, kv_bytes=200 * MB, compute_bytes=500 * MB),
    ),
    devices=(
        DeviceMemory(name="cpu", description="main memory", free_bytes=16 * GB),
        DeviceMemory(name="CUDA0", kind="gpu", description="GeForce \x1b[31m", free_bytes=4 * GB),
    ),
    why="20 of 32 layers fit on the GPU.",
)


def test_a_model_is_explained_by_device_and_part(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("POST", "/hob/v1/models/fit", FIT)
    ran = cli("models", "fit", "tiny", "--context", "8192", "--kv-type", "f16")
    lines = ran.out.splitlines()
    assert lines[0] == "tiny fits on the GPU in part. 20 of 32 layers fit on the GPU."
    assert lines[3].split("  ")[1] == "main memory"
    assert lines[3].split()[2:6] == ["2.0", "GB", "100", "MB"]
    assert "8192 of 131072 tokens" in ran.out
    assert "20 of 32 layers" in lines[-1]
    assert "\x1b" not in ran.out


def test_what_does_not_fit_is_told_with_what_does(cli: Cli, daemon: FakeDaemon) -> None:
    choice = FitChoice(words="a context of 4096 tokens", need_bytes=3 * GB, context_length=4096)
    refused = msgspec.structs.replace(FIT, verdict="no", why="Too large.", nearest=(choice,))
    daemon.reply("POST", "/hob/v1/models/fit", refused)
    ran = cli("models", "fit", "tiny")
    assert ran.out.startswith("tiny does not fit. Too large.\n")
    assert ran.out.endswith("What would fit:\n  a context of 4096 tokens: 3.0 GB\n")


def test_without_a_name_each_good_model_has_a_line(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("POST", "/hob/v1/models/fit", FIT)
    header, *rows = cli("models", "fit").out.splitlines()
    assert header.split() == ["NAME", "FIT", "NEEDS", "FREE", "CONTEXT"]
    assert [row.split()[:2] for row in rows] == [["tiny", "split"]]


def test_programs_get_what_the_daemon_says(cli: Cli, daemon: FakeDaemon) -> None:
    daemon.reply("POST", "/hob/v1/models/fit", FIT)
    assert msgspec.json.decode(cli("models", "fit", "tiny", "--json").out, type=Fit) == FIT
    assert msgspec.json.decode(cli("models", "fit", "--json").out, type=list[Fit]) == [FIT]


def test_models_are_marked_by_what_fits(cli: Cli, daemon: FakeDaemon) -> None:
    listing = cli("models").out.splitlines()
    assert listing[0].split()[6] == "FIT"
