"""Every profile of some folders."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from hob.errors import ProfileInvalid
from hob.models.gguf.checks import clean
from hob.models.profiles.files import find_profile_files, kind_of
from hob.models.profiles.naming import bad_profile, plain_name
from hob.models.profiles.ollama import read_modelfile
from hob.models.profiles.toml import read_toml
from hob.wire.profiles import Profile

log = logging.getLogger(__name__)

MAX_PROFILES = 4_000


def read_profiles(folders: Sequence[Path]) -> Sequence[Profile]:
    """The profiles under `folders` as they are written; one that cannot be used has a `problem`.

    Reads files, so it belongs on a thread. A folder that is not there holds none.
    """
    roots = {str(folder) for folder in folders}
    found: list[Profile] = []
    for path in find_profile_files(folders):
        if (printable := path.encode("utf-8", "replace").decode()) != path:
            found.append(_unprintable(printable))
        elif kind_of(Path(path).name) == "toml":
            found += read_toml(path)
        else:
            found.append(read_modelfile(path, in_root=str(Path(path).parent) in roots))
        if len(found) > MAX_PROFILES:
            log.warning("over %d profiles; the rest is not read", MAX_PROFILES)
            break
    return found[:MAX_PROFILES]


def _unprintable(path: str) -> Profile:
    """The path of a profile is told to programs, in JSON."""
    problem = ProfileInvalid(
        f"The name of the file {clean(path)} is not valid UTF-8.", hint="Give it another name."
    )
    return bad_profile(plain_name(Path(path).stem), path, problem)
