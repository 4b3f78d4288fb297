"""Guessing what a text looks like."""

from __future__ import annotations

from typing import get_args

import pytest

from hob.wire.contents import content_kind
from hob.wire.plugins import ContentKind

PNG = "data:image/png;base64,AAAA"
PROSE = (
    "The hob is the warm shelf beside a fire, where a kettle was kept. In folklore it is a helper "
    "that works unseen, by night, and leaves when it is thanked with clothes."
)

SAMPLES: list[tuple[str, str]] = [
    ("text", PROSE),
    ("text", "Milk, bread and eggs."),
    ("text", "What is a hob?"),
    ("text", "The meeting went well.\n\nWe talked of three things, and agreed on two.\n"),
    ("text", "- milk\n- bread\n- eggs"),
    ("text", "# A heading\n\nSome words below it, in Markdown, and a list:\n\n- one\n- two\n"),
    ("text", "Er kam, sah, und siegte.\nSie ging, sah, und lachte.\nDann war es still."),
    ("text", "你好世界。这是一段文字。"),
    ("message", "Hi Anna,\n\ncan you send me the report by Friday?\n\nThanks\nTom"),
    ("message", "Dear Sir or Madam,\nI am writing to you about my order, which is late."),
    ("message", "Sehr geehrte Frau Müller,\n\nanbei die Rechnung.\n\nMit freundlichen Grüßen\nX"),
    ("message", "From: anna@example.org\nTo: tom@example.org\nSubject: Lunch\n\nAt noon?"),
    ("message", "Could you look at this today? It is urgent.\n\nBest regards,\nPaula"),
    ("message", "On Mon, 3 Mar 2025 at 10:11, Tom <t@example.org> wrote:\n> Are you there?"),
    ("message", "[10:02] Anna: are you there?\n[10:03] Tom: yes\n[10:03] Anna: good"),
    ("message", "Bonjour Paul,\n\nle document est prêt.\n\nCordialement,\nLéa"),
    ("message", "Hey Tom, are we still on for lunch tomorrow?"),
    ("code", "def shout(text: str) -> str:\n    return text.upper()\n"),
    ("code", "const x = 5;\nfunction f(a) {\n  return a + x;\n}"),
    ("code", "#include <stdio.h>\nint main(void) {\n    return 0;\n}"),
    ("code", "SELECT name, age FROM people WHERE age > 3 ORDER BY name"),
    ("code", '{"name": "hob", "warm": true}'),
    ("code", '{\n  "name": "hob",\n  "list": [1, 2]\n}'),
    ("code", "#!/bin/sh\nset -eu\necho hello\n"),
    ("code", "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b"),
    ("code", "fn main() {\n    println!(\"hi\");\n}"),
    ("code", "try:\n    go()\nexcept ValueError as error:\n    raise TypeError(1) from error\n"),
    ("code", "<div class=\"a\">\n  <p>hello</p>\n</div>"),
    (
        "error",
        'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\n    go()\n'
        "ZeroDivisionError: division by zero",
    ),
    ("error", "ModuleNotFoundError: No module named 'hob'"),
    ("error", "error[E0382]: borrow of moved value: `x`\n --> src/main.rs:4:5"),
    ("error", "main.c:10:5: error: 'x' undeclared (first use in this function)"),
    (
        "error",
        'Exception in thread "main" java.lang.NullPointerException\n'
        "\tat com.example.Main.run(Main.java:5)\n\tat com.example.Main.main(Main.java:3)",
    ),
    ("error", "2025-01-02 10:11:12,345 ERROR worker ended\n2025-01-02 10:11:13,000 INFO starts"),
    ("error", "bash: foo: command not found"),
    ("error", "fatal: not a git repository (or any of the parent directories): .git"),
    ("link", "https://example.org/a?b=c"),
    ("link", "  https://example.org\nhttps://example.org/2 \n"),
    ("table", "name\tage\nAnna\t31\nTom\t29"),
    ("table", "name,age,city\nAnna,31,Bonn\nTom,29,Rom"),
    ("table", 'name;note;x\n"Anna; or Ann";good;1\nTom;bad;2'),
    ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
    ("table", "a | b\n--|--\n1 | 2"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), SAMPLES)
def test_a_text_is_taken_for_what_it_is(kind: str, text: str) -> None:
    assert content_kind(text) == kind


def test_windows_line_ends_make_no_difference() -> None:
    assert content_kind("name,age,city\r\nAnna,31,Bonn\r\nTom,29,Rom\r\n") == "table"


def test_an_image_counts_only_without_text() -> None:
    assert content_kind("", PNG) == "image"
    assert content_kind(" \n", PNG) == "image"
    assert content_kind(PROSE, PNG) == "text"
    assert content_kind("") == "text"


@pytest.mark.parametrize(
    "unit",
    [" ", "\n", "\t", "a", "a,", "a\n", "|", "-|", "{", "(", "=", "a=", "<a", '"', "at a", "\0",
     "\ud800", "on ", "hi ", "error: ", "1:11 a", "const a", "2025-01-01T00:00", "w.", "File \"",
     "[\"", "from: ", "\u202e", ": ", "a:1:1: "],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", "x", "error ", "select ", "const a"])
def test_hostile_texts_cost_no_more_than_their_beginning(start: str, unit: str) -> None:
    long = start + unit * (10_000_000 // len(unit))
    # A regular expression that backtracks would take hours for this.
    assert content_kind(long) in get_args(ContentKind)
