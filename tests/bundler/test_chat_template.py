"""A chat template is compiled before it is packed, by the code that will run it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler import analysis, chat_template, cpython, store, wheels
from bundler.cli import main
from bundler.image_recipe import ImageRecipe
from bundler.recipe import Recipe, WantedModel
from runtime.errors import UsageError
from tests.questions import TINY_MODEL


@pytest.fixture(scope="session")
def parts() -> list[Path]:
    """What compiling needs, made in the builder's usual cache."""
    target = analysis.builder_target()
    return [cpython.portable(target).root, wheels.unpacked(ImageRecipe(target).contents.packages, target)]


@pytest.fixture(autouse=True)
def _cached(parts: list[Path]) -> Iterator[None]:
    links = [store.cache_dir("python") / part.name for part in parts]
    for link, part in zip(links, parts, strict=True):
        link.symlink_to(part)
    yield


def recipe(template: str) -> Recipe:
    return Recipe(models=(WantedModel(str(TINY_MODEL)),), chat_template=template)


def test_a_sound_one_and_a_name() -> None:
    chat_template.check(
        recipe("{% for m in messages %}{{ m.content }}{% endfor %}{% generation %}x{% endgeneration %}")
    )
    chat_template.check(recipe("chatml"))
    chat_template.check(recipe(""))


@pytest.mark.parametrize("broken", ["{% if %}", "{% for m in messages %}", "{{ x | nosuchfilter }}", "{{"])
def test_a_broken_one_is_one_sentence(broken: str) -> None:
    with pytest.raises(UsageError, match="Packing the chat template: ") as caught:
        chat_template.check(recipe(broken))
    assert "\n" not in str(caught.value)


def test_nothing_is_written_for_a_broken_one(output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.jinja"
    file.write_text("{% if %}")
    assert main(["build", str(TINY_MODEL), "--chat-template", str(file), "-o", str(output)]) == 10
    assert capsys.readouterr().err.startswith("error: Packing the chat template: ")
    assert not list(output.parent.iterdir())
