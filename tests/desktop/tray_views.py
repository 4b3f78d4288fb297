"""What a daemon might look like, for tests of the tray."""

from __future__ import annotations

import dataclasses
from typing import Any

from hob.desktop.view import DaemonView, Phase
from hob.wire.base import ErrorInfo
from hob.wire.desktop import Recent
from hob.wire.models import Copying, ModelEntry, ModelInfo
from hob.wire.plugins import ActionInfo, Opens, PluginInfo
from hob.wire.status import ApiStatus, Status, WorkerStatus

CHOSEN = "smollm2:135m-instruct-q4_1"
OTHER = "gemma-3:270m-q4_k_m"
PROBLEM = ErrorInfo(
    code="out_of_memory",
    message="There is not enough memory for the model.",
    hint="Choose a smaller one.",
)


def entry(name: str, **changes: Any) -> ModelEntry:
    """A model of the library; `changes` are of the entry or of its info."""
    fields = ModelInfo.__struct_fields__
    of_info = {key: changes.pop(key) for key in list(changes) if key in fields}
    info: dict[str, Any] = {"path": f"/models/{name}", "file_bytes": 98_300_000, "modified_at": 0.0}
    info |= of_info
    values: dict[str, Any] = {"state": "available", "chosen": False, "verdict": "cpu"}
    values |= changes
    return ModelEntry(info=ModelInfo(name=name, **info), **values)


def worker(model: str = CHOSEN, **changes: Any) -> WorkerStatus:
    values: dict[str, Any] = {
        "state": "ready",
        "pid": 1,
        "chosen": model == CHOSEN,
        "load_fraction": 1.0,
        "warm_since": 1.0,
        "last_used": 1.0,
        "live_requests": 0,
        "waiting_requests": 0,
        "answers": 3,
        "tokens_per_second": 45.2,
        "rss_bytes": 312_000_000,
        "loaded": None,
        "build": None,
        "restarts": 0,
        "problem": None,
    }
    return WorkerStatus(model=model, **(values | changes))


def status(*workers: WorkerStatus, address: str = "", problem: ErrorInfo | None = None) -> Status:
    return Status(
        version="1.0",
        pid=4242,
        started_at=0.0,
        stopping=False,
        home="/home",
        log_file="/home/hob.log",
        chosen=CHOSEN,
        model_count=2,
        models_folder="/models",
        workers=workers,
        api=ApiStatus(socket="/run/hob.sock", address=address, problem=problem),
        rss_bytes=1,
    )


MODELS = (
    entry(OTHER, file_bytes=253_000_000),
    entry(CHOSEN, state="warm", chosen=True),
    entry("llama-3.3:70b-q4_k_m", file_bytes=42_500_000_000, verdict="no"),
    entry(
        "qwen3:8b-q5_k_m",
        file_bytes=5_850_000_000,
        state="copying",
        verdict=None,
        copying=Copying(done_bytes=2_000_000_000, total_bytes=5_850_000_000),
    ),
    entry(
        "broken-model",
        state="bad",
        verdict=None,
        problem=ErrorInfo(code="bad_model_file", message="The file ends in a tensor."),
    ),
)
ASK = ActionInfo(name="ask", plugin="prompt", title="Ask", opens=Opens(), hotkey="ctrl+alt+space")
PALETTE = ActionInfo(
    name="clipboard-actions",
    plugin="clipboard",
    title="Clipboard actions",
    opens=Opens(window="actions"),
    hotkey="ctrl+alt+c",
)
SUMMARISE = ActionInfo(
    name="summarise", plugin="clipboard", title="Summarise the clipboard", takes="clipboard"
)
PLUGINS = (
    PluginInfo(name="clipboard", title="Clipboard", enabled=True, state="on"),
    PluginInfo(name="prompt", title="Prompt", enabled=False, state="off"),
    PluginInfo(
        name="my_plugin",
        enabled=True,
        state="suspended",
        problem=ErrorInfo(code="plugin_broken", message="my_plugin raised ZeroDivisionError."),
    ),
)
WARM = DaemonView(
    phase="warm",
    status=status(worker(), address="http://127.0.0.1:8123"),
    models=MODELS,
    tokens_per_second=45.2,
    actions=(ASK, PALETTE, SUMMARISE),
    plugins=PLUGINS,
    recent=(Recent(title="What is a hob?", text="The flat top of a cooker.", at=5.0),),
    desktop="a-desktop",
    folder="/models",
)
AWAY = DaemonView()


def in_phase(phase: Phase, **changes: Any) -> DaemonView:
    """WARM, in another phase."""
    if phase == "away":
        return AWAY
    workers = {"warm": "ready", "answering": "ready", "loading": "starting"}
    state = workers.get(phase, "down")
    values: dict[str, Any] = {
        "status": status(worker(state=state)),
        "load_fraction": 0.42 if phase == "loading" else None,
        "answering": 1 if phase == "answering" else 0,
        "problem": PROBLEM if phase == "error" else None,
        "models": () if phase == "empty" else MODELS,
    }
    return dataclasses.replace(WARM, phase=phase, **(values | changes))
