"""How an answer was generated, as llama.cpp's clients read it."""

import msgspec

from runtime.engine.protocol import Generate, Grammar


def settings(asked: Generate, *, seed: int, stream: bool) -> dict[str, object]:
    """The `generation_settings` of a request; `seed` is the one that was used."""
    known: dict[str, object] = msgspec.structs.asdict(asked.sampling)
    known["seed"] = seed
    known["logit_bias"] = [{"token": token, "bias": bias} for token, bias in asked.sampling.logit_bias]
    return {
        **known,
        "n_predict": asked.max_tokens,
        "max_tokens": asked.max_tokens,
        "stop": asked.stop,
        "stream": stream,
        "n_probs": asked.n_probs,
        "post_sampling_probs": asked.post_sampling,
        "cache_prompt": asked.cache_prompt,
        "n_keep": asked.n_keep,
        "n_discard": asked.n_discard,
        "speculative.n_max": asked.n_draft,
        "lora": [{"name": name, "scale": scale} for name, scale in asked.adapters or []],
        **_constraint(asked.grammar),
    }


def _constraint(grammar: Grammar | None) -> dict[str, object]:
    known: dict[str, object] = {"grammar": grammar.text if grammar else ""}
    if grammar:
        known["grammar_kind"] = grammar.kind
        known["grammar_lazy"] = bool(grammar.triggers)
    return known
