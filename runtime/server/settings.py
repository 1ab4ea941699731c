"""How an answer was generated, as llama.cpp's clients read it."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from runtime.engine.protocol import Generate, Grammar, Sampling, Trigger

Speculation = Literal["none", "ngram-simple", "draft-simple"]

TRIGGER_TYPES: Mapping[str, int] = {"token": 0, "word": 1, "pattern": 2}


class LoraSetting(msgspec.Struct, kw_only=True):
    """An adapter that was used; `name` is lmfile's own addition. id: where it is known."""

    id: int | msgspec.UnsetType = msgspec.UNSET
    name: str
    scale: float


class BiasSetting(msgspec.Struct, kw_only=True):
    """A token and what was added to its logit; null: it was banned."""

    token: int
    bias: float | None


class TriggerSetting(msgspec.Struct, kw_only=True):
    """What a lazy grammar waits for: type 0 is a token, 1 a word, 2 a pattern."""

    type: int
    value: str
    token: int | msgspec.UnsetType = msgspec.UNSET


class Settings(msgspec.Struct, kw_only=True):
    """llama-server's names; those it tells of every answer and of a server's own defaults.

    The samplers `adaptive_p` and those of the backend are not in this engine: `adaptive_target` below 0 is off.
    """

    seed: int
    temperature: float
    dynatemp_range: float
    dynatemp_exponent: float
    top_k: int
    top_p: float
    min_p: float
    top_n_sigma: float
    xtc_probability: float
    xtc_threshold: float
    typical_p: float
    repeat_last_n: int
    repeat_penalty: float
    presence_penalty: float
    frequency_penalty: float
    dry_multiplier: float
    dry_base: float
    dry_allowed_length: int
    dry_penalty_last_n: int
    mirostat: int
    mirostat_tau: float
    mirostat_eta: float
    min_keep: int
    ignore_eos: bool
    samplers: list[str]
    max_tokens: int
    n_predict: int
    n_keep: int
    n_discard: int
    n_probs: int
    post_sampling_probs: bool
    stream: bool
    timings_per_token: bool
    lora: list[LoraSetting]
    speculative: Speculation = msgspec.field(name="speculative.types")
    adaptive_target: float = -1.0
    adaptive_decay: float = 0.9
    backend_sampling: bool = False
    chat_format: str = "Content-only"
    reasoning_format: str = "none"
    reasoning_in_content: bool = False
    generation_prompt: str = ""


class AnswerSettings(Settings, kw_only=True):
    """What is told of an answer only."""

    stop: list[str]
    logit_bias: list[BiasSetting]
    dry_sequence_breakers: list[str]
    grammar: str
    grammar_lazy: bool
    grammar_triggers: list[TriggerSetting]
    preserved_tokens: list[int] = []


def speculation(n_draft: int, has_model: bool) -> Speculation:
    """Where guesses come from that are `n_draft` tokens long: the text so far, or a second model."""
    if n_draft <= 0:
        return "none"
    return "draft-simple" if has_model else "ngram-simple"


def default_settings(asked: Generate, guesses: Speculation) -> Settings:
    """What a request gets that says nothing."""
    return Settings(**_common(asked, asked.sampling.seed, guesses, {}), stream=True, timings_per_token=False)


def answer_settings(
    asked: Generate,
    *,
    seed: int,
    stream: bool,
    timings_per_token: bool,
    guesses: Speculation,
    numbers: Mapping[str, int],
) -> AnswerSettings:
    """The `generation_settings` of an answer; `seed` is the one that was used, `numbers` are those of the adapters."""
    grammar = asked.grammar
    return AnswerSettings(
        **_common(asked, seed, guesses, numbers),
        stream=stream,
        timings_per_token=timings_per_token,
        stop=asked.stop,
        logit_bias=[BiasSetting(token=token, bias=bias) for token, bias in asked.sampling.logit_bias],
        dry_sequence_breakers=asked.sampling.dry_sequence_breakers,
        grammar=grammar.text if grammar else "",
        grammar_lazy=bool(grammar and grammar.triggers),
        grammar_triggers=_triggers(grammar),
    )


def _common(asked: Generate, seed: int, guesses: Speculation, numbers: Mapping[str, int]) -> dict[str, Any]:
    shared = set(Sampling.__struct_fields__) & set(Settings.__struct_fields__)
    return {
        **{name: getattr(asked.sampling, name) for name in shared},
        "seed": seed,
        "max_tokens": asked.max_tokens,
        "n_predict": asked.max_tokens,
        "n_keep": asked.n_keep,
        "n_discard": asked.n_discard,
        "n_probs": asked.n_probs,
        "post_sampling_probs": asked.post_sampling,
        "lora": [
            LoraSetting(id=numbers.get(name, msgspec.UNSET), name=name, scale=scale)
            for name, scale in asked.adapters or []
        ],
        "speculative": "none" if asked.n_draft == 0 else guesses,
    }


def _triggers(grammar: Grammar | None) -> list[TriggerSetting]:
    return [_trigger(one) for one in grammar.triggers] if grammar else []


def _trigger(one: Trigger) -> TriggerSetting:
    if isinstance(one.value, int):
        return TriggerSetting(type=TRIGGER_TYPES[one.kind], value="", token=one.value)
    return TriggerSetting(type=TRIGGER_TYPES[one.kind], value=one.value)
