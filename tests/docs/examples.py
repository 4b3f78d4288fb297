"""Code that stands in README.md, for the tests that run it."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def plugin_example() -> str:
    """The plugin in ten lines, a file of its own."""
    [source] = re.findall(r"```python\n(# haiku\.py\n.*?)```", README.read_text(), re.DOTALL)
    return str(source)
