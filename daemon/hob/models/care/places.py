"""Which files may be put away or renamed: those that lie in a models folder, and in nobody else's.

A link is a file of the folder that it lies in, wherever it leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hob.errors import InvalidRequest
from hob.models.folder.scan import Model
from hob.models.gguf.checks import clean


def own_files(model: Model) -> list[Path]:
    """The paths of the model's own files, as the folder has them. Raises InvalidRequest for a
    profile, which has none."""
    if model.info.base or not model.files:
        raise InvalidRequest(
            f"{model.info.name} is a profile of {model.info.base}, and no model file.",
            hint=f"Change or remove the file that it is written in: {clean(model.info.path)}.",
            param="model",
        )
    return [Path(file.path) for file in model.files]


def require_own(
    paths: Sequence[Path], folders: Sequence[Path], foreign: Sequence[tuple[str, Path]]
) -> None:
    """Refuse files outside of the models `folders`, and those in the `foreign` stores of other
    programs (their titles and real places). Raises InvalidRequest. Looks at the disk."""
    roots = [folder.resolve() for folder in folders]
    for path in paths:
        real = path.parent.resolve()
        shown = clean(str(real / path.name))
        for title, store in foreign:
            if real.is_relative_to(store):
                raise InvalidRequest(
                    f"{shown} belongs to {title}, so Hob leaves it alone.",
                    hint=f"Remove or rename the model in {title}.",
                    param="model",
                )
        if not any(real.is_relative_to(root) for root in roots):
            raise InvalidRequest(
                f"The file is really {shown}, which is not in a models folder, so Hob leaves it"
                " alone.",
                hint="Remove or rename it there yourself, or take away the link that leads to it.",
                param="model",
            )
