"""What a person may write as the source of a model."""

from __future__ import annotations

import pytest

from hob.errors import InvalidRequest
from hob.models.pull.source import HubSource, Starter, WebSource, parse_source, safe_parts

HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("starter", Starter()),
        (" Starter ", Starter()),
        ("hf:org/repo", HubSource("org/repo")),
        ("HF:org/repo:Q4_K_M", HubSource("org/repo", "Q4_K_M")),
        ("hf://org/repo", HubSource("org/repo")),
        ("hf:org/repo@v1:q8_0", HubSource("org/repo", "q8_0", "v1")),
        ("hf:org/repo:sub/a b.gguf", HubSource("org/repo", "sub/a b.gguf")),
        ("org/repo", HubSource("org/repo")),
        ("org/repo:IQ2_XS", HubSource("org/repo", "IQ2_XS")),
        ("https://huggingface.co/org/repo", HubSource("org/repo")),
        ("https://hf.co/org/repo/", HubSource("org/repo")),
        ("https://huggingface.co/org/repo/tree/main", HubSource("org/repo")),
        (
            "https://huggingface.co/org/repo/blob/main/a.Q4_0.gguf",
            HubSource("org/repo", "a.Q4_0.gguf"),
        ),
        (
            "https://huggingface.co/org/repo/resolve/v2/sub/a%20b.gguf?download=true",
            HubSource("org/repo", "sub/a b.gguf", "v2"),
        ),
        (
            "https://example.com/files/a.gguf?key=1#part",
            WebSource("https://example.com/files/a.gguf?key=1", "a.gguf"),
        ),
    ],
)
def test_a_source_is_understood(text: str, source: object) -> None:
    assert parse_source(text, HUB) == source


def test_the_address_of_a_mirror_is_the_hub() -> None:
    found = parse_source("http://mirror:8080/org/repo/resolve/main/a.gguf", "http://mirror:8080")
    assert found == HubSource("org/repo", "a.gguf")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "smollm",
        "../../etc/passwd",
        "hf:",
        "hf:org",
        "hf:org/..",
        "hf:../repo",
        "hf:org/repo/more",
        "hf:org/repo:../../x.gguf",
        "hf:org/repo@../x",
        "hf:org/re po",
        "hf:org/repo\x1b[31m",
        "hf:" + "a" * 5000,
        "models/a.gguf",
        "http://example.com/a.gguf",
        "ftp://example.com/a.gguf",
        "file:///etc/a.gguf",
        "https://user:secret@example.com/a.gguf",
        "https://example.com/",
        "https://example.com/a.zip",
        "https://example.com/%2e%2e%2fa.gguf",
        "https://example.com/.gguf",
        "https://example.com/a%00.gguf",
        "https://[::1/a.gguf",
        "https://huggingface.co/org/repo/settings/x",
        "https://huggingface.co/org",
    ],
)
def test_what_cannot_be_a_source_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_source(text, HUB)
    assert caught.value.param == "source"
    assert caught.value.hint
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_one_source_is_written_in_one_way() -> None:
    ways = ("org/repo:Q4_0", "hf:org/repo:Q4_0", "hf://org/repo:Q4_0")
    assert {parse_source(way, HUB).text for way in ways} == {"hf:org/repo:Q4_0"}


@pytest.mark.parametrize(
    "path",
    [
        "../a.gguf",
        "/a.gguf",
        "a//b.gguf",
        "a/../b.gguf",
        "a/./b.gguf",
        "a\\b.gguf",
        "C:a.gguf",
        "con.gguf",
        "a/NUL/b.gguf",
        "com1.gguf",
        ".hidden.gguf",
        "-rf.gguf",
        "a\x00.gguf",
        "a\n.gguf",
        "a\u202e.gguf",
        "a" * 300 + ".gguf",
        "a. /b.gguf",
        "$(reboot).gguf",
        "a;b.gguf",
        "~/a.gguf",
        "",
    ],
)
def test_a_path_that_could_trick_anyone_is_not_taken(path: str) -> None:
    assert safe_parts(path) is None


def test_an_ordinary_path_is_taken() -> None:
    assert safe_parts("UD-Q4_K_XL/Qwen3 (1)_v1.5+x@2,a=b-00001-of-00002.gguf") is not None
