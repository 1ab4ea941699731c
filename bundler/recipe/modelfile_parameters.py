"""The parameters of a Modelfile, as flags of the executable.

A Modelfile changes what it names and nothing else: Ollama's own defaults for the rest are not taken over, so that
it means here what the same flags mean.
"""

from bundler.recipe.recipe import Setting
from runtime.cli.defaults import setting
from runtime.cli.nearest import nearest

FLAGS = {
    "num_ctx": "ctx-size",
    "num_keep": "keep",
    "num_predict": "predict",
    "num_thread": "threads",
    "num_gpu": "gpu-layers",
    "draft_num_predict": "draft-max",
    "seed": "seed",
    "temperature": "temp",
    "top_k": "top-k",
    "top_p": "top-p",
    "min_p": "min-p",
    "repeat_penalty": "repeat-penalty",
    "repeat_last_n": "repeat-last-n",
    "presence_penalty": "presence-penalty",
    "frequency_penalty": "frequency-penalty",
    "stop": "stop",
}
WITHOUT_EFFECT = frozenset(
    """mirostat mirostat_tau mirostat_eta tfs_z typical_p num_batch num_gqa main_gpu low_vram f16_kv logits_all
    vocab_only use_mmap use_mlock numa penalize_newline embedding_only rope_frequency_base
    rope_frequency_scale""".split()
)
"""Those that Ollama knows or knew and that nothing here corresponds to."""

_MEANT = {("num_thread", "0"): "-1", ("num_predict", "-2"): "-1"}
"""Values with a meaning that is written otherwise here: as many as there are; until the context is full."""


def flag(name: str, value: object) -> tuple[str, Setting] | None:
    """The flag and its value that PARAMETER `name` means; None: it has no effect here.

    Raises: ValueError with what is wrong, as a sentence's end behind the name.
    """
    if name in WITHOUT_EFFECT:
        return None
    if name not in FLAGS:
        hint = nearest([*FLAGS, *sorted(WITHOUT_EFFECT)], name, "leave it out", close=0.6)
        raise ValueError(f"is no parameter of a Modelfile; {hint}")
    given = _MEANT.get((name, str(value)), value)
    known, meant = setting(FLAGS[name], given)
    return known.name, meant


def joined(before: dict[str, Setting], name: str, value: Setting) -> Setting:
    """Of a parameter that stands several times the last one counts, and of `stop` all.

    Raises: ValueError for more of them than there may be.
    """
    earlier = before.get(name)
    if not (isinstance(earlier, tuple) and isinstance(value, tuple)):
        return value
    every: Setting = setting(name, (*earlier, *value))[1]
    return every
