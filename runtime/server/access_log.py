"""One line for each request that has ended: who asked what, what came of it, how long it took; never what was said.

Written are the pattern of the address and not the address (queries hold keys, paths names), counts of tokens and not
texts, and of the client's name at most 100 characters.
"""

import logging

from runtime.engine.protocol import Embedded, Finished, Ranked
from runtime.server.headers import request_id
from runtime.server.observing import Watched, Work

log = logging.getLogger("lmfile.access")

MAX_CLIENT = 100


def write_access(watched: Watched) -> None:
    """Log a request that has ended."""
    if not log.isEnabledFor(logging.INFO):
        return
    request = watched.request
    facts: dict[str, object] = {
        "id": request_id(request),
        "method": watched.method,
        "route": watched.route,
        "status": watched.status,
        "ms": round(watched.took_s * 1000, 1),
        "bytes": watched.n_bytes,
        **_computed(watched.works),
        "client": _client(request.headers.get("User-Agent", "")),
    }
    log.info("request", extra={"facts": facts})


def _computed(works: list[Work]) -> dict[str, object]:
    """What the engine did for it."""
    if not works:
        return {}
    facts: dict[str, object] = {"model": works[0].model}
    if works[0].adapters:
        facts["adapters"] = works[0].adapters
    if failures := [work.failure for work in works if work.failure]:
        facts["failure"] = failures[0]
    n_prompt, n_cached, n_generated = (sum(column) for column in zip(*map(_counts, works), strict=True))
    if n_prompt:
        facts |= {"prompt_tokens": n_prompt, "cached_tokens": n_cached, "generated_tokens": n_generated}
    return facts


def _counts(work: Work) -> tuple[int, int, int]:
    """Tokens that were read, known before, generated."""
    event = work.event
    if isinstance(event, Finished):
        timings = event.timings
        return timings.cache_n + timings.prompt_n, timings.cache_n, timings.predicted_n
    if isinstance(event, Embedded):
        return sum(event.n_tokens), 0, 0
    return (event.n_tokens, 0, 0) if isinstance(event, Ranked) else (0, 0, 0)


def _client(agent: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in agent[:MAX_CLIENT])
