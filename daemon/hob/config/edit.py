"""Changing config.toml: one key at a time, whole or not at all, comments and order kept."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hob.config.docs import default_toml, toml_text
from hob.config.file import parse_config, read_config, read_text
from hob.config.load import check_file, native_value, section_table, unknown_setting
from hob.config.values import SECTIONS, settings
from hob.errors import ConfigError
from hob.paths import Paths

# Two editors at once wait for each other this long; an edit takes milliseconds.
_LOCK_TIMEOUT_S = 10.0

Document = dict[str, Any]


def set_value(paths: Paths, key: str, text: str) -> None:
    """Write `key = text` into config.toml; see set_values."""
    set_values(paths, {key: text})


def set_values(paths: Paths, texts: Mapping[str, str]) -> None:
    """Write each `key = text` into config.toml, all in one edit, making the documented file when
    there is none.

    Raises ConfigError, and leaves the file as it was, when a key or value is wrong or the file is
    unsafe, not TOML, or cannot be written.
    """
    natives = {key: native_value(key, text) for key, text in texts.items()}

    def change(before: str) -> str:
        text = before or default_toml()
        for key, native in natives.items():
            text = _with_value(paths.config_file, text, key, native)
        return text

    _rewrite(paths, change)


def unset_value(paths: Paths, key: str) -> bool:
    """Remove `key` from config.toml; False when it was not there.

    A key that is no setting can be removed too, which is how a file with mistakes is mended.
    Raises ConfigError as set_value does.
    """
    data = read_config(paths.config_file).data
    parent, _, name = key.rpartition(".")
    table = data.get(parent) if parent else data
    if key in SECTIONS or not isinstance(table, dict) or name not in table:
        if key not in settings():
            raise unknown_setting(key)
        return False

    def change(before: str) -> str:
        wanted = parse_config(paths.config_file, before).data
        _remove(wanted, parent, name)
        return _edited(before, lambda document: _remove(document, parent, name), wanted)

    _rewrite(paths, change)
    return True


def replace_text(paths: Paths, before: str, after: str) -> None:
    """Make `after` the file's text, once it is right and if the file still says `before`.

    Raises ConfigError as set_value does.
    """
    check_file(parse_config(paths.config_file, after))

    def change(now: str) -> str:
        if now != before:
            raise ConfigError(
                f"{paths.config_file} was changed by another program meanwhile.",
                hint="Make your change again on top of it.",
                file=str(paths.config_file),
            )
        return after

    _rewrite(paths, change)


def _rewrite(paths: Paths, change: Callable[[str], str]) -> None:
    """Replace the file by `change` of its text, under a lock that keeps a second editor out."""
    from filelock import FileLock, Timeout

    path = paths.config_file
    try:
        paths.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(paths.state_dir / "config.lock", timeout=_LOCK_TIMEOUT_S, mode=0o600):
            before = read_text(path)
            after = change(before)
            if after != before:
                # A link to a file kept elsewhere stays a link.
                _replace(path.resolve(), after.encode())
    except Timeout as error:
        raise ConfigError(
            f"Another program is changing {path} and does not finish.", hint="Try again."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be written: {error.strerror or error}.",
            hint="It is unchanged. Make its folder writable and see that the disk has room.",
            file=str(path),
        ) from error


def _replace(path: Path, content: bytes) -> None:
    """`content` is at `path` after this, on the disk and mode 0600, or the old file is."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The lock makes the name ours; what a killed process may have left is overwritten.
    partial = path.with_name(f".{path.name}.part")
    try:
        with open(partial, "wb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _with_value(path: Path, before: str, key: str, native: object) -> str:
    """The text `before` with `key` set; `path` is what errors call it."""
    section, _, name = key.partition(".")
    file = parse_config(path, before)
    wanted = {**file.data, section: {**section_table(file, section), name: native}}
    beside = _beside_its_comment(before, section, name, toml_text(native))
    if beside and _says(beside, wanted):
        return beside
    return _edited(before, lambda document: _assign(document, section, name, native), wanted)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _beside_its_comment(text: str, section: str, name: str, value: str) -> str | None:
    """`text` with the setting right below its line in the documentation, where that line is."""
    lines = text.splitlines(keepends=True)
    header = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]")
    commented = re.compile(rf"#\s*{re.escape(name)}\s*=")
    inside = False
    for index, line in enumerate(lines):
        if line.lstrip().startswith("["):
            inside = header.match(line) is not None
        elif inside and commented.match(line) and line.endswith("\n"):
            ending = "\r\n" if line.endswith("\r\n") else "\n"
            return "".join([*lines[: index + 1], f"{name} = {value}{ending}", *lines[index + 1 :]])
    return None


def _edited(text: str, edit: Callable[[Document], None], wanted: Document) -> str:
    """`text` after `edit`, which must make it say `wanted` and change nothing else."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        edit(document)
        edited = tomlkit.dumps(document)
        if _says(edited, wanted):
            return edited
    except (TOMLKitError, RecursionError) as error:
        # tomllib has read it, so it is TOML, only of a kind that tomlkit cannot handle.
        raise _not_editable() from error
    raise _not_editable()


def _not_editable() -> ConfigError:
    return ConfigError(
        "The settings file is written in a way that cannot be changed automatically.",
        hint="Change it in an editor: hob config edit",
    )


def _says(text: str, wanted: Document) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _assign(document: Document, section: str, name: str, native: object) -> None:
    import tomlkit

    document.setdefault(section, tomlkit.table())[name] = native


def _remove(document: Document, parent: str, name: str) -> None:
    del (document[parent] if parent else document)[name]
