# Other languages have letters that look like Latin ones.
# ruff: noqa: RUF001
from __future__ import annotations

import pytest

from hob_clipboard.languages import guess_language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("English", "The quick brown fox jumps over the lazy dog, and this is not all of it."),
        ("German", "Der schnelle Fuchs springt über den Hund, und das ist noch nicht alles."),
        ("French", "Le renard rapide saute par-dessus le chien, et ce n'est pas tout pour nous."),
        ("Spanish", "El zorro rápido salta sobre el perro, pero no es todo lo que hay para ver."),
        ("Italian", "La volpe veloce salta sopra il cane, ma questo non è tutto per gli amici."),
        ("Portuguese", "A raposa rápida salta sobre o cão, mas isso não é tudo para os amigos."),
        ("Dutch", "De snelle vos springt over de hond, maar dat is niet alles voor het dier."),
        ("Polish", "Szybki lis skacze nad psem, ale to nie jest wszystko, co się tam dzieje."),
        ("Turkish", "Hızlı tilki köpeğin üzerinden atlar ve bu çok güzel bir hikaye gibi."),
        ("Russian", "Быстрая лиса прыгает через ленивую собаку, и это ещё не всё."),
        ("Ukrainian", "Швидка лисиця стрибає через лінивого пса, і це ще не все, її історія."),
        ("Greek", "Η γρήγορη αλεπού πηδά πάνω από το σκυλί."),
        ("Arabic", "الثعلب السريع يقفز فوق الكلب الكسول"),
        ("Hebrew", "השועל המהיר קופץ מעל הכלב העצלן"),
        ("Chinese", "敏捷的狐狸跳过了懒狗，这还不是全部。"),
        ("Japanese", "素早い狐は怠け者の犬を飛び越えます。"),
        ("Korean", "빠른 여우가 게으른 개를 뛰어넘는다."),
        ("Hindi", "तेज़ लोमड़ी आलसी कुत्ते के ऊपर से कूदती है।"),
        ("Thai", "สุนัขจิ้งจอกกระโดดข้ามสุนัข"),
    ],
)
def test_a_sentence_is_enough_to_know_the_language(language: str, text: str) -> None:
    assert guess_language(text) == language


@pytest.mark.parametrize("text", ["", "   \n", "12345 !?", "xyzzy plugh", "\x00" * 50, "🙂" * 20])
def test_what_is_no_language_is_not_guessed(text: str) -> None:
    assert guess_language(text) == ""


def test_a_foreign_name_does_not_change_the_language() -> None:
    text = "The novel by Достоевский is one of the best that I have read, and it is not short."
    assert guess_language(text) == "English"
