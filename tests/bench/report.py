"""The figures as a table of Markdown and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One row. `value` is what `limit` bounds: a ratio, or a figure of Hob alone. `ratio` is the
    same as a number, for the picture."""

    what: str
    hob: str
    peer: str = ""
    value: str = ""
    limit: str = ""
    met: bool | None = None
    samples: object = None
    ratio: float | None = None
    more_is_better: bool = False


def markdown(figures: list[Figure], machine: str) -> str:
    lines = [
        machine,
        "",
        "| | Hob | llama-server | ratio | limit | |",
        "|---|---|---|---|---|---|",
    ]
    verdict = {None: "", True: "met", False: "**missed**"}
    lines += [
        f"| {row.what} | {row.hob} | {row.peer} | {row.value} | {row.limit} | {verdict[row.met]} |"
        for row in figures
    ]
    return "\n".join(lines)


def save(figures: list[Figure], machine: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine, "figures": [asdict(row) for row in figures]}
    path.write_text(json.dumps(content, indent=1) + "\n")
