"""How long a worker may take for what it does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: until Hello, between the messages of a load, between those of answers, and for an
    orderly end."""

    hello_s: float = 30.0
    start_s: float = 120.0
    stall_s: float = 60.0
    stop_s: float = 5.0
