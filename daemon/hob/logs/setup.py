"""The daemon's log: JSON lines in rotating files, written by a thread of its own.

Whoever logs only puts a record into a queue: the event loop never waits for a disk, and a full
disk costs log entries, not answers. The text of prompts and answers goes into the fields `prompt`
and `completion` of `extra`, never into the message; these fields are dropped unless the user has
asked for them.
"""

from __future__ import annotations

import copy
import logging
import queue
import sys
from collections.abc import Callable
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path

from hob.logs.entry import entry_of, json_line, plain_line
from hob.logs.file import RotatingFile

PRIVATE_FIELDS = ("prompt", "completion")

# Beyond this many waiting entries the disk hangs, and memory matters more than the log.
_MOST_WAITING = 10_000

Records = queue.SimpleQueue[logging.LogRecord | None]


def setup_logging(
    log_file: Path,
    level: str,
    max_bytes: int,
    files: int,
    *,
    to_stderr: bool,
    prompts: bool = False,
) -> Callable[[], None]:
    """Send all logging to `log_file`, and as text to stderr when asked; returns what ends it.

    `level` holds for Hob; libraries are heard from `warning` on. Never raises: a log that cannot
    be written is reported on stderr once, and the daemon goes on.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    handlers: list[logging.Handler] = [_FileHandler(RotatingFile(log_file, max_bytes, files))]
    if to_stderr:
        handlers.append(_StderrHandler())
    records: Records = queue.SimpleQueue()
    door = _Door(records, prompts)
    listener = QueueListener(records, *handlers)
    root, ours = logging.getLogger(), logging.getLogger("hob")
    before = root.level, ours.level
    root.setLevel(max(threshold, logging.WARNING))
    ours.setLevel(threshold)
    root.addHandler(door)
    listener.start()

    def close() -> None:
        root.removeHandler(door)
        root.setLevel(before[0])
        ours.setLevel(before[1])
        listener.stop()
        for handler in handlers:
            handler.close()

    return close


class _Door(QueueHandler):
    """What callers go through: makes a record safe to hand over, and never blocks."""

    def __init__(self, records: Records, prompts: bool) -> None:
        super().__init__(records)
        self._records = records
        self._prompts = prompts
        self._lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """A copy with its message and traceback as text, without what must not be kept."""
        record = copy.copy(record)
        try:
            record.msg = record.getMessage()
        except Exception as error:
            # A wrong format string is the caller's slip; what was to be said still counts.
            record.msg = f"{record.msg} {record.args!r} ({error})"
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        if not self._prompts:
            for name in PRIVATE_FIELDS:
                record.__dict__.pop(name, None)
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._records.qsize() >= _MOST_WAITING:
            self._lost += 1
            return
        if self._lost:
            self._records.put(_lost_record(self._lost, "the disk was too slow"))
            self._lost = 0
        self._records.put(record)


class _FileHandler(logging.Handler):
    """Writes entries; counts those that could not be written and says so once it works again."""

    def __init__(self, file: RotatingFile) -> None:
        super().__init__()
        self._file = file
        self._lost = 0
        self._reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._lost:
                self._file.write(json_line(entry_of(_lost_record(self._lost, self._reason))))
                self._lost = 0
            self._file.write(json_line(entry_of(record)))
        except OSError as error:
            if not self._lost:
                _tell_stderr(f"hob: the log cannot be written: {error}")
            self._lost += 1
            self._reason = error.strerror or str(error)

    def close(self) -> None:
        self._file.close()
        super().close()


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _tell_stderr(plain_line(entry_of(record)))


def _tell_stderr(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        # Stderr is closed or its reader is gone; there is nowhere left to say so.
        return


def _lost_record(count: int, reason: str) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": __name__,
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": f"{count} log entries were lost: {reason}",
        }
    )
