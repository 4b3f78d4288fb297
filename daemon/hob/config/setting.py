"""What a setting is."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from hob.config.kinds import Kind


@dataclass(frozen=True)
class Setting:
    default: str
    kind: Kind
    doc: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that belong together; the attributes' names are the keys."""
