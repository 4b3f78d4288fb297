"""What the menu lists: which actions, in which order, and the answers to what one of them asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hob.desktop.palette.ranking import fold, score
from hob.wire.plugins import ActionInfo, ContentKind, Source

# What a recently used action gains over one that fits what is typed as well.
_RECENT = 0.05
_MOST_ROWS = 500


@dataclass(frozen=True)
class Row:
    """One line. `action` with what it is run on, or None for the line that starts Hob; `input` is
    the answer to what the action asks, None while that is not known."""

    title: str
    detail: str = ""
    keys: str = ""
    action: ActionInfo | None = None
    input: str | None = None

    @property
    def spoken(self) -> str:
        """For a screen reader."""
        return ", ".join(filter(None, (self.title, self.detail, self.keys)))


def action_rows(
    actions: Sequence[ActionInfo],
    kind: ContentKind | None,
    typed: str = "",
    recent: Sequence[str] = (),
    source: Source = "clipboard",
) -> list[Row]:
    """The actions that can be done, what suits the content first. `kind` is None when there is
    nothing to work on in `source`; `recent` are the names of those used last, the newest first."""
    found: list[tuple[float, int, int, int, ActionInfo]] = []
    for place, action in enumerate(actions):
        fitting = _fit(typed, action)
        if fitting is None or not _possible(action, kind, source):
            continue
        used = recent.index(action.name) if action.name in recent else len(recent)
        group = _group(action, kind, source)
        if typed.strip():
            bonus = _RECENT / (used + 1) if action.name in recent else 0.0
            found.append((-fitting - bonus, group, used, place, action))
        else:
            found.append((0.0, group, used, place, action))
    found.sort(key=lambda one: one[:4])
    return [_row(action) for *_, action in found[:_MOST_ROWS]]


def _row(action: ActionInfo) -> Row:
    # A question is asked here, so that its dots would promise what has come already.
    return Row(
        action.title, action.help, _spelled(action.hotkey), action, None if action.asks else ""
    )


def _spelled(hotkey: str) -> str:
    """As it stands on keys: Ctrl+Alt+C."""
    return "+".join(key.capitalize() for key in hotkey.split("+"))


def _fit(typed: str, action: ActionInfo) -> float | None:
    title = score(typed, action.title)
    name = score(typed, action.name.replace("-", " "))
    best = max((s for s in (title, name) if s is not None), default=None)
    if best is None and (in_help := score(typed, action.help)) and in_help >= 0.9:
        return in_help * 0.5
    return best


def works_on(action: ActionInfo, source: Source) -> bool:
    """Whether the action works on what the menu was opened for. On the selection all do that work
    on a text; one for the selection alone is not given the clipboard."""
    return action.takes != "nothing" and (action.takes == "clipboard" or source == "selection")


def _possible(action: ActionInfo, kind: ContentKind | None, source: Source) -> bool:
    if action.opens is not None and action.opens.window == "actions":
        return False
    if not works_on(action, source):
        return True
    if kind is None:
        return False
    # A text is a text, whatever it looks like; a picture is none.
    return not action.kinds or (("image" in action.kinds) == (kind == "image"))


def _group(action: ActionInfo, kind: ContentKind | None, source: Source) -> int:
    """What was made for such a content, for any, for another, and what needs none."""
    if not works_on(action, source):
        return 3
    if kind is not None and kind in action.kinds:
        return 0
    return 1 if not action.kinds else 2


def input_rows(action: ActionInfo, typed: str) -> list[Row]:
    """The answers to what the action asks: its choices as they fit, and what is typed."""
    typed = " ".join(typed.split())
    fitting = [(score(typed, choice), choice) for choice in action.choices]
    ranked = sorted(
        ((-fit, place, choice) for place, (fit, choice) in enumerate(fitting) if fit is not None)
    )
    rows = [Row(choice, action=action, input=choice) for *_, choice in ranked]
    if not typed:
        return rows or [Row(action.title, "without an answer", action=action, input="")]
    if fold(typed) in {fold(choice) for choice in action.choices}:
        return rows
    own = Row(f"“{typed}”", action=action, input=typed)
    # What begins a choice is most likely meant to be that choice.
    began = bool(ranked) and ranked[0][0] <= -0.9
    return [*rows[:1], own, *rows[1:]] if began else [own, *rows]


def shared_system(rows: Sequence[Row]) -> str:
    """The system prompt that most of the actions have, for reading ahead."""
    systems = Counter(
        row.action.system
        for row in rows
        if row.action is not None and row.action.takes != "nothing" and row.action.opens is None
    )
    return systems.most_common(1)[0][0] if systems else ""
