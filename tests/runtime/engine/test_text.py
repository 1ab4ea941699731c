"""Text assembly: whole characters, nothing of a stop string, wherever the tokens were cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine.text import TextAssembler

LETTERS = st.text(alphabet="abé\n€😀", max_size=30)
STOPS = st.lists(st.text(alphabet="abé\n", min_size=1, max_size=4), max_size=3)


def pieces(raw: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(raw) + 1) for cut in cuts}), len(raw)]
    return [raw[start:end] for start, end in pairwise(edges)]


def assembled(parts: list[bytes], stops: list[str]) -> tuple[list[str], str]:
    """What is shown piece by piece, and the stop string that ended it."""
    assembler = TextAssembler(stops)
    shown = []
    for part in parts:
        shown.append(assembler.push(part))
        if assembler.stopped_by:
            break
    return [*shown, assembler.finish()], assembler.stopped_by


def expected(text: str, stops: list[str]) -> tuple[str, str]:
    """The text up to the stop string that is complete first; the longest of those that end together."""
    for end in range(len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            stop = max(complete, key=len)
            return text[: end - len(stop)], stop
    return text, ""


@given(LETTERS, STOPS, st.lists(st.integers(0, 200), max_size=40))
def test_result_does_not_depend_on_the_cuts(text: str, stops: list[str], cuts: list[int]) -> None:
    shown, stopped_by = assembled(pieces(text.encode(), cuts), stops)
    assert ("".join(shown), stopped_by) == expected(text, stops)


@given(LETTERS, STOPS, st.lists(st.integers(0, 200), max_size=40))
def test_what_is_shown_is_never_taken_back(text: str, stops: list[str], cuts: list[int]) -> None:
    shown, _ = assembled(pieces(text.encode(), cuts), stops)
    final = expected(text, stops)[0]
    so_far = ""
    for part in shown:
        so_far += part
        assert final.startswith(so_far)
        assert "\ufffd" not in part


def test_a_character_waits_for_its_last_byte() -> None:
    assembler = TextAssembler([])
    assert [assembler.push(bytes([byte])) for byte in "😀".encode()] == ["", "", "", "😀"]


def test_half_a_character_at_the_end_becomes_one_replacement() -> None:
    assembler = TextAssembler([])
    assert assembler.push(b"a\xf0\x9f") == "a"
    assert assembler.finish() == "\ufffd"


def test_bytes_that_are_no_text_become_replacements() -> None:
    assert TextAssembler([]).push(b"a\xff\xfeb") == "a\ufffd\ufffdb"


def test_only_what_may_begin_a_stop_string_is_held_back() -> None:
    assembler = TextAssembler(["<|end|>", "STOP"])
    assert assembler.push(b"one <|en") == "one "
    assert assembler.push(b"tirely") == "<|entirely"
    assert assembler.push(b" ST") == " "
    assert assembler.finish() == "ST"


@pytest.mark.parametrize("stops", [[], [""], ["", "b"]])
def test_an_empty_stop_string_stops_nothing(stops: list[str]) -> None:
    assembler = TextAssembler(stops)
    assert assembler.push(b"a") == "a"
    assert assembler.stopped_by == ""


def test_new_lines_are_seen_unless_they_were_cut_off() -> None:
    shown, cut = TextAssembler(["\n"]), TextAssembler([])
    shown.push(b"a\nb")
    cut.push(b"a\nb")
    assert (shown.has_new_line, cut.has_new_line) == (False, True)


def dedented(text: str, n_indent: int) -> str:
    """The text up to the first line, other than the first, with fewer blanks and something after them."""
    first, *lines = text.split("\n")
    shown = first
    for number, line in enumerate(lines):
        blanks = line[: len(line) - len(line.lstrip(" \t"))]
        goes_on = line != blanks or number < len(lines) - 1
        shown += "\n" + (blanks if len(blanks) < n_indent else line)
        if goes_on and len(blanks) < n_indent:
            break
    return shown


@given(st.text(alphabet="ab \t\n", max_size=30), st.integers(1, 3), st.lists(st.integers(0, 40), max_size=8))
def test_an_answer_ends_with_the_first_line_that_is_indented_too_little(
    text: str, n_indent: int, cuts: list[int]
) -> None:
    assembler = TextAssembler([], n_indent)
    shown = ""
    for part in pieces(text.encode(), cuts):
        shown += assembler.push(part)
        if assembler.is_dedented:
            break
    assert shown + assembler.finish() == dedented(text, n_indent)
    assert assembler.is_dedented == (len(dedented(text, n_indent)) < len(text))


def test_indentation_and_stop_strings() -> None:
    assembler = TextAssembler(["stop", "b\n"], 2)
    assert assembler.push(b"a\n  b") == "a\n  "
    assert assembler.push(b"c\nd stop") == "bc\n"
    assert assembler.is_dedented and not assembler.stopped_by
    assert assembler.finish() == ""
