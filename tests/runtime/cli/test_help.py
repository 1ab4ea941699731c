"""`--help`: one screen, every flag, every default, every exit code."""

from runtime.cli.flags import FLAGS
from runtime.cli.help import help_page
from runtime.errors import LmfileError

SCREEN_LINES = 75
SCREEN_COLUMNS = 120


def test_fits_a_screen_and_names_every_flag() -> None:
    page = help_page("./smollm2", "smollm2")
    lines = page.splitlines()
    assert len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= SCREEN_COLUMNS
    for flag in FLAGS:
        assert flag.names[0] in page, flag.names


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
