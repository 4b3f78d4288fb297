"""The doctor in front of machines that are hard to come by."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes import replies
from hob import __version__
from hob.cli.context import App
from hob.cli.doctor_checks import (
    CHECKS,
    check_command,
    check_config,
    check_daemon,
    check_folders,
    check_log,
    check_memory,
    check_models,
    check_python,
    errors_since,
)
from hob.cli.doctor_finding import Finding
from hob.cli.doctor_llama import built_features, check_llama
from hob.cli.doctor_system import (
    Folder,
    Gpu,
    Memory,
    Probe,
    System,
    _pci_gpus,
    parse_cpu_flags,
    read_probe,
)
from hob.errors import DaemonUnreachable, NotRunning
from hob.logs.entry import json_line
from hob.paths import Paths
from hob.wire.base import ErrorInfo
from hob.wire.engine import BuildInfo, Device
from hob.wire.models import ModelList
from hob.wire.status import Status

AVX2 = frozenset({"avx", "avx2", "fma", "f16c", "bmi2"})
BUILD = BuildInfo(
    llama_cpp_python="0.3.36",
    system_info="CPU : AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 | OPENMP = 1 | ",
    gpu_offload=False,
    devices=(Device(name="CPU", description="A CPU", kind="cpu"),),
)
CUDA = Device(
    name="CUDA0",
    description="NVIDIA RTX",
    kind="gpu",
    total_bytes=24_000_000_000,
    free_bytes=23_000_000_000,
)


class FakeSystem(System):
    """A well machine; tests change what is not."""

    def __init__(self, paths: Paths) -> None:
        super().__init__(App(paths, {}))
        self.version = (3, 12, 1)
        self.bits = 64
        self.probed = Probe(build=BUILD)
        self.flags = AVX2
        self.found_gpus: list[Gpu] = []
        self.ram = Memory(total=16 * 10**9, available=8 * 10**9)
        self.folders: dict[Path, Folder] = {}
        self.mode: int | None = None
        self.daemon: Status | Exception = NotRunning("Hob is not running.", hint="hob up")
        self.library: ModelList | Exception = NotRunning("Hob is not running.", hint="hob up")
        self.on_path: Path | None = Path("/opt/hob/bin/hob")

    def python(self) -> tuple[int, int, int]:
        return self.version

    def is_64_bit(self) -> bool:
        return self.bits == 64

    def probe(self) -> Probe:
        return self.probed

    def cpu_flags(self) -> frozenset[str]:
        return self.flags

    def gpus(self) -> list[Gpu]:
        return self.found_gpus

    def memory(self) -> Memory:
        return self.ram

    def folder(self, path: Path) -> Folder:
        well = Folder(exists=True, writable=True, mode=0o700, ours=True, free_bytes=10**11)
        return self.folders.get(path, well)

    def socket_mode(self) -> int | None:
        return self.mode

    def status(self) -> Status:
        if isinstance(self.daemon, Exception):
            raise self.daemon
        return self.daemon

    def models(self) -> ModelList:
        if isinstance(self.library, Exception):
            raise self.library
        return self.library

    def hob_on_path(self) -> Path | None:
        return self.on_path

    def own_command(self) -> Path:
        return Path("/opt/hob/bin/hob")


@pytest.fixture
def system(paths: Paths) -> FakeSystem:
    return FakeSystem(paths)


Check = Callable[[System], Iterator[Finding]]


def worst(check: Check, system: System) -> Finding:
    """The most severe thing that `check` finds."""
    return max(check(system), key=lambda each: ("ok", "warning", "problem").index(each.level))


def only(check: Check, system: System, name: str) -> Finding:
    (finding,) = [each for each in check(system) if each.check == name]
    return finding


@pytest.mark.parametrize("check", [check for check in CHECKS if check is not check_models])
def test_a_well_machine_has_nothing_to_mend(system: FakeSystem, check: Check) -> None:
    assert {finding.level for finding in check(system)} == {"ok"}


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 15, 0), (2, 7, 18)])
def test_a_python_that_hob_is_not_made_for_is_a_problem(
    system: FakeSystem, version: tuple[int, int, int]
) -> None:
    system.version = version
    finding = worst(check_python, system)
    assert finding.level == "problem"
    assert "3.11" in finding.hint


def test_a_32_bit_python_is_a_problem(system: FakeSystem) -> None:
    system.bits = 32
    assert worst(check_python, system).level == "problem"


def test_a_build_without_what_the_cpu_has_gets_the_line_to_build_it_anew(
    system: FakeSystem,
) -> None:
    system.flags = AVX2 | {"avx512f", "avx512_vnni"}
    finding = only(check_llama, system, "cpu")
    assert finding.level == "warning"
    assert "AVX512, AVX512_VNNI" in finding.message
    assert "AVX2" not in finding.message
    assert 'CMAKE_ARGS="-DGGML_NATIVE=on"' in finding.hint
    assert "llama-cpp-python==" in finding.hint


def test_a_feature_that_the_build_turned_off_counts_as_missing(system: FakeSystem) -> None:
    assert built_features("CPU : AVX = 1 | AVX2 = 0 | SVE_CNT = 32 |") == {"AVX", "SVE_CNT"}
    system.probed = Probe(
        build=BuildInfo(llama_cpp_python="1", system_info="CPU : AVX = 1 |", gpu_offload=False)
    )
    assert "AVX2" in only(check_llama, system, "cpu").message


@pytest.mark.parametrize(
    ("gpu", "cmake_args"),
    [
        (Gpu("nvidia", "NVIDIA RTX 4090"), "-DGGML_CUDA=on"),
        (Gpu("amd", "AMD GPU at 0000:03:00.0"), "-DGGML_VULKAN=on"),
        (Gpu("apple", "Apple GPU"), "-DGGML_METAL=on"),
    ],
)
def test_a_gpu_that_lies_idle_gets_the_exact_line_to_use_it(
    system: FakeSystem, gpu: Gpu, cmake_args: str
) -> None:
    system.found_gpus = [gpu]
    finding = only(check_llama, system, "gpu")
    assert finding.level == "warning"
    assert gpu.name in finding.message
    assert f'CMAKE_ARGS="{cmake_args}" ' in finding.hint
    assert "--force-reinstall" in finding.hint
    assert "--no-binary llama-cpp-python llama-cpp-python==" in finding.hint


def test_an_idle_integrated_gpu_is_mentioned_and_no_reason_to_worry(system: FakeSystem) -> None:
    system.found_gpus = [Gpu("intel", "INTEL GPU at 0000:00:02.0")]
    finding = only(check_llama, system, "gpu")
    assert (finding.level, "VULKAN" in finding.hint) == ("ok", True)


def test_a_gpu_without_a_driver_is_about_the_driver(system: FakeSystem) -> None:
    system.found_gpus = [Gpu("nvidia", "NVIDIA GPU at 0000:01:00.0", driver=False)]
    finding = only(check_llama, system, "gpu")
    assert finding.level == "warning"
    assert "driver" in finding.hint
    assert "CMAKE_ARGS" not in finding.hint


def test_a_build_for_gpus_that_sees_none_is_about_the_driver(system: FakeSystem) -> None:
    system.probed = Probe(
        build=BuildInfo(
            llama_cpp_python="1", system_info=BUILD.system_info, gpu_offload=True, devices=()
        )
    )
    system.found_gpus = [Gpu("nvidia", "NVIDIA RTX 4090")]
    assert "driver" in only(check_llama, system, "gpu").hint


def test_a_gpu_that_llama_can_use_is_well(system: FakeSystem) -> None:
    system.probed = Probe(
        build=BuildInfo(
            llama_cpp_python="1",
            system_info=BUILD.system_info,
            gpu_offload=True,
            devices=(*BUILD.devices, CUDA),
        )
    )
    system.found_gpus = [Gpu("nvidia", "NVIDIA RTX")]
    finding = only(check_llama, system, "gpu")
    assert finding.level == "ok"
    assert "NVIDIA RTX (24.0 GB)" in finding.message


def test_a_probe_that_crashes_is_a_problem_and_not_a_crash(system: FakeSystem) -> None:
    system.probed = read_probe(-4, b"", b"")
    finding = worst(check_llama, system)
    assert finding.level == "problem"
    assert "SIGILL" in finding.message
    assert "another CPU" in finding.hint


@pytest.mark.parametrize(
    ("returncode", "stdout", "stderr", "said"),
    [
        (-11, b"", b"", "SIGSEGV"),
        (1, b"", b"Traceback\nImportError: libllama.so: not found\n\n", "libllama.so: not found"),
        (1, b"", b"", "no message"),
        (0, b"hello", b"", "cannot be read"),
        (0, b'{"llama_cpp_python": 3}', b"", "cannot be read"),
    ],
)
def test_a_probe_that_fails_says_why(
    returncode: int, stdout: bytes, stderr: bytes, said: str
) -> None:
    probe = read_probe(returncode, stdout, stderr)
    assert probe.build is None
    assert said in probe.failure
    assert not probe.illegal_instruction


def test_little_memory_is_a_warning(system: FakeSystem) -> None:
    system.ram = Memory(total=2 * 10**9, available=300_000_000)
    finding = worst(check_memory, system)
    assert (finding.level, "300 MB" in finding.message) == ("warning", True)


def test_a_wrong_setting_is_a_problem_with_its_line(system: FakeSystem, paths: Paths) -> None:
    paths.config_file.parent.mkdir(parents=True)
    paths.config_file.write_text("[engine]\nslots = 0\n")
    paths.config_file.chmod(0o600)
    finding = worst(check_config, system)
    assert finding.level == "problem"
    assert "line 2" in finding.message
    # The other checks go on with the defaults.
    assert {each.level for each in check_folders(system)} == {"ok"}


@pytest.mark.parametrize(
    ("folder", "level", "said"),
    [
        (Folder(True, False, 0o500, True, 10**11), "problem", "not a folder that you can write"),
        (Folder(False, False, 0o755, False, 10**11), "problem", "cannot be made"),
        (Folder(True, True, 0o755, True, 10**11), "problem", "open to other users"),
        (Folder(True, True, 0o700, False, 10**11), "problem", "open to other users"),
        (Folder(True, True, 0o700, True, 10**8), "warning", "100 MB are free"),
        (Folder(False, True, 0o755, True, 10**11), "ok", "made when it is needed"),
    ],
)
def test_what_is_wrong_with_the_sockets_folder_is_found(
    system: FakeSystem, folder: Folder, level: str, said: str
) -> None:
    system.folders[system.paths.run_dir] = folder
    finding = only(check_folders, system, "run folder")
    assert (finding.level, said in finding.message) == (level, True)


def test_a_models_folder_may_be_read_by_others_but_not_changed(system: FakeSystem) -> None:
    folder = system.paths.models_dir
    system.folders[folder] = Folder(True, True, 0o755, True, 10**11)
    assert only(check_folders, system, "models folder").level == "ok"
    system.folders[folder] = Folder(True, True, 0o777, True, 10**11)
    assert only(check_folders, system, "models folder").level == "problem"


def test_a_socket_that_a_dead_daemon_left_is_a_warning(system: FakeSystem) -> None:
    system.mode = 0o600
    finding = worst(check_daemon, system)
    assert finding.level == "warning"
    assert "hob up" in finding.hint


def test_a_socket_that_others_may_use_is_a_problem(system: FakeSystem) -> None:
    system.mode = 0o666
    system.daemon = replies.status(version=__version__)
    assert only(check_daemon, system, "socket").level == "problem"


def test_a_daemon_that_does_not_answer_is_a_problem(system: FakeSystem) -> None:
    system.daemon = DaemonUnreachable("It does not answer.", hint="Run `hob restart`.")
    finding = worst(check_daemon, system)
    assert (finding.level, finding.hint) == ("problem", "Run `hob restart`.")


def test_a_daemon_of_another_version_should_be_restarted(system: FakeSystem) -> None:
    system.daemon = replies.status(version="0.0.1")
    finding = only(check_daemon, system, "daemon")
    assert (finding.level, finding.hint) == ("warning", "Run `hob restart`.")


def test_what_ails_a_worker_and_the_api_is_passed_on(system: FakeSystem) -> None:
    ailment = ErrorInfo(code="worker_died", message="It died.", hint="Feed it.")
    system.daemon = replies.status(
        version=__version__,
        workers=(replies.worker(problem=ailment),),
        api=replies.api_status(
            problem=ErrorInfo(code="secret_store_unavailable", message="No keyring.", hint="Log in")
        ),
    )
    assert only(check_daemon, system, "worker").message == "tiny: It died."
    assert only(check_daemon, system, "api").message == "No keyring."


def test_files_that_cannot_be_loaded_are_named_with_the_reason(system: FakeSystem) -> None:
    system.library = replies.model_list()
    finding = worst(check_models, system)
    assert finding.level == "warning"
    assert finding.message == "broken: The file broken.gguf ends inside its header."


def test_without_a_daemon_the_files_are_counted(system: FakeSystem) -> None:
    assert worst(check_models, system).level == "warning"
    assert "hob models pull starter" in worst(check_models, system).hint
    folder = system.paths.models_dir / "deeper"
    folder.mkdir(parents=True)
    (folder / "one.gguf").touch()
    (folder / "two.gguf.part").touch()
    finding = worst(check_models, system)
    assert (finding.level, finding.message.startswith("1 in ")) == ("ok", True)


@pytest.mark.parametrize("found", [None, Path("/usr/local/bin/hob")])
def test_a_command_that_the_shell_does_not_find_gets_the_line_to_add_it(
    system: FakeSystem, found: Path | None
) -> None:
    system.on_path = found
    finding = worst(check_command, system)
    assert finding.level == "warning"
    assert 'export PATH="/opt/hob/bin:$PATH"' in finding.hint


def test_a_link_to_the_command_is_the_command(system: FakeSystem, tmp_path: Path) -> None:
    link = tmp_path / "hob"
    link.symlink_to("/opt/hob/bin/hob")
    system.on_path = link
    assert worst(check_command, system).level == "ok"


def entry(age_s: float, level: str) -> bytes:
    at = datetime.fromtimestamp(time.time() - age_s, UTC).isoformat(timespec="milliseconds")
    return json_line({"ts": at.replace("+00:00", "Z"), "level": level, "msg": "x"})


def test_errors_of_the_last_day_are_counted_across_rotated_files(
    system: FakeSystem, paths: Paths
) -> None:
    paths.log_dir.mkdir(parents=True)
    older = paths.log_file.with_name("hob.log.1")
    older.write_bytes(entry(90_000, "error") + entry(80_000, "error"))
    paths.log_file.write_bytes(
        entry(70_000, "warning") + entry(60_000, "critical") + b"no entry\n" + entry(1, "error")
    )
    assert errors_since(paths.log_file, time.time() - 86_400) == 3
    finding = worst(check_log, system)
    assert finding.level == "warning"
    assert finding.message.startswith("3 errors")
    assert "hob logs --level error" in finding.hint


def test_a_log_that_cannot_be_read_is_a_problem(system: FakeSystem, paths: Paths) -> None:
    paths.log_file.mkdir(parents=True)
    assert worst(check_log, system).level == "problem"


def test_cpu_features_are_read_from_what_linux_says_of_x86_and_of_arm() -> None:
    assert parse_cpu_flags("processor : 0\nflags\t\t: fpu avx2 fma\n") == {"fpu", "avx2", "fma"}
    assert parse_cpu_flags("Features\t: asimd i8mm\nCPU part : 0xd40\n") == {"asimd", "i8mm"}
    assert parse_cpu_flags("nothing of the kind") == frozenset()


def test_gpus_are_found_on_the_pci_bus(tmp_path: Path) -> None:
    for slot, kind, vendor in [
        ("0000:00:02.0", "0x030000", "0x8086"),
        ("0000:01:00.0", "0x030200", "0x10de"),
        ("0000:02:00.0", "0x020000", "0x8086"),
        ("0000:03:00.0", "0x030000", "0x1af4"),
    ]:
        (tmp_path / slot).mkdir()
        (tmp_path / slot / "class").write_text(f"{kind}\n")
        (tmp_path / slot / "vendor").write_text(f"{vendor}\n")
    (tmp_path / "0000:04:00.0").mkdir()
    assert _pci_gpus(tmp_path) == [
        Gpu("intel", "INTEL GPU at 0000:00:02.0"),
        Gpu("nvidia", "NVIDIA GPU at 0000:01:00.0", driver=False),
    ]
    assert _pci_gpus(tmp_path / "absent") == []


def test_every_finding_that_is_not_well_says_what_to_do(system: FakeSystem) -> None:
    system.version = (3, 9, 0)
    system.ram = Memory(1, 1)
    system.on_path = None
    system.probed = read_probe(-11, b"", b"")
    for check in CHECKS:
        for finding in check(system):
            assert finding.level == "ok" or finding.hint
            assert json.dumps(finding.message)


def test_the_line_that_puts_hob_on_the_path_works_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [".venv/bin/hob"])
    real = System(App.from_environ({"HOB_HOME": str(tmp_path)}))
    assert real.own_command() == tmp_path / ".venv" / "bin" / "hob"
