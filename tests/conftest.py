"""What holds for every test."""

import signal


def pytest_configure() -> None:
    # A shell starts what it puts into the background with SIGINT ignored, and children inherit
    # that: tests that press Ctrl-C would then press it in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)
