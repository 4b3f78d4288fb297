"""The command line that runs `hob` from anywhere, for people to paste into settings."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def hob_program() -> tuple[str, ...]:
    """With full paths: a desktop's settings know no PATH of a shell."""
    beside = Path(sys.executable).with_name("hob.exe" if sys.platform == "win32" else "hob")
    if beside.is_file():
        return (str(beside),)
    if found := shutil.which("hob"):
        return (found,)
    return (sys.executable, "-P", "-m", "hob")
