"""Where the hub is: the setting, what other programs set, and what is no address."""

from __future__ import annotations

from pathlib import Path

import pytest

from hob.config.kinds import WebAddress
from hob.config.load import load_config
from hob.paths import find_paths
from hob.serve.options import hub_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://huggingface.co", "https://huggingface.co"),
        ("https://huggingface.co/", "https://huggingface.co"),
        ("http://mirror.example:8080/hub/", "http://mirror.example:8080/hub"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_an_address_is_read(text: str, address: str) -> None:
    assert WebAddress().check(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "huggingface.co", "ftp://x", "file:///etc", "https://", "https://a b", "https://u:p@x",
     "https://x?y=1", "https://x\n"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the address"):
        WebAddress().check(text)


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "https://huggingface.co"),
        ({"HF_ENDPOINT": "https://mirror.example/"}, "https://mirror.example"),
        ({"HF_ENDPOINT": "nonsense"}, "https://huggingface.co"),
        (
            {"HF_ENDPOINT": "https://mirror.example", "HOB_MODELS_HUB": "https://ours.example"},
            "https://ours.example",
        ),
    ],
)
def test_what_other_programs_set_holds_unless_hob_is_told(
    environ: dict[str, str], address: str, tmp_path: Path
) -> None:
    environ = {"HOB_HOME": str(tmp_path), **environ}
    config = load_config(find_paths(environ), environ, {})
    assert hub_address(config, environ) == address
