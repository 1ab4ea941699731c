"""The names of samplers in a request: a list of names, or llama-server's string of letters."""

from collections.abc import Iterable, Mapping, Sequence

from runtime.engine.protocol import SamplerName
from runtime.server.problem import invalid

MAX_SAMPLERS = 32

LETTERS: Mapping[str, SamplerName] = {
    "e": "penalties",
    "d": "dry",
    "s": "top_n_sigma",
    "k": "top_k",
    "y": "typ_p",
    "p": "top_p",
    "m": "min_p",
    "x": "xtc",
    "t": "temperature",
    "i": "infill",
}

# Also `top-k` and `topk` for `top_k`: names are compared without what separates their words.
_BY_NAME: Mapping[str, SamplerName] = {
    **{name.replace("_", ""): name for name in LETTERS.values()},
    "temp": "temperature",
    "typ": "typ_p",
    "typical": "typ_p",
    "typicalp": "typ_p",
    "nucleus": "top_p",
}


def read_samplers(given: str | Sequence[str]) -> list[SamplerName]:
    """Return the samplers in their order; none of them when nothing is named. Raises: Problem."""
    if len(given) > MAX_SAMPLERS:
        raise invalid(f"`samplers`: expected at most {MAX_SAMPLERS} of them.")
    if isinstance(given, str):
        return [_known(letter, LETTERS.get(letter), LETTERS) for letter in given]
    return [_known(name, _BY_NAME.get(name.replace("-", "").replace("_", "")), LETTERS.values()) for name in given]


def _known(given: str, found: SamplerName | None, known: Iterable[str]) -> SamplerName:
    if found is None:
        names = ", ".join(f"`{name}`" for name in known)
        raise invalid(f"`samplers`: `{given[:64]}` is none; expected {names}.")
    return found
