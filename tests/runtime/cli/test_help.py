"""`--help`: one screen with every default and every exit code; `--help-all`: every flag."""

from runtime.cli.flags import FLAGS
from runtime.cli.help import RARE, help_page
from runtime.errors import LmfileError

SCREEN_LINES = 60
SCREEN_COLUMNS = 120


def test_fits_a_screen_and_points_to_the_rest() -> None:
    page = help_page("./smollm2", "smollm2")
    lines = page.splitlines()
    assert len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= SCREEN_COLUMNS
    assert "--help-all" in page


def test_every_flag_is_named() -> None:
    page = help_page("./smollm2", "smollm2", everything=True)
    assert max(map(len, page.splitlines())) <= SCREEN_COLUMNS
    for flag in FLAGS:
        assert flag.names[0] in page, flag.names
    assert {flag.names[0] for flag in FLAGS} >= RARE, "no flag of another name is left out"


def test_shows_the_defaults_of_llama_server() -> None:
    page = help_page("./smollm2", "smollm2")
    for default in ("[8080]", "[127.0.0.1]", "[0.8]", "[40]", "[0.95]", "[0.05]"):
        assert default in page


def test_lists_the_exit_code_of_every_error() -> None:
    page = help_page("./smollm2", "smollm2")
    assert "130 Ctrl-C" in page
    families = {error.exit_code // 10 * 10 for error in LmfileError.__subclasses__()}
    for family in families:
        assert f"{family}" in page or f"{family}-" in page, family
