"""Makes the README's picture of a terminal from a real run.

    python tests/docs/picture.py        writes installers/terminal.svg

Starts a daemon of its own with the starter model, runs the commands in a pseudo-terminal, and draws
what they printed.
"""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from live_daemon import LiveDaemon, starter_model  # noqa: E402

COLUMNS = 92
LINES = 60
COMMANDS = (
    "hob models",
    "hob models fit smollm2",
    'hob ask -v --temperature 0 "What is a hearth? One sentence."',
    "hob status",
)


def run_in_terminal(command: str, environ: dict[str, str]) -> Text:
    """What stands on a terminal of COLUMNS columns when the command is done."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    with subprocess.Popen(
        ["bash", "-c", f"stty cols {COLUMNS} rows {LINES}; {command}"],
        cwd=ROOT,
        env={**environ, "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        try:
            while data := os.read(master, 4096):
                stream.feed(data)
        except OSError:  # Linux says so when the last writer has gone
            pass
        os.close(master)
        process.wait()
    return _drawn(screen)


def _drawn(screen: pyte.Screen) -> Text:
    lines = []
    for row in range(screen.cursor.y + 1):
        cells = [screen.buffer[row][column] for column in range(COLUMNS)]
        line = Text()
        for (colour, bold, italic), run in groupby(cells, lambda c: (c.fg, c.bold, c.italics)):
            style = Style(color=None if colour == "default" else colour, bold=bold, italic=italic)
            line.append("".join(cell.data for cell in run), style)
        line.rstrip()
        lines.append(line)
    drawn = Text("\n").join(lines)
    drawn.rstrip()
    return drawn


def main() -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with (
        tempfile.TemporaryDirectory() as home,
        LiveDaemon(Path(home), [starter_model()]) as daemon,
    ):
        daemon.client().load(daemon.client().status().chosen)
        run_in_terminal('hob ask --max-tokens 20 "Say hello."', daemon.environ)
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "green"), (command, "bold")))
            console.print(run_in_terminal(command, daemon.environ))
            console.print()
    picture = console.export_svg(title="hob").replace(home, "~/.hob")
    (ROOT / "installers/terminal.svg").write_text(picture)


if __name__ == "__main__":
    main()
