"""Drives a true engine worker over its pipes, without a supervisor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from hob.wire.engine import (
    Cancel,
    Failed,
    FromWorker,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    LoadOptions,
    ToWorker,
    from_worker_decoder,
)
from hob.wire.frames import FrameReader, encode_frame
from hob.wire.generate import Delta, Finished, GenerateRequest

COMMAND = (sys.executable, "-P", "-m", "hob.engine")


@dataclass
class Answer:
    """All that came back for one request."""

    text: str = ""
    deltas: list[Delta] = field(default_factory=list)
    end: Finished | Failed | None = None

    @property
    def finished(self) -> Finished:
        assert isinstance(self.end, Finished), self.end
        return self.end

    @property
    def failed(self) -> Failed:
        assert isinstance(self.end, Failed), self.end
        return self.end


class EngineProcess:
    """A worker process; reading blocks, and a test's time limit bounds it."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, bufsize=0)
        assert self.process.stdin
        assert self.process.stdout
        self._stdin, self._stdout = self.process.stdin, self.process.stdout
        self._reader = FrameReader()
        self._inbox: list[FromWorker] = []

    def send(self, message: ToWorker) -> None:
        self._stdin.write(encode_frame(message))

    def send_request(self, request: GenerateRequest) -> None:
        self.send(Generate(request=request))

    def send_raw(self, data: bytes) -> None:
        self._stdin.write(data)

    def read(self) -> FromWorker:
        """The next message. Raises EOFError when the worker has ended."""
        while not self._inbox:
            data = os.read(self._stdout.fileno(), 2**16)
            if not data:
                raise EOFError
            self._inbox += map(from_worker_decoder.decode, self._reader.feed(data))
        return self._inbox.pop(0)

    def load(self, path: Path, options: LoadOptions | None = None) -> Loaded | LoadFailed:
        self.send(Load(path=str(path), options=options or LoadOptions()))
        while not isinstance(message := self.read(), (Loaded, LoadFailed)):
            pass
        return message

    def ask(self, *requests: GenerateRequest) -> dict[str, Answer]:
        for request in requests:
            self.send_request(request)
        return self.collect(request.id for request in requests)

    def answer(self, request: GenerateRequest) -> Answer:
        return self.ask(request)[request.id]

    def cancel(self, id: str) -> None:
        self.send(Cancel(id=id))

    def collect(self, ids: Iterable[str]) -> dict[str, Answer]:
        """Read until each of the requests has ended."""
        answers = {id: Answer() for id in ids}
        while any(answer.end is None for answer in answers.values()):
            message = self.read()
            if isinstance(message, Delta) and message.id in answers:
                answers[message.id].deltas.append(message)
                answers[message.id].text += message.text
            elif isinstance(message, (Finished, Failed)) and message.id in answers:
                answers[message.id].end = message
        return answers

    def order_of_ends(self, *ids: str) -> list[str]:
        """Read until all of the requests have ended; their ids in that order."""
        order: list[str] = []
        while len(order) < len(ids):
            message = self.read()
            if isinstance(message, (Finished, Failed)) and message.id in ids:
                order.append(message.id)
        return order

    def read_until(self, kind: type[FromWorker], id: str) -> None:
        """Read up to the first message of that kind about that request."""
        while not (isinstance(message := self.read(), kind) and getattr(message, "id", "") == id):
            pass

    def close(self) -> int:
        """Close the pipe, which ends the worker; its exit status."""
        self._stdin.close()
        status = self.process.wait(timeout=30)
        self._stdout.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
