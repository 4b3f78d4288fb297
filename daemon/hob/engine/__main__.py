"""`python -m hob.engine`: an engine worker on stdin and stdout; with --probe, what it can do."""

from __future__ import annotations

import sys


def main() -> int:
    if sys.argv[1:] == ["--probe"]:
        return _probe()
    if sys.argv[1:]:
        sys.stderr.write("usage: python -m hob.engine [--probe]\n")
        return 2
    from hob.children.leash import die_with_parent

    die_with_parent()
    from hob.engine.worker import run

    return run()


def _probe() -> int:
    """Print the llama.cpp build as JSON."""
    import msgspec

    from hob.engine.native.build import build_info

    sys.stdout.write(msgspec.json.encode(build_info()).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
