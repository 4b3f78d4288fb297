"""What a load decides from the options, the model's place and the memory that is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.engine_process import EngineProcess
from hob.engine import loading
from hob.errors import ModelLoadFailed, OutOfMemory
from hob.wire.engine import LoadFailed, LoadOptions


def load_garbage(path: Path) -> None:
    path.write_bytes(b"no model at all")
    loading._load_weights(path, LoadOptions(), lambda _fraction: None, 0)


def test_a_file_that_is_no_model_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadFailed):
        load_garbage(tmp_path / "m.gguf")


def test_weights_larger_than_the_free_memory_are_told_with_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "available_bytes", lambda: 10)
    with pytest.raises(OutOfMemory) as caught:
        load_garbage(tmp_path / "m.gguf")
    assert caught.value.details == {"need_bytes": 15, "free_bytes": 10}
    assert "smaller model" in caught.value.hint


def test_an_abort_of_llama_cpp_waits_for_no_debugger() -> None:
    script = (
        "import ctypes; import hob.engine.native.library; "
        "getenv = ctypes.CDLL(None).getenv; getenv.restype = ctypes.c_char_p; "
        "print(getenv(b'GGML_NO_BACKTRACE').decode())"
    )
    environment = {key: value for key, value in os.environ.items() if key != "GGML_NO_BACKTRACE"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "1"


def test_a_broken_llama_cpp_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "llama_cpp"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "llama_cpp.py").write_text("raise OSError('libllama.so: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with EngineProcess() as worker:
        said = worker.read()
    assert isinstance(said, LoadFailed)
    assert said.error.code == "start_failed"
    assert "hob doctor" in said.error.hint
