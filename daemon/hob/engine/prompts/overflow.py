"""What may be left out of a conversation that does not fit, and how much of it has to be.

Pure: how long a conversation is as a prompt is asked of the caller, as rarely as possible.

`drop_oldest` leaves out whole messages from the beginning, so that what stays begins with a user
message. System messages and the last user message stay; behind that one the oldest tool calls may
go, together with their results, and the last of them stays.

`middle_out` takes text out of the middle of the conversation, where models attend least: a span of
its texts laid end to end. A message that the span cuts keeps its ends around a "[...]"; turns that
lie in the span go as a whole. System messages stay, and the last user message stays whole unless
nothing else is enough.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from hob.wire.chat import ChatMessage

GAP = "[...]"
# Of all text in a conversation, so much stays: an answer to "[...]" is of no use.
LEAST_CHARS = 64
# What a template writes around a message.
_FRAME_CHARS = 16
_PROBES = 8
# `middle_out` stops looking when so little of the room is left unused.
_WASTE = 1 / 32

Messages = tuple[ChatMessage, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages with the places where their beginning can be cut off."""

    messages: Messages

    @property
    def last_user(self) -> int:
        """-1 when no user speaks."""
        users = [n for n, message in enumerate(self.messages) if message.role == "user"]
        return users[-1] if users else -1

    def cuts(self) -> list[int]:
        """Each place is the first message that stays; the later, the less stays."""
        first = next((n for n, m in enumerate(self.messages) if m.role != "system"), 0)
        last = self.last_user
        if last < 0:
            return []
        users = [n for n in range(first + 1, last + 1) if self.messages[n].role == "user"]
        answers = [n for n in range(last + 1, len(self.messages)) if self._answers(n)]
        return users + answers[1:]

    def _answers(self, place: int) -> bool:
        return self.messages[place].role == "assistant"

    def after(self, cut: int) -> Messages:
        """What stays: a tool's result goes with its call."""
        last, callers = self.last_user, self._callers()
        return tuple(
            message
            for n, message in enumerate(self.messages)
            if message.role == "system" or n == last or (n >= cut and callers.get(n, n) >= cut)
        )

    def _callers(self) -> dict[int, int]:
        """For each tool's result the message that has called the tool, where there is one."""
        callers: dict[int, int] = {}
        calls: dict[str, int] = {}
        latest = -1
        for n, message in enumerate(self.messages):
            if message.tool_calls:
                latest = n
                calls.update((call.id, n) for call in message.tool_calls if call.id)
            elif message.role == "tool":
                caller = calls.get(message.tool_call_id, -1) if message.tool_call_id else latest
                if caller >= 0:
                    callers[n] = caller
        return callers

    def shares(self, cuts: Sequence[int]) -> list[float]:
        """About how much of the text stays after each cut, 0 to 1."""
        sizes = [_size(message) for message in self.messages]
        last = self.last_user
        always = sum(
            size for n, size in enumerate(sizes) if n == last or self.messages[n].role == "system"
        )
        behind = [0] * (len(sizes) + 1)
        for n in reversed(range(len(sizes))):
            kept = n == last or self.messages[n].role == "system"
            behind[n] = behind[n + 1] + (0 if kept else sizes[n])
        return [(always + behind[cut]) / sum(sizes) for cut in cuts]


def _size(message: ChatMessage) -> int:
    """About how many characters a message adds to the prompt."""
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return len(message.content) + calls + _FRAME_CHARS


def first_that_fits(count: int, guess: int, fits: Callable[[int], bool]) -> int | None:
    """The first of `count` choices that fits, where all after it fit as well; None when not even
    the last one does. Few choices are tried when `guess` is near."""
    low, high, step = -1, count, 1
    place = min(max(guess, 0), count - 1)
    while high - low > 1:
        if fits(place):
            high = place
            place = max(place - step, low + 1) if low < 0 else (low + high) // 2
        else:
            low = place
            place = min(place + step, high - 1) if high == count else (low + high) // 2
        step *= 2
    return high if high < count else None


def guess_cut(shares: Sequence[float], tokens: int, target: int) -> int:
    """Which of the cuts is likely the first to fit, from the length of the whole."""
    return bisect_left([-share for share in shares], -target / max(tokens, 1))


def without_middle(messages: Messages, remove: int, *, spare_question: bool) -> Messages:
    """The conversation without `remove` characters in the middle of its text."""
    spared = {Conversation(messages).last_user} if spare_question else set()
    weights = [_weight(n, message, spared) for n, message in enumerate(messages)]
    start = (sum(weights) - remove) // 2
    covered: set[int] = set()
    changed = list(messages)
    for n, (message, weight) in enumerate(zip(messages, weights, strict=True)):
        begin, end = max(start, 0), min(start + remove, weight)
        start -= weight
        if weight and begin < end:
            if begin == 0 and end == weight:
                covered.add(n)
            changed[n] = _hollow(message, begin, end)
    gone = _whole_turns(messages, covered)
    return tuple(message for n, message in enumerate(changed) if n not in gone)


def _weight(place: int, message: ChatMessage, spared: set[int]) -> int:
    """Characters that may be taken out of a message; at least one where it may go."""
    if message.role == "system" or place in spared:
        return 0
    return max(1, len(message.content))


def _hollow(message: ChatMessage, begin: int, end: int) -> ChatMessage:
    """The message without that part. Pictures and sounds stand at places in the text, and a gap
    that is not shorter than what it stands for helps nobody."""
    if message.media or end - begin <= len(GAP):
        return message
    content = message.content[:begin] + GAP + message.content[end:]
    return replace(message, content=content, reasoning="" if content == GAP else message.reasoning)


def _whole_turns(messages: Messages, covered: set[int]) -> set[int]:
    """Which of the covered messages can go without leaving others incomplete: turns from a user
    message to the next, and in the last turn calls with their results, except the last ones."""
    last = Conversation(messages).last_user
    gone: set[int] = set()
    unit: list[int] = []
    units: list[list[int]] = []
    for n, message in enumerate(messages):
        if message.role == "system":
            continue
        starts = message.role == "user" or (n > last >= 0 and message.role == "assistant")
        if starts and unit:
            units.append(unit)
            unit = []
        unit.append(n)
    # The last unit, which is not in `units`, stays.
    for unit in units:
        if last not in unit and covered.issuperset(unit):
            gone.update(unit)
    return gone


def removable(messages: Messages, *, spare_question: bool) -> int:
    """The most characters that `without_middle` may be asked to take out."""
    spared = {Conversation(messages).last_user} if spare_question else set()
    total = sum(_weight(n, message, spared) for n, message in enumerate(messages))
    return total if spare_question else max(0, total - LEAST_CHARS)


def least_removal(most: int, excess: float, target: int, length: Callable[[int], int]) -> int:
    """About how many of `most` characters have to go so that `length(n)` is at most `target`;
    `most` when none of the numbers tried is enough. `excess` is the share to try first."""
    low, high = 0, most
    place = min(most, int(most * excess) + 1)
    for probe in range(_PROBES):
        tokens = length(place)
        if tokens <= target:
            high = place
            if tokens >= target * (1 - _WASTE):
                break
        else:
            low = place
        if high - low <= 1:
            break
        # Text is about equally dense everywhere; where it is not, halving ends the search.
        step = (tokens - target) * most / max(1, tokens) * 1.02
        place = int(place + step) if probe < 3 else (low + high) // 2
        if not low < place < high:
            place = (low + high) // 2
    return high
