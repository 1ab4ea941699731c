"""When lines are a message."""

import pytest

from runtime.cli.chat.draft import Draft, is_open, unfenced


def messages(*lines: str) -> list[str | None]:
    draft = Draft()
    found = [draft.add(line) for line in lines]
    return [one for one in [*found, draft.rest()] if one is not None]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["one", "two"], ["one", "two"]),
        (["one\\", "two", "three"], ["one\ntwo", "three"]),
        (["one\\", "two\\", "three"], ["one\ntwo\nthree"]),
        (["one\\"], ["one"]),
        (['"""', "one", "", "two\\", '"""', "three"], ["one\n\ntwo\\", "three"]),
        (['"""one', 'two"""'], ["one\ntwo"]),
        (['"""one"""', "two"], ["one", "two"]),
        (['"""', "never closed"], ['"""\nnever closed']),
        (['say """'], ['say """']),
        (['"""', 'a """ b', "c"], ['"""\na """ b', "c"]),
        (['""""""'], [""]),
        ([""], [""]),
    ],
)
def test_lines_become_messages(lines: list[str], wanted: list[str]) -> None:
    assert messages(*lines) == wanted


def test_what_enter_goes_on_with() -> None:
    assert is_open("one\\") and is_open('"""one\ntwo')
    assert not any(map(is_open, ("one", '"""one"""', '"""one\ntwo"""', "", 'say """')))


def test_marks_inside_of_a_text_are_its_own() -> None:
    code = '"""What it does."""\nimport os\n"""x"""'
    assert unfenced(code) == code
