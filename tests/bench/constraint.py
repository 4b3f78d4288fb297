"""What constraints cost: `python -m bench.constraint MODEL.gguf` in tests/, no inference.

Prints how long the vocabulary takes, and for each constraint how long it takes to compile, and what
a token costs: the mask, accepting it and asking what is forced, in microseconds.
"""

from __future__ import annotations

import ctypes
import json
import random
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from hob.engine.grammar.constraints import Constraints
from hob.engine.native.model import Model
from hob.wire.constraint import Choices, Constraint, Gbnf, JsonObject, JsonSchema, Regex

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "email": {"type": "string", "format": "email"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
    },
    "required": ["name", "age", "email", "tags"],
    "additionalProperties": False,
}
JSON_GBNF = r"""
root ::= object
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" (string ": " value (", " string ": " value)*)? "}"
array ::= "[" (value (", " value)*)? "]"
string ::= "\"" ([^"\\\x00-\x1F] | "\\" ["\\nrt])* "\""
number ::= "-"? [0-9]+ ("." [0-9]+)?
"""
CONSTRAINTS: dict[str, Constraint] = {
    "any JSON object": JsonObject(),
    "schema of a person": JsonSchema(schema=PERSON),
    "schema of 200 fields": JsonSchema(
        schema={
            "type": "object",
            "properties": {f"field_{at}": {"type": "string"} for at in range(200)},
            "required": [f"field_{at}" for at in range(200)],
        }
    ),
    "regular expression": Regex(pattern=r"[A-Z][a-z]+(, [A-Z][a-z]+)*\."),
    "1,000 choices": Choices(choices=tuple(f"choice number {at}" for at in range(1_000))),
    "GBNF of JSON": Gbnf(grammar=JSON_GBNF),
}


def main() -> None:
    model = Model.load(
        Path(sys.argv[1]), gpu_layers=0, mmap=True, mlock=False, progress=lambda _part: None
    )
    with model:
        constraints = Constraints.of(model.vocab)
        began = time.perf_counter()
        constraints.matcher(Choices(choices=("x",)))
        report = {"vocabulary_ms": _ms(began), "tokens": model.vocab.size}
        sys.stdout.write(json.dumps(report) + "\n")
        for name, constraint in CONSTRAINTS.items():
            sys.stdout.write(
                json.dumps({"constraint": name} | _measure(constraints, constraint, model)) + "\n"
            )


def _measure(constraints: Constraints, constraint: Constraint, model: Model) -> dict[str, float]:
    began = time.perf_counter()
    constraints.matcher(constraint)
    compile_ms = _ms(began)
    began = time.perf_counter()
    matcher = constraints.matcher(constraint)
    again_ms = _ms(began)
    size, draw = model.vocab.size, random.Random(1)
    logits = np.zeros(size, dtype=np.float32)
    address = logits.ctypes.data_as(ctypes.c_void_p).value or 0
    masks, accepts, free = [], [], 0
    for _step in range(300):
        logits[:] = 0
        began = time.perf_counter()
        matcher.mask(address)
        masks.append(_ms(began) * 1e3)
        token = int(draw.choice(np.flatnonzero(logits == 0)))
        if model.vocab.is_end(token):
            break
        began = time.perf_counter()
        matcher.accept(token)
        forced = matcher.forced()
        for other in forced:
            matcher.accept(other)
        accepts.append(_ms(began) * 1e3)
        free += len(forced)
    return {
        "compile_ms": compile_ms,
        "again_ms": again_ms,
        "mask_us": round(statistics.median(masks), 1),
        "mask_us_max": round(max(masks), 1),
        "accept_us": round(statistics.median(accepts), 1),
        "drawn": len(masks),
        "forced": free,
    }


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1e3, 4)


if __name__ == "__main__":
    main()
