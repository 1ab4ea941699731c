"""A worker's config survives its command line; anything else there is refused."""

import pytest

from runtime.engine.config import WorkerConfig, from_arguments


def test_config_survives() -> None:
    config = WorkerConfig(
        model_path="/tmp/ä = b/x.gguf", offset=65536, size=1 << 33, name="a=b", n_ctx=512, use_mmap=False,
        use_mlock=True, flash_attention="off", chat_template="{% if a %}\n{{ a }}{% endif %}",
    )  # fmt: skip
    assert from_arguments(config.arguments()) == config


def test_defaults() -> None:
    assert from_arguments(["model_path=x"]) == WorkerConfig("x")


@pytest.mark.parametrize("wrong", ["n_ctx", "n_ctx=many", "colour=red", "", "=", "--help"])
def test_anything_else_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        from_arguments(["model_path=x", wrong])
