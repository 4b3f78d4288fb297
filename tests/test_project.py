"""What holds for the tree as a whole: its words, the length of its modules, how its tests wait."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("daemon", "plugins", "service", "installers", "tests", ".ci")
LONGEST_MODULE = 400
# A module of tests is a list of cases.
LONGEST_TESTS = 600


def text_files() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.suffix in {".md", ".toml"})
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and _is_text(path):
                yield path


def modules(*folders: str) -> Iterator[Path]:
    return (path for path in text_files() if path.suffix == ".py" and _in(path, folders))


def _in(path: Path, folders: tuple[str, ...]) -> bool:
    return path.relative_to(ROOT).parts[0] in folders


def _is_text(path: Path) -> bool:
    return b"\0" not in path.read_bytes()[:4096]


def _place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_no_file_holds_a_note_to_self_or_a_path_of_one_machine() -> None:
    # Written apart, so that this file does not find itself.
    notes = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    places = ("/wo" + "rk/", "/ro" + "ot/", "/Us" + "ers/[a-z]")
    unwanted = re.compile(rf"\b({'|'.join(notes)})\b|({'|'.join(places)})")
    found = [
        f"{_place(path, number)}: {line.strip()}"
        for path in text_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if unwanted.search(line)
    ]
    assert found == []


def test_modules_that_grow_long_say_why_in_their_docstring() -> None:
    long = []
    for path in modules("daemon", "plugins", "service", "tests"):
        text = path.read_text()
        lines = len(text.splitlines())
        docstring = ast.get_docstring(ast.parse(text)) or ""
        limit = LONGEST_TESTS if _in(path, ("tests",)) else LONGEST_MODULE
        if lines > limit and "long because" not in docstring:
            long.append(f"{path.relative_to(ROOT)} has {lines} lines")
    assert long == [], "split them, or say in the docstring: 'This module is long because ...'"


def test_every_module_of_the_product_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules("daemon", "plugins", "service")
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_test_sleeps_without_saying_why() -> None:
    """A test waits for an event. `asyncio.sleep(0)` only lets others run, sleep in virtual time
    takes none, and a comment on the line says why where time itself is measured."""
    found = [
        _place(path, node.lineno)
        for path in modules("tests")
        if path.name.startswith("test_") and "virtual_time" not in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _is_sleep(node)
        if "#" not in path.read_text().splitlines()[node.lineno - 1]
    ]
    assert found == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    """Only what another operating system cannot have may be left out there."""
    found = [
        _place(path, node.lineno)
        for path in modules("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.expr) and _leaves_out(node)
    ]
    assert found == []


def test_wire_and_errors_stand_on_the_standard_library_and_msgspec_alone() -> None:
    """The other rooms are held by import-linter's contracts in pyproject.toml."""
    hob = ROOT / "daemon" / "hob"
    allowed = sys.stdlib_module_names | {"msgspec"}
    found = [
        f"{_place(path, line)}: {name}"
        for path in [hob / "errors.py", *(hob / "wire").rglob("*.py")]
        for name, line in _imports(path)
        if name.partition(".")[0] not in allowed and not re.match(r"hob\.(wire|errors)\b", name)
    ]
    assert found == []


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, node.lineno) for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module, node.lineno


def _leaves_out(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(attr="skip" | "xfail" | "importorskip"):
            return True
        case ast.Call(func=ast.Attribute(attr="skipif"), args=[condition]):
            return "sys.platform" not in ast.unparse(condition)
    return False


def _is_sleep(call: ast.Call) -> bool:
    match call:
        case ast.Call(func=ast.Attribute(attr="sleep"), args=[ast.Constant(value=0)]):
            return False
        case ast.Call(func=ast.Attribute(attr="sleep")):
            return True
    return False
