"""Which model of one scan is which model of the next: over renames, moves and new files. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hob.models.folder.files import ModelFile


def fingerprint(file: ModelFile) -> str:
    """The same for every copy of a whole file; empty for one that is not a model."""
    if file.stamp is None or file.missing or file.about.problem:
        return ""
    return file.about.fingerprint


def follow(before: Mapping[str, ModelFile], after: Mapping[str, ModelFile]) -> dict[str, str]:
    """Which name of `after` each name of `before` has become; those that are gone are left out.

    A model is known by its first file: at the same path; else the same file at another path, by
    its number on the disk; else a file of the same fingerprint at a path where there was no whole
    one. No two models become one.
    """
    at = {file.path: name for name, file in after.items()}
    pairs = {old: at[file.path] for old, file in before.items() if file.path in at}
    gone = {old: file for old, file in sorted(before.items()) if old not in pairs}
    if not gone:
        return pairs
    known = {file.path for file in before.values() if not file.missing}
    fresh = {name: file for name, file in sorted(after.items()) if file.path not in known}
    for mark in (_place, fingerprint):
        names: dict[object, list[str]] = {}
        for name, file in fresh.items():
            names.setdefault(mark(file), []).append(name)
        for old, file in list(gone.items()):
            if mark(file) and (same := names.get(mark(file))):
                new = same.pop(0)
                # A copy on its way that has become whole and is what the gone one was.
                pairs = {older: newer for older, newer in pairs.items() if newer != new}
                pairs[old] = new
                del gone[old], fresh[new]
    return pairs


def _place(file: ModelFile) -> object:
    # With size and time, since a disk gives the number of a deleted file to the next one.
    return file.stamp and file.stamp.content
