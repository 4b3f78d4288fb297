"""What can be done in the window, each with its keys. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Name = Literal[
    "send",
    "newline",
    "stop",
    "retry",
    "copy",
    "insert",
    "new",
    "clipboard",
    "selection",
    "file",
    "model",
    "actions",
    "hide",
]


@dataclass(frozen=True)
class Command:
    """`keys` as Qt writes them; Ctrl is Command on macOS."""

    name: Name
    text: str
    keys: str
    help: str


COMMANDS = (
    Command("send", "Ask", "Return", "Send the question to the model."),
    Command("newline", "New line", "Shift+Return", "Begin a new line in the question."),
    Command("stop", "Stop", "Ctrl+.", "Stop the answer; what has come of it stays."),
    Command("retry", "Try again", "Ctrl+R", "Ask the last question again."),
    Command("copy", "Copy", "Ctrl+Shift+C", "Copy the last answer."),
    Command("insert", "Insert", "Ctrl+Return", "Put the last answer into the window before."),
    Command("new", "New conversation", "Ctrl+N", "Begin anew; the model forgets what was said."),
    Command("clipboard", "Attach clipboard", "Ctrl+Shift+V", "Ask about what was copied."),
    Command("selection", "Attach selection", "Ctrl+Shift+S", "Ask about what is marked elsewhere."),
    Command("file", "Attach file…", "Ctrl+O", "Ask about a text file or an image."),
    Command("model", "Change model…", "Ctrl+M", "Choose who answers in this conversation."),
    Command("actions", "Actions", "Ctrl+K", "Everything that can be done here."),
    Command("hide", "Hide", "Esc", "Hide the window; an answer goes on."),
)


@dataclass(frozen=True)
class Situation:
    """What decides which commands can be used."""

    running: bool = False
    answered: bool = False
    failed: bool = False
    written: bool = False
    asked: bool = False
    repeatable: bool = False
    pastes: bool = True


def usable(command: Name, now: Situation) -> bool:
    match command:
        case "send":
            return now.written and not now.running
        case "stop":
            return now.running
        case "retry":
            return now.repeatable and not now.running
        case "copy":
            return now.answered
        case "insert":
            return now.answered and now.pastes
        case "new":
            return now.asked
        case _:
            return True


def hinted(now: Situation) -> tuple[Name, ...]:
    """The few commands that are worth showing now, the last one always."""
    if now.running:
        return ("stop", "actions")
    if now.written:
        return ("newline", "send", "actions")
    if now.failed:
        return ("retry", "actions")
    if now.answered:
        first: tuple[Name, ...] = ("copy", "insert") if now.pastes else ("copy",)
        return (*first, "actions")
    return ("send", "actions")
