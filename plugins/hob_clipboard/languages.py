"""Which language a text is in, guessed cheaply, so that a small model can be told it by name."""

from __future__ import annotations

import re
from collections import Counter

# So much of a text is looked at.
_LOOKED_AT_CHARS = 6_000
# The words of a Latin script that are looked for must be so many, and so much of the text.
_FEWEST_WORDS = 2
_SMALLEST_SHARE = 0.08

_COMMON_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "English": "the and of to is in that it for was with you this are have not be on as they",
        "German": "der die das und ist nicht ein eine zu mit auf für von den dem im sich auch wir",
        "French": "le la les et est une un des du que qui dans pour pas sur avec vous nous au ce",
        "Spanish": "el la los las y es que en una un por con para no se del como más está pero",
        "Italian": "il la lo gli e è che di un una per non con sono del della nel si più anche",
        "Portuguese": "o a os as e é que de um uma para não com do da em por se mais como",
        "Dutch": "de het een en is niet van dat op te voor met zijn ook maar aan er wij naar bij",
        "Swedish": "och att det är som en på av för med inte den till ett om har vi jag var",
        "Danish": "og at det er en på af for med ikke den til et om har vi jeg var som der",
        "Norwegian": "og å det er en på av for med ikke den til et om har vi jeg var som ble",
        "Finnish": "ja on ei se että hän oli mutta kuin joka tämä ovat myös niin kun olen voi",
        "Polish": "i w nie na się to jest z że do jak ale po co dla przez są od oraz jego",
        "Czech": "a je se na v že to s z do ale jako pro by jsem není také který nebo bylo",
        "Turkish": "ve bir bu için ile çok da de ne daha olarak gibi var olan ama kadar sonra",
        "Vietnamese": "và của là có không được cho một trong những với người này đã để các",
        "Indonesian": "dan yang di itu dengan untuk tidak ini dari dalam akan pada juga saya ke",
    }.items()
}
# First and last character of a script, and the language that it is most often used for.
_SCRIPTS: tuple[tuple[str, str, str], ...] = (
    ("\u3040", "\u30ff", "Japanese"),
    ("\uac00", "\ud7af", "Korean"),
    ("\u4e00", "\u9fff", "Chinese"),
    ("\u0400", "\u04ff", "Russian"),
    ("\u0370", "\u03ff", "Greek"),
    ("\u0590", "\u05ff", "Hebrew"),
    ("\u0600", "\u06ff", "Arabic"),
    ("\u0900", "\u097f", "Hindi"),
    ("\u0e00", "\u0e7f", "Thai"),
)
# Letters that only one of the languages of a script has.
_TELLING: dict[str, tuple[tuple[str, str], ...]] = {
    "Russian": (("іїєґ", "Ukrainian"), ("ђћџљњј", "Serbian")),
    "Arabic": (("پچژگ", "Persian"),),
}
_WORD = re.compile(r"[^\W\d_]+")


def guess_language(text: str) -> str:
    """The English name of the text's language, empty when nothing is clear."""
    sample = text[:_LOOKED_AT_CHARS]
    letters = sum(map(str.isalpha, sample))
    if not letters:
        return ""
    scripts = Counter(
        language
        for character in sample
        if character > "\u036f"
        for first, last, language in _SCRIPTS
        if first <= character <= last
    )
    if sum(scripts.values()) * 2 < letters:
        return _guess_latin(sample)
    # Japanese is written with Chinese characters too, Chinese without any of the Japanese.
    found = "Japanese" if scripts["Japanese"] * 10 > letters else scripts.most_common(1)[0][0]
    for only, language in _TELLING.get(found, ()):
        if any(letter in only for letter in sample.lower()):
            return language
    return found


def _guess_latin(sample: str) -> str:
    words = Counter(_WORD.findall(sample.lower()))
    every = sum(words.values())
    hits = {
        language: sum(words[word] for word in common) for language, common in _COMMON_WORDS.items()
    }
    (best, most), (_, next_most) = sorted(hits.items(), key=lambda pair: -pair[1])[:2]
    clear = most >= _FEWEST_WORDS and most >= _SMALLEST_SHARE * every and most > next_most
    return best if clear else ""
