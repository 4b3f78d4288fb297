"""`python -P -m hob.desktop`: the desktop, as the daemon starts it."""

from __future__ import annotations

import sys

from hob.desktop.start import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
