"""What holds for every test."""

import os
import signal


def pytest_configure() -> None:
    # A shell starts what it puts into the background with SIGINT ignored, and children inherit
    # that: tests that press Ctrl-C would then press it in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Daemons that tests start would start a desktop on the screen of whoever runs them.
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        os.environ.pop(name, None)
