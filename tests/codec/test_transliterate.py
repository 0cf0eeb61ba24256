"""What stands for letters that GSM 7-bit lacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.alphabets import gsm7
from airpost.codec.transliterate import transliterate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ärger in Ñuñoa, 5 € für {x}", "Ärger in Ñuñoa, 5 € für {x}"),  # all of it is there
        ("“Größe” – it’s 5\u00a0km…", '"Größe" - it\'s 5 km...'),
        ("Žluťoučký kůň", "Zlutoucký kun".replace("ý", "y")),
        ("e\u0301té", "été"),
        ("Привет, мир", "Privet, mir"),
        ("Łódź ½ №5 ﬁn ™", "Lodz 1/2 No5 fin TM"),
        ("a`b\tc", "a'b c"),
        ("北京", "BeiJing"),
        ("👩\u200d💻", ""),
        ("Hi 😀 there", "Hi there"),
        ("☃ Hi☃ there 👍🏻! 😀😀\n🔥 Boiler 2 🔥 \n", "Hi there!\nBoiler 2\n"),
        ("⚠️ 1️⃣ ✅ done, ❌ failed ➡ B", "! 1 v done, x failed > B"),
        ("a☃b", "ab"),
        ("🇩🇪", "DE"),
        (":x: stays", ":x: stays"),
        ("☃ and :snowman2: č", "and :snowman2: c"),
        ("x\ue000", "x\ue000"),  # private use: nothing stands for it
    ],
)
def test_the_nearest_that_the_alphabet_holds(text: str, expected: str) -> None:
    assert transliterate(text) == expected


@given(st.text())
def test_once_is_enough_and_what_fits_is_not_touched(text: str) -> None:
    told = transliterate(text)
    assert transliterate(told) == told
    if gsm7().encodable(text):
        assert told == text
