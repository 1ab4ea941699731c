"""Which model a name means, and when it means none."""

import pytest

from runtime.engine.config import WorkerConfig
from runtime.engine.routing import ModelEntry, Need, UnknownModel, route

NOWHERE = WorkerConfig(model_path="")
CHAT = ModelEntry("chat", NOWHERE, aliases=("c", "chat-1"), adapters=("pirate",))
CODE = ModelEntry("code", NOWHERE)
EMBED = ModelEntry("vectors", NOWHERE, role="embed")
RERANK = ModelEntry("order", NOWHERE, role="rerank")


@pytest.mark.parametrize("name", ["", "default", "gpt-4o-mini", "chat", "c", "no such"])
def test_one_chat_model_answers_to_every_name(name: str) -> None:
    assert route([CHAT, EMBED, RERANK], name, "generate") == (0, "")


@pytest.mark.parametrize(
    ("name", "need", "place"),
    [
        ("code", "generate", 1),
        ("chat-1", "generate", 0),
        ("", "generate", 0),
        ("default", "generate", 0),
        ("text-embedding-3-small", "embed", 2),
        ("", "rerank", 3),
        ("chat", "embed", 0),
        ("vectors", "generate", 2),
    ],
)
def test_a_known_name_decides_and_otherwise_the_need(name: str, need: Need, place: int) -> None:
    assert route([CHAT, CODE, EMBED, RERANK], name, need) == (place, "")


def test_an_unknown_name_among_several_is_told_what_there_is() -> None:
    with pytest.raises(UnknownModel, match=r"no model `gpt-4`; there are `chat`, `code`\.") as raised:
        route([CHAT, EMBED, CODE], "gpt-4", "generate")
    assert raised.value.known == ["chat", "code"]


def test_without_a_model_of_the_role_the_main_one_is_asked() -> None:
    assert route([CHAT, CODE], "anything", "embed") == (0, "")
    assert route([EMBED], "anything", "generate") == (0, "")


def test_an_adapters_name_means_its_model_with_it() -> None:
    assert route([EMBED, CHAT, CODE], "pirate", "generate") == (1, "pirate")
