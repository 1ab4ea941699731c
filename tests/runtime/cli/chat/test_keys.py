"""What a terminal sends, as keys."""

import random

import pytest

from runtime.cli.chat.editing.keys import Key, Keys


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (b"hello", [Key("hello")]),
        ("ü你😀".encode(), [Key("ü你😀")]),
        (b"a\rb", [Key("a"), Key(name="enter"), Key("b")]),
        (b"\n", [Key(name="newline")]),
        (b"\x1b\r", [Key(name="newline")]),
        (b"\x1b[A\x1bOB\x1b[1;5C", [Key(name="up"), Key(name="down"), Key(name="alt-f")]),
        (b"\x1b[3~\x1b[H\x1b[F", [Key(name="delete"), Key(name="home"), Key(name="end")]),
        (b"\x1b[200~a\r\nb\rc\x1b[A\x1b[201~d", [Key("a\nb\nc\x1b[A", "paste"), Key("d")]),
        (b"\x1b[200~\x1b[201~", [Key("", "paste")]),
        (b"\x1b[99;99Zx", [Key("x")]),
        (b"\x1b]x", [Key("x")]),
        (b"\x03\x04\x12", [Key(name="interrupt"), Key(name="delete-or-end"), Key(name="search")]),
        (b"\x1b\x1b[A", [Key(name="cancel"), Key(name="up")]),
        (b"\x00\x1c", []),
        (b"\xff", [Key("\ufffd")]),
    ],
)
def test_keys(sent: bytes, wanted: list[Key]) -> None:
    assert Keys().feed(sent) == wanted


def test_a_key_may_be_cut_anywhere() -> None:
    sent = "ü\x1b[1;5D\x1b[200~zwei\r\nZeilen \x1b[201\x1b[201~\x1b[3~😀\r".encode()
    whole = Keys().feed(sent)
    keys = Keys()
    assert [key for at in range(len(sent)) for key in keys.feed(sent[at : at + 1])] == whole


def test_the_escape_key_alone() -> None:
    keys = Keys()
    assert keys.feed(b"\x1b") == [] and keys.is_waiting
    assert keys.flush() == [Key(name="cancel")]
    assert keys.feed(b"\x1b[") == []
    assert keys.flush() == [Key(name="cancel"), Key("[")]
    assert not keys.is_waiting and keys.flush() == []


def test_garbage_never_stops_it() -> None:
    chance = random.Random(3)
    keys = Keys()
    for _ in range(3000):
        keys.feed(bytes(chance.choice(b"\x1b[O0;~Aa\xc3\xa4\x00\r") for _ in range(chance.randint(1, 9))))
        if chance.random() < 0.2:
            keys.flush()
    keys.feed(b"\x1b[201~")
    keys.flush()
    assert Key("end") in keys.feed(b"end")
