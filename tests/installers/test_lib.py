"""The shell functions that both commands use, run by a real bash."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

LIB = Path(__file__).parents[2] / "installers" / "lib.sh"


def bash(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs `script` after lib.sh was read, strictly, as the commands do."""
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; source '{LIB}'; {script}"],
        check=False,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def fake_program(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_the_right_to_install_the_exact_line_is_printed(tmp_path: Path) -> None:
    done = bash(
        f"log={tmp_path}/log; can_install() {{ false; }}; debian_packages 'why' no-such-1 no-such-2"
    )
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install -y no-such-1 no-such-2" in done.stderr


def test_packages_that_are_installed_are_not_installed_again(tmp_path: Path) -> None:
    fake_program(tmp_path, "apt-get", "echo apt-get was called >&2; exit 1")
    fake_program(tmp_path, "dpkg-query", "echo install ok installed")
    done = bash("debian_packages 'tests' g++ make", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_failed_step_shows_the_end_of_the_log_and_its_exit_status(tmp_path: Path) -> None:
    done = bash(
        f"log={tmp_path}/log; quietly 'compiling' sh -c 'seq 100; exit 3' || echo status $?"
    )
    assert "status 3" in done.stdout
    assert "| 100\n" in done.stderr
    assert "| 50\n" not in done.stderr
    assert "100\n" in (tmp_path / "log").read_text()


def test_a_step_that_works_says_so_and_keeps_its_output_in_the_log(tmp_path: Path) -> None:
    done = bash(f"log={tmp_path}/log; quietly 'compiling' echo a long story")
    assert done.stdout.startswith("    compiling: done, 0:0")
    assert "a long story" in (tmp_path / "log").read_text()


def test_progress_of_a_compilation_is_read_from_ninja_and_from_make(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("[ 7%] Building C object a.o\n")
    assert bash(f"log={tmp_path}/log; compiled_share 0").stdout == "  compiling [ 7%]"
    (tmp_path / "log").write_text("[1/120] Building a.o\n[12/120] Building CXX object b.o\n")
    assert bash(f"log={tmp_path}/log; compiled_share 0").stdout == "  compiling [12/120]"
    assert bash(f"log={tmp_path}/log; compiled_share 1000").stdout == ""


def test_a_python_that_is_too_old_or_broken_is_passed_over(tmp_path: Path) -> None:
    fake_program(tmp_path, "python3", "exit 1")
    for name in ("python3.14", "python3.13", "python3.12"):
        fake_program(tmp_path, name, "echo not installed >&2; exit 127")
    fake_program(tmp_path, "python3.11", "exit 0")
    done = bash("find_python", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.stdout == f"{tmp_path}/python3.11\n"


def test_the_wheel_that_is_kept_is_the_version_that_hob_asks_for(tmp_path: Path) -> None:
    version = bash("llama_version").stdout.strip()
    wheel = tmp_path / f"llama_cpp_python-{version}-py3-none-linux_x86_64.whl"
    (tmp_path / "llama_cpp_python-0.0.1-py3-none-linux_x86_64.whl").touch()
    assert bash(f"wheels={tmp_path}; llama_wheel").stdout == ""
    wheel.touch()
    assert bash(f"wheels={tmp_path}; llama_wheel").stdout == f"{wheel}\n"
