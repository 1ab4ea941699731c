"""How long a model stays loaded: `keep_alive` as Ollama's clients write it."""

import math
import re

from runtime.server.problem import invalid

KeepAlive = str | float | None

FOR_EVER = -1.0

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"([+-]?)((?:{_PART.pattern})+)")
_MAX_LENGTH = 64


def seconds(given: KeepAlive) -> float | None:
    """Return `keep_alive` in seconds; negative: for ever; None: nothing was said. Raises: Problem.

    A number is seconds, and so is a text that is one; other texts are durations such as `1h30m`.
    """
    if given is None or given == "":
        return None
    number = _number(given)
    if number is None or not math.isfinite(number):
        raise invalid("`keep_alive`: expected seconds, or a duration such as `5m` or `1h30m`.")
    return FOR_EVER if number < 0 else number


def _number(given: str | float) -> float | None:
    if not isinstance(given, str):
        return float(given)
    found = _DURATION.fullmatch(given) if len(given) <= _MAX_LENGTH else None
    if found is None:
        return float(given) if re.fullmatch(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?", given) else None
    length_s = sum(float(amount) * _UNITS_S[unit] for amount, unit in _PART.findall(found[2]))
    return -length_s if found[1] == "-" else length_s
