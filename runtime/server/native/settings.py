"""How an answer was generated, as llama.cpp's clients read it."""

import msgspec

from runtime.engine.protocol import Generate


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
        "cache_prompt": asked.cache_prompt,
    }
