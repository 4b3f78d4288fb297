"""The ratios as a picture: a bar to the left of the line where Hob is better, to the right where
it is worse."""

from __future__ import annotations

import math
from pathlib import Path
from xml.sax.saxutils import escape

from bench.report import Figure

_ROW, _TEXT, _BARS, _EDGE = 26, 520, 360, 20
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.axis { stroke: #8c959f } .better { fill: #1a7f37 } .worse { fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 }
  .better { fill: #3fb950 } .worse { fill: #f0883e }
}
"""


def save(figures: list[Figure], machine: str, path: Path) -> None:
    """An SVG of all figures that are ratios; `machine` stands below."""
    rows = [row for row in figures if row.ratio]
    path.write_text(_picture(rows, machine), encoding="utf-8")


def _picture(rows: list[Figure], machine: str) -> str:
    reach = max([1.0, *(abs(_effect(row)) for row in rows)])
    width, height = _TEXT + _BARS + _EDGE, _ROW * (len(rows) + 3)
    middle = _TEXT + _BARS / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<style>{_STYLE}</style>",
        f'<text class="small" x="{middle - 8}" y="16" text-anchor="end">Hob is better</text>',
        f'<text class="small" x="{middle + 8}" y="16">Hob is worse</text>',
    ]
    for number, row in enumerate(rows):
        lines += _bar(row, _ROW * (number + 1), reach)
    bottom = _ROW * (len(rows) + 1)
    lines += [
        f'<line class="axis" x1="{middle}" x2="{middle}" y1="4" y2="{bottom}"/>',
        f'<text class="small" x="0" y="{bottom + 18}">Ratios on a logarithmic scale.</text>',
        f'<text class="small" x="0" y="{bottom + 36}">{escape(machine)}</text>',
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bar(row: Figure, top: int, reach: float) -> list[str]:
    effect = _effect(row)
    middle = _TEXT + _BARS / 2
    length = max(1.0, abs(effect) / reach * _BARS / 2)
    left = middle if effect > 0 else middle - length
    kind = "worse" if effect > 0 else "better"
    end = f'x="{middle + 6}"' if effect <= 0 else f'x="{middle - 6}" text-anchor="end"'
    return [
        f'<text x="0" y="{top + 17}">{escape(row.what)}</text>',
        f'<rect class="{kind}" x="{left:.1f}" y="{top + 5}" width="{length:.1f}" height="16"/>',
        f'<text class="small" {end} y="{top + 17}">{row.ratio:.2f}</text>',
    ]


def _effect(row: Figure) -> float:
    """How far to the right, in doublings; rates count the other way round than times."""
    assert row.ratio is not None
    doublings = math.log2(max(row.ratio, 1e-3))
    return -doublings if row.more_is_better else doublings
