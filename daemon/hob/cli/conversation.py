"""What is said in `hob chat`, and the commands that change it. No terminal here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hob.errors import InvalidRequest
from hob.wire.generate import ChatMessage

HELP = """\
/model [NAME]   ask this model from now on; without a name: which one it is
/system [TEXT]  what the model is to keep to; without a text: what it is now
/tools [NAMES]  let it call these tools of plugins, or all, or none; without names: which
/clear          begin anew
/save FILE      write the conversation to a file
/help           this
/quit           leave; Ctrl-D does too
Alt+Enter, or \\ at the end of a line, begins a new line. Ctrl-C stops an answer."""


@dataclass
class Conversation:
    """The messages so far; the system's message stands apart, since it can change."""

    model: str = ""
    system: str = ""
    tools: tuple[str, ...] | Literal["all"] = ()
    messages: list[ChatMessage] = field(default_factory=list)

    def said(self) -> list[ChatMessage]:
        """Everything so far, with which every question begins."""
        first = [ChatMessage(role="system", content=self.system)] if self.system else []
        return [*first, *self.messages]

    def asking(self, question: str) -> list[ChatMessage]:
        """What to send: everything so far and the question."""
        return [*self.said(), ChatMessage(role="user", content=question)]

    def answered(self, question: str, answer: str) -> None:
        """Keep a question with what was answered, all of it or the part before an interruption."""
        self.messages.append(ChatMessage(role="user", content=question))
        self.messages.append(ChatMessage(role="assistant", content=answer))

    def as_markdown(self) -> str:
        parts = [f"> {self.system}"] if self.system else []
        parts += [
            f"## {message.role.capitalize()}\n\n{message.content}" for message in self.messages
        ]
        return "\n\n".join(parts) + "\n"


def is_command(line: str) -> bool:
    """A slash and a letter; a path such as `/etc/hosts is ...` has a second slash."""
    word = line.split(maxsplit=1)[0] if line.strip() else ""
    return word.startswith("/") and word[1:].isalpha()


def obey(conversation: Conversation, line: str, full_name: Callable[[str], str]) -> str | None:
    """Do what a `/command` says and return what to tell; None to leave.

    `full_name` gives the name of the model that a part of a name means. Raises what it raises,
    and InvalidRequest for a command that is none, or cannot be done.
    """
    word, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    match word:
        case "/quit" | "/exit":
            return None
        case "/help":
            return HELP
        case "/clear":
            conversation.messages.clear()
            return "The conversation begins anew."
        case "/model":
            if rest:
                conversation.model = full_name(rest)
            return f"Asking {conversation.model or 'the model that is kept warm'}."
        case "/system":
            if rest:
                conversation.system = rest
            return f"System: {conversation.system or '(nothing)'}"
        case "/tools":
            if rest:
                conversation.tools = _tools(rest)
            return _describe_tools(conversation)
        case "/save":
            return _save(conversation, rest)
    raise InvalidRequest(f"There is no command {word}.", hint="/help lists them.")


def _tools(words: str) -> tuple[str, ...] | Literal["all"]:
    if words == "all":
        return "all"
    return () if words == "none" else tuple(dict.fromkeys(words.replace(",", " ").split()))


def _describe_tools(conversation: Conversation) -> str:
    match conversation.tools:
        case "all":
            return "The model may call all tools of plugins."
        case ():
            return "The model may call no tools; `/tools all` lets it call those of plugins."
        case names:
            return f"The model may call {', '.join(names)}."


def _save(conversation: Conversation, name: str) -> str:
    if not name:
        raise InvalidRequest("/save needs the name of a file.", hint="For example: /save talk.md")
    path = Path(name).expanduser()
    try:
        path.write_text(conversation.as_markdown(), encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be written ({error.strerror}).", hint="Choose another file."
        ) from error
    return f"Saved {len(conversation.messages)} messages to {path}."
