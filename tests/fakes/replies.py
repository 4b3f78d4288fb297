"""What a daemon with one warm model would say."""

from __future__ import annotations

from hob.wire.base import ErrorInfo
from hob.wire.engine import LoadedInfo, Placement
from hob.wire.models import ModelEntry, ModelInfo, ModelList
from hob.wire.status import ApiStatus, Status, WorkerStatus

LOADED = LoadedInfo(
    context_length=4096,
    train_context_length=8192,
    slots=4,
    threads=2,
    model_bytes=98_000_000,
    kv_bytes=47_000_000,
    placement=Placement(device="CPU", layers=30, layers_on_gpu=0),
    template="model",
    load_s=0.8,
    warm_up_s=0.1,
)

BAD_FILE = ErrorInfo(
    code="bad_model_file",
    message="The file broken.gguf ends inside its header.",
    hint="Download it again.",
)


def worker(**changes: object) -> WorkerStatus:
    fields: dict[str, object] = {
        "model": "tiny",
        "state": "ready",
        "pid": 4321,
        "chosen": True,
        "load_fraction": 1.0,
        "warm_since": 1_000.0,
        "last_used": None,
        "live_requests": 0,
        "waiting_requests": 0,
        "answers": 3,
        "tokens_per_second": 95.4,
        "rss_bytes": 210_000_000,
        "loaded": LOADED,
        "build": None,
        "restarts": 0,
        "problem": None,
    }
    return WorkerStatus(**(fields | changes))  # type: ignore[arg-type]


def status(**changes: object) -> Status:
    fields: dict[str, object] = {
        "version": "0.1.0",
        "pid": 1234,
        "started_at": 900.0,
        "stopping": False,
        "home": "/home/someone",
        "log_file": "/home/someone/logs/hob.log",
        "chosen": "tiny",
        "model_count": 1,
        "models_folder": "/home/someone/models",
        "workers": (worker(),),
        "api": api_status(),
        "rss_bytes": 45_000_000,
    }
    return Status(**(fields | changes))  # type: ignore[arg-type]


def api_status(address: str = "", problem: ErrorInfo | None = None) -> ApiStatus:
    return ApiStatus(socket="/home/someone/run/hob.sock", address=address, problem=problem)


def model_info(name: str = "tiny", **changes: object) -> ModelInfo:
    fields: dict[str, object] = {
        "name": name,
        "path": f"/home/someone/models/{name}.gguf",
        "file_bytes": 98_300_000,
        "modified_at": 1_000.0,
        "architecture": "llama",
        "parameters": 134_515_008,
        "quantization": "Q4_1",
        "context_length": 8192,
    }
    return ModelInfo(**(fields | changes))  # type: ignore[arg-type]


def model_list() -> ModelList:
    return ModelList(
        models=(
            ModelEntry(info=model_info(), state="warm", chosen=True),
            ModelEntry(
                info=ModelInfo(
                    name="broken",
                    path="/home/someone/models/broken.gguf",
                    file_bytes=12,
                    modified_at=1_000.0,
                    problem=BAD_FILE,
                ),
                state="bad",
                chosen=False,
            ),
        ),
        folder="/home/someone/models",
    )
