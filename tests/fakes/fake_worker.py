"""A worker without a model: a real program that speaks the true protocol and misbehaves on cue.

Start it with `argv()`, or `argv("never-hello")` for a cue that must work before a file is known.
The environment variable HOB_FAKE_WORKER holds cues as well, for tests that cannot pass argv.
It ends when its stdin does and, on Linux, when its parent dies.

Cues at the start (argv or HOB_FAKE_WORKER only), separated by commas:
    never-hello     says nothing at all
    wrong-version   Hello with a protocol version of the far future
    exit-at-start   exits with code 3 before Hello
    nonsense-hello  sends a frame that is no message

Cues at the load: words in the file's name (`hang-load.gguf`), in HOB_FAKE_WORKER, in argv, or in
a file beside it named PATH + ".cue", which is read at each load, so that a test can change it:
    fail-load       LoadFailed(model_load_failed)
    oom-load        LoadFailed(out_of_memory)
    exit-load       exits with code 4 while loading
    crash-load      kills itself with SIGKILL while loading
    hang-load       one LoadProgress, then silence
    gate-load       waits until the FIFO PATH + ".gate" gives a byte
    ignores-stop    ignores Stop and SIGTERM once loaded
    noisy           prints 5,000 lines and one endless line to stderr

Cues of a request: how its prompt (or the last message's content) begins:
    (anything)      "echo: " and the prompt, word by word
    echo TEXT       TEXT, word by word
    count N         the numbers 1 to N
    crash at K      "echo" with 8 words, and SIGKILL to itself after K of them; 0: after Started,
                    8: after the last word, before Finished
    exit at K       the same with exit code 3
    freeze at K     the same with SIGSTOP
    stall at K      the same, but only falls silent, for all its requests
    unheard         SIGKILL to itself before Started
    babble          sends bytes that are no message
    out of turn     sends a second Hello
    flood           a Delta of 1 MiB, without end
    fail CODE       Failed with that error code (default context_length_exceeded), no Started
    gate PATH N     the numbers 1 to N, one for each byte that comes out of the FIFO at PATH
    queued N ...    tells the places N to 1 first, then acts on the rest

Cues of a call: how the first text in it begins (of a prefill or a rendering, its prompt):
    (anything)      its result: a word is a token, and the token is the length of the word
    unheard, babble, fail CODE, queued N ...    as above
    crash at 0      SIGKILL to itself, a prefill after Started; exit, freeze and stall alike
    gate PATH N     the result after N bytes from the FIFO
    wrong result    Finished, as if it were a request

`max_tokens` (reason "length") and `stop` are honoured. A word is a token; each answer claims
10 ms for every token after the first, so that the decode rate is 100 tokens per second.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from hob.errors import Cancelled, HobError, ModelLoadFailed, OutOfMemory, error_classes
from hob.wire.base import ErrorInfo
from hob.wire.calls import (
    Call,
    CallResult,
    Detokenize,
    Embed,
    Embedded,
    PlainText,
    Prefill,
    Prefilled,
    Ranked,
    Render,
    Rendered,
    Rerank,
    Tokenize,
    Tokens,
)
from hob.wire.engine import (
    PROTOCOL_VERSION,
    Ask,
    BuildInfo,
    Cancel,
    Failed,
    FromWorker,
    Generate,
    Hello,
    Load,
    Loaded,
    LoadedInfo,
    LoadFailed,
    LoadProgress,
    Placement,
    Returned,
    Stop,
    ToWorker,
    to_worker_decoder,
)
from hob.wire.frames import FrameReader, encode_frame
from hob.wire.generate import (
    Delta,
    Finished,
    FinishReason,
    GenerateRequest,
    Queued,
    Started,
    Timings,
    Usage,
)

BUILD = BuildInfo(llama_cpp_python="0.0.0-fake", system_info="FAKE = 1", gpu_offload=False)
SECONDS_PER_TOKEN = 0.01

# What an answer gives up its turn with: it may go on, or waits for a byte at its gate.
Turn = Literal["token", "held"]


def argv(*cues: str) -> tuple[str, ...]:
    """How to start it, for whatever takes a worker's argv."""
    return (sys.executable, "-P", str(Path(__file__).resolve()), *cues)


class Worker:
    def __init__(self, cues: set[str]) -> None:
        self.cues = cues
        self.reader = FrameReader()
        self.selector = selectors.DefaultSelector()
        self.selector.register(0, selectors.EVENT_READ)
        self.live: dict[str, Iterator[Turn]] = {}
        self.calls: set[str] = set()
        self.gates: dict[str, int] = {}
        self.held: set[str] = set()
        self.stopping = False

    # ---- the pipe ----

    def send(self, message: FromWorker) -> None:
        self.send_bytes(encode_frame(message))

    def send_bytes(self, data: bytes) -> None:
        while data:
            data = data[os.write(1, data) :]

    def receive(self) -> list[ToWorker]:
        """Waits for at least some bytes."""
        data = os.read(0, 65536)
        if not data:
            os._exit(0)
        return [to_worker_decoder.decode(body) for body in self.reader.feed(data)]

    def be_silent(self) -> None:
        """For ever, that is until the pipe closes."""
        while os.read(0, 65536):
            pass
        os._exit(0)

    # ---- its life ----

    def run(self) -> None:
        self.greet()
        while True:
            for message in self.receive():
                self.take(message)
            while self.live or self.stopping:
                if self.stopping and not self.live:
                    os._exit(0)
                self.step()

    def greet(self) -> None:
        if "exit-at-start" in self.cues:
            os._exit(3)
        if "never-hello" in self.cues:
            self.be_silent()
        if "nonsense-hello" in self.cues:
            self.send_bytes(b"\x00\x00\x00\x03abc")
        version = 10**6 if "wrong-version" in self.cues else PROTOCOL_VERSION
        self.send(Hello(protocol=version, pid=os.getpid(), build=BUILD))

    def take(self, message: ToWorker) -> None:
        match message:
            case Load():
                self.load(message)
            case Generate(request):
                self.live[request.id] = self.answer(request)
            case Ask(call):
                self.calls.add(call.id)
                self.live[call.id] = self.reply(call)
            case Cancel(request_id):
                if self.live.pop(request_id, None) is not None:
                    self.close_gate(request_id)
                    self.cancelled(request_id)
            case Stop():
                self.stopping = "ignores-stop" not in self.cues

    def load(self, load: Load) -> None:
        beside = Path(load.path + ".cue")
        cues = self.cues | set(Path(load.path).stem.split("."))
        if beside.exists():
            cues |= set(beside.read_text().split())
        self.cues = cues
        self.send(LoadProgress(fraction=0.5))
        if "noisy" in cues:
            sys.stderr.write("line\n" * 5_000 + "x" * 100_000 + "\n\x1b[31mred\n")
            sys.stderr.flush()
        if "ignores-stop" in cues:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if "exit-load" in cues:
            os._exit(4)
        if "crash-load" in cues:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang-load" in cues:
            self.be_silent()
        if "gate-load" in cues:
            gate = _open_gate(load.path + ".gate")
            os.read(gate, 1)
            os.close(gate)
        if "fail-load" in cues:
            self.refuse(ModelLoadFailed("The fake model cannot be loaded.", hint="None."))
        elif "oom-load" in cues:
            self.refuse(OutOfMemory("Too large.", need_bytes=2**40, free_bytes=2**30))
        else:
            self.send(Loaded(info=loaded_info(load)))

    def refuse(self, error: HobError) -> None:
        self.send(LoadFailed(error=ErrorInfo.of(error)))

    def step(self) -> None:
        """Read what has come, then one token for each live request that is not held at a gate.

        Sleeps only while all of them are held.
        """
        all_held = bool(self.live) and self.held >= self.live.keys()
        ready = {key.fd for key, _ in self.selector.select(None if all_held else 0)}
        if 0 in ready:
            for message in self.receive():
                self.take(message)
        for request_id in list(self.live):
            if request_id not in self.held or self.gates[request_id] in ready:
                self.advance(request_id)

    def advance(self, request_id: str) -> None:
        self.held.discard(request_id)
        if request_id not in self.live:
            return
        match next(self.live[request_id], "end"):
            case "held":
                self.held.add(request_id)
            case "end":
                del self.live[request_id]
                self.close_gate(request_id)

    # ---- answering ----

    def answer(self, request: GenerateRequest) -> Iterator[Turn]:
        prompt, prompt_tokens = _prompt(request)
        prompt = self.queue(request.id, prompt)
        cue, _, rest = prompt.partition(" ")
        if self.ends_unheard(request.id, cue, rest):
            return
        self.send(Started(id=request.id, prompt_tokens=prompt_tokens))
        yield "token"
        self.misbehave_at_once(request.id, cue, prompt)
        words, limit = _words(cue, rest, prompt), request.max_tokens
        doom = _doom(prompt)
        text, said = "", 0
        reason: FinishReason = "stop"
        stop = ""
        for number, word in enumerate(words):
            if doom == number:
                self.meet_doom(cue)
            if limit is not None and said == limit:
                reason = "length"
                break
            if cue == "gate":
                yield from self.wait_at_gate(request.id, rest.split()[0])
            piece = word if number == 0 else f" {word}"
            stop = next((text for text in request.stop if text in piece), "")
            if stop:
                piece = piece[: piece.index(stop)]
            text += piece
            said += 1
            if piece:
                self.send(Delta(id=request.id, text=piece))
            if stop:
                break
            yield "token"
        if doom == len(words):
            self.meet_doom(cue)
        self.finish(request.id, reason, prompt_tokens, said, stop)

    def reply(self, call: Call) -> Iterator[Turn]:
        text = self.queue(call.id, call_text(call))
        cue, _, rest = text.partition(" ")
        if self.ends_unheard(call.id, cue, rest):
            return
        if isinstance(call, Prefill):
            self.send(Started(id=call.id, prompt_tokens=len(text.split())))
        yield "token"
        self.misbehave_at_once(call.id, cue, text)
        if _doom(text) == 0:
            self.meet_doom(cue)
        if cue == "gate":
            path, _, count = rest.rpartition(" ")
            for _ in range(int(count)):
                yield from self.wait_at_gate(call.id, path)
        if text == "wrong result":
            self.finish(call.id, "stop", 1, 1)
        else:
            self.send(Returned(id=call.id, result=call_result(call)))

    def queue(self, request_id: str, prompt: str) -> str:
        """Tell the places that the cue says; the prompt without it."""
        cue, _, rest = prompt.partition(" ")
        if cue != "queued":
            return prompt
        places, _, rest = rest.partition(" ")
        for place in range(int(places), 0, -1):
            self.send(Queued(id=request_id, place=place))
        return rest

    def ends_unheard(self, request_id: str, cue: str, rest: str) -> bool:
        if cue == "unheard":
            os.kill(os.getpid(), signal.SIGKILL)
        if cue == "fail":
            cls = error_classes()[rest or "context_length_exceeded"]
            self.send(Failed(id=request_id, error=ErrorInfo.of(cls("Failed on cue."))))
        return cue == "fail"

    def cancelled(self, request_id: str) -> None:
        if request_id in self.calls:
            error = ErrorInfo.of(Cancelled("The call was taken back."))
            self.send(Failed(id=request_id, error=error))
        else:
            self.finish(request_id, "cancelled", 0, 0)

    def wait_at_gate(self, request_id: str, path: str) -> Iterator[Turn]:
        if request_id not in self.gates:
            gate = _open_gate(path)
            self.gates[request_id] = gate
            self.selector.register(gate, selectors.EVENT_READ)
        yield "held"
        os.read(self.gates[request_id], 1)

    def close_gate(self, request_id: str) -> None:
        self.held.discard(request_id)
        gate = self.gates.pop(request_id, None)
        if gate is not None:
            self.selector.unregister(gate)
            os.close(gate)

    def finish(
        self, request_id: str, reason: FinishReason, prompt: int, said: int, stop: str = ""
    ) -> None:
        usage = Usage(prompt_tokens=prompt, completion_tokens=said)
        timings = Timings(decode_s=max(said - 1, 0) * SECONDS_PER_TOKEN)
        self.send(Finished(id=request_id, reason=reason, usage=usage, timings=timings, stop=stop))

    # ---- misbehaving ----

    def misbehave_at_once(self, request_id: str, cue: str, prompt: str) -> None:
        if cue == "babble":
            self.send_bytes(b"\x00\x00\x00\x10" + b"\xc1" * 16)
            self.be_silent()
        if prompt == "out of turn":
            self.send(Hello(protocol=PROTOCOL_VERSION, pid=os.getpid(), build=BUILD))
        while cue == "flood":
            self.send(Delta(id=request_id, text="x" * 2**20))

    def meet_doom(self, cue: str) -> None:
        match cue:
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(3)
            case "freeze":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "stall":
                self.be_silent()


def _open_gate(path: str) -> int:
    """For reading and writing, since to open a FIFO only for reading waits for a writer."""
    return os.open(path, os.O_RDWR)


def _prompt(request: GenerateRequest) -> tuple[str, int]:
    """The text that decides, and the number of prompt tokens."""
    if isinstance(request.prompt, str):
        return request.prompt, len(request.prompt.split())
    if request.prompt is not None:
        return " ".join(map(str, request.prompt)), len(request.prompt)
    tokens = sum(len(message.content.split()) for message in request.messages)
    asked = [message.content for message in request.messages if message.role == "user"]
    return (asked or [request.messages[-1].content])[-1], tokens


def call_text(call: Call) -> str:
    """The first text in a call."""
    match call:
        case Prefill(request=request) | Render(request=request):
            return _prompt(request)[0]
        case Embed(inputs=inputs):
            return str(inputs[0])
        case Rerank(query=query):
            return query
        case Tokenize(text=text):
            return text
        case Detokenize(tokens=tokens):
            return " ".join(map(str, tokens))


def call_result(call: Call) -> CallResult:
    """What the fake model makes of a call."""
    words = call_text(call).split()
    tokens = tuple(map(len, words))
    match call:
        case Prefill():
            return Prefilled(prompt_tokens=len(words), cached_tokens=0)
        case Embed(inputs=inputs):
            return Embedded(vectors=(bytes(8),) * len(inputs), tokens=(1,) * len(inputs))
        case Rerank(documents=documents):
            return Ranked(scores=(0.5,) * len(documents), tokens=(1,) * len(documents))
        case Tokenize():
            return Tokens(tokens=tokens, pieces=tuple(word.encode() for word in words))
        case Detokenize():
            return PlainText(text=" ".join(words))
        case Render():
            return Rendered(text=" ".join(words), tokens=tokens)


def _doom(prompt: str) -> int | None:
    parts = prompt.split()
    if len(parts) == 3 and parts[0] in ("crash", "exit", "freeze", "stall") and parts[1] == "at":
        return int(parts[2])
    return None


def _words(cue: str, rest: str, prompt: str) -> list[str]:
    if _doom(prompt) is not None:
        return ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    if cue == "echo":
        return rest.split()
    if cue in ("count", "gate"):
        return [str(number + 1) for number in range(int(rest.rsplit(maxsplit=1)[-1]))]
    return ["echo:", *prompt.split()]


def loaded_info(load: Load) -> LoadedInfo:
    return LoadedInfo(
        context_length=load.options.context_length or 8192,
        train_context_length=8192,
        slots=load.options.slots,
        threads=load.options.threads or 2,
        model_bytes=1_000_000,
        kv_bytes=1_000,
        placement=Placement(device="CPU", layers=30, layers_on_gpu=0),
        template="model",
        load_s=0.01,
        warm_up_s=0.001,
    )


def _die_with_parent() -> None:
    """The pipe's end is not enough for a process that is stopped or asleep."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def main() -> None:
    _die_with_parent()
    cues = set(sys.argv[1:]) | set(os.environ.get("HOB_FAKE_WORKER", "").split(","))
    Worker(cues).run()


if __name__ == "__main__":
    main()
