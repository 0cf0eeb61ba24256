"""Splitting texts and data."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpost.codec.alphabets import gsm7
from airpost.codec.dcs import Alphabet
from airpost.codec.join import JoinPart, join
from airpost.codec.split import MAX_PARTS, Split, split, split_data
from airpost.codec.tables import LANGUAGES
from airpost.codec.udh import Ports, parse_udh
from airpost.errors import CodecError

GSM = (
    "".join(c for c in gsm7().decode(bytes(range(0x1B)) + bytes(range(0x1C, 0x80)))) + "€{}[]~|^\\"
)


def joined(made: Split) -> str | bytes | None:
    result = join([JoinPart(dcs=p.dcs, udh=p.udh, ud=p.ud, udl=p.udl) for p in made.parts])
    assert not result.partial
    return result.data if result.text is None else result.text


def check(made: Split, text: str) -> None:
    assert joined(made) == text
    assert "".join(part.text or "" for part in made.parts) == text
    assert sum(part.units for part in made.parts) == made.units
    for number, part in enumerate(made.parts, start=1):
        assert len(part.udh) + len(part.ud) <= 140
        concat = parse_udh(part.udh).concat
        if len(made.parts) > 1:
            assert concat is not None
            assert (concat.seq, concat.total, concat.ref) == (number, len(made.parts), 0)
        else:
            assert concat is None


@given(st.text(GSM, max_size=700), st.sampled_from([8, 16]))
def test_gsm7_comes_back_whole(text: str, bits: int) -> None:
    made = split(text, concat_bits=bits)
    assert made.alphabet is Alphabet.GSM7
    check(made, text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), st.sampled_from([8, 16]))
def test_any_text_comes_back_whole(text: str, bits: int) -> None:
    check(split(text, concat_bits=bits), text)


@settings(max_examples=50)
@given(st.sampled_from(list(LANGUAGES)), st.data())
def test_national_texts_come_back_whole_and_in_no_more_parts(
    number: int, data: st.DataObject
) -> None:
    codes = [c for c in range(128) if c != 0x1B]
    alphabet = "".join({c for c in gsm7(number, number).decode(bytes(codes)) if c != "\ufffd"})
    text = data.draw(st.text(alphabet, max_size=300))
    made = split(text, national=[number])
    check(made, text)
    assert len(made.parts) <= len(split(text).parts)


@pytest.mark.parametrize(
    ("text", "bits", "parts"),
    [
        ("a" * 160, 8, 1),
        ("a" * 161, 8, 2),
        ("a" * 306, 8, 2),
        ("a" * 307, 8, 3),
        ("a" * 304, 16, 2),
        ("a" * 305, 16, 3),
        ("€" * 80, 8, 1),
        ("€" * 153, 8, 3),  # an escape pair moves whole: 76 a part
        ("字" * 70, 8, 1),
        ("字" * 71, 8, 2),
        ("字" * 134, 8, 2),
        ("字" * 132, 16, 2),
        ("字" * 133, 16, 3),
        ("🍔" * 35, 8, 1),
        ("🍔" * 80, 8, 3),  # a surrogate pair moves whole: 33 a part
        ("", 8, 1),
    ],
)
def test_part_counts(text: str, bits: int, parts: int) -> None:
    assert len(split(text, concat_bits=bits).parts) == parts


@pytest.mark.parametrize(
    "cluster",
    [
        "👨\u200d👩\u200d👧",  # a family: joiners
        "👍🏽",  # a skin tone
        "🇩🇪",  # a flag: two letters
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # Scotland: tags
        "❤️",  # a variation selector
        "1\ufe0f\u20e3",  # a keycap
        "e\u0301\u0323",  # marks
        "\u1112\u1161\u11ab",  # a Hangul syllable of three letters
        "\ud55c\u11ab",  # and of a syllable with one more
        "क्षि",  # a conjunct with its vowel
        "กำ",  # a vowel sign that is encoded as a letter
        "ｶﾞ",  # half-width with its mark
    ],
)
def test_what_is_one_on_a_screen_is_never_cut(cluster: str) -> None:
    for before in range(50, 72):
        made = split("字" * before + cluster + "字" * 40)
        assert any(cluster in (part.text or "") for part in made.parts), before
    made = split(cluster * 60)
    assert all((part.text or "").replace(cluster, "") == "" for part in made.parts)


def test_neighbours_that_are_not_one_may_be_parted() -> None:
    made = split("🇩🇪" * 40 + "字" * 3 + "👍" * 20)
    assert all(part.units > 60 for part in made.parts[:-1])


def test_a_cluster_longer_than_a_part_is_cut_after_all() -> None:
    text = "e" + "\u0301" * 200
    check(split(text), text)


@pytest.mark.parametrize(("char", "most"), [("a", 153 * 255), ("字", 67 * 255)])
def test_at_most_255_parts(char: str, most: int) -> None:
    assert len(split(char * most).parts) == MAX_PARTS
    with pytest.raises(CodecError, match="255") as caught:
        split(char * (most + 1))
    assert caught.value.field == "text"


def test_uncut_escapes_and_clusters_count_towards_255() -> None:
    assert len(split("a" * 152 + "€" + "a" * (153 * 254 - 2)).parts) == MAX_PARTS
    for text in ("a" * 152 + "€" + "a" * (153 * 254 - 1), "e\u0301" * (33 * 255 + 1)):
        with pytest.raises(CodecError, match="255"):
            split(text)


@pytest.mark.parametrize("alphabet", [None, Alphabet.GSM7, Alphabet.UCS2])
def test_half_a_surrogate_pair_is_named(alphabet: Alphabet | None) -> None:
    with pytest.raises(CodecError) as caught:
        split("字a\ud83d" if alphabet is not Alphabet.GSM7 else "ab\ud83d", alphabet=alphabet)
    assert (caught.value.field, caught.value.offset) == ("text", 2)


def test_one_national_table_only_if_it_saves_parts() -> None:
    turkish = "ş" * 75
    assert split(turkish).alphabet is Alphabet.UCS2
    made = split(turkish, national=[1])
    assert (made.alphabet, len(made.parts), made.locking_shift, made.single_shift) == (
        Alphabet.GSM7, 1, 1, 0)  # fmt: skip
    assert split("ş", national=[1]).alphabet is Alphabet.UCS2  # one part either way
    assert split("ş", national=[1], alphabet=Alphabet.GSM7).alphabet is Alphabet.GSM7
    euros = split("€" * 150, national=[1])  # two septets by default, one in the Turkish table
    assert (len(euros.parts), euros.locking_shift) == (1, 1)
    assert split("€" * 80, national=[1]).locking_shift == 0


def test_tables_by_number_and_without_any_that_holds_the_text() -> None:
    assert split("ğ" * 78, tables=[(0, 1), (1, 0)]).locking_shift == 1
    assert split("字" * 78, tables=[(1, 1)], national=[2]).alphabet is Alphabet.UCS2
    with pytest.raises(CodecError, match="U\\+5B57"):
        split("字" * 78, alphabet=Alphabet.GSM7, tables=[(1, 1)])


def test_a_forced_alphabet() -> None:
    assert split("plain", alphabet=Alphabet.UCS2).alphabet is Alphabet.UCS2
    with pytest.raises(CodecError) as caught:
        split("ab字", alphabet=Alphabet.GSM7)
    assert caught.value.offset == 2
    with pytest.raises(CodecError):
        split("a", alphabet=Alphabet.DATA)


def test_flash_is_class_0() -> None:
    assert split("a", cls=0).parts[0].dcs == 0x10
    assert split("字", cls=0).parts[0].dcs == 0x18


@given(st.binary(max_size=600), st.one_of(st.none(), st.just(Ports(bits=16, dst=2948, src=9200))))
def test_data_comes_back_whole(data: bytes, ports: Ports | None) -> None:
    made = split_data(data, ports=ports)
    assert joined(made) == data
    assert all(parse_udh(part.udh).ports == ports for part in made.parts if part.udh)


def test_too_much_data() -> None:
    with pytest.raises(CodecError, match="255"):
        split_data(bytes(134 * 255 + 1))
