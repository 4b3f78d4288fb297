"""How often the progress of a copy is told."""

from __future__ import annotations

from pathlib import Path

from fakes.tiny_gguf import tiny_gguf
from hob.models.registry import Registry
from hob.wire.events import Event, ModelCopying


async def test_a_step_that_came_too_soon_to_be_told_is_told_later(tmp_path: Path) -> None:
    data = tiny_gguf().bytes()
    path = tmp_path / "Slow-1B.gguf"
    events: list[Event] = []
    now = 1_000.0
    registry = Registry([tmp_path], events.append, clock=lambda: now)
    told: list[list[int]] = []
    for size, at in ((20_000, 1_000.0), (40_000, 1_000.1), (40_000, 1_001.0), (40_000, 1_002.0)):
        path.write_bytes(data[:size])
        now = at
        await registry.rescan()
        told.append([event.done_bytes for event in events if isinstance(event, ModelCopying)])
    assert told == [[20_000], [20_000], [20_000, 40_000], [20_000, 40_000]]
