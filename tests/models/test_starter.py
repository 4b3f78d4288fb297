"""The header of the real starter model, against the format's own reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from hob.models.folder.files import look
from hob.models.gguf.header import read_header
from hob.models.gguf.types import ValueType

CACHE = Path(__file__).parents[2] / ".cache" / "models"

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def starter() -> Path:
    return next(iter(sorted(CACHE.glob("SmolLM2-135M-Instruct*.gguf"))))


def test_the_starter_is_described(starter: Path) -> None:
    about = look(str(starter)).about
    assert about.problem is None
    assert about.architecture == "llama"
    assert about.parameters == 134_515_008
    assert about.quantization == "Q4_1"
    assert (about.context_length, about.embedding_length, about.block_count) == (8192, 576, 30)
    assert about.vocabulary_size == 49_152
    assert about.capabilities == ("chat", "completion")
    assert about.license == "apache-2.0"


def test_every_value_equals_that_of_the_gguf_package(starter: Path) -> None:
    import gguf

    with starter.open("rb") as file:
        header = read_header(file.fileno(), starter.stat().st_size)
    reader = gguf.GGUFReader(str(starter))
    fields = {key: value for key, value in reader.fields.items() if not key.startswith("GGUF.")}
    assert set(header.metadata) == set(fields)
    for key, field in fields.items():
        entry = header.metadata[key]
        assert entry.kind == field.types[0]
        if entry.kind == ValueType.ARRAY:
            array = header.array(key)
            assert array is not None
            assert (array.kind, array.length) == (field.types[1], len(field.data))
        elif entry.kind == ValueType.STRING:
            assert field.contents().startswith(entry.value)
        else:
            assert entry.value == field.contents()
    assert header.tensor_count == len(reader.tensors)
    assert header.parameters == sum(int(tensor.n_elements) for tensor in reader.tensors)
    assert header.weight_bytes == sum(tensor.n_bytes for tensor in reader.tensors)
    last = max(reader.tensors, key=lambda tensor: tensor.data_offset)
    assert header.data_end == last.data_offset + last.n_bytes
