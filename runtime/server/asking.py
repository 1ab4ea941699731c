"""What the engine is asked, made of the fields that all dialects share."""

from collections.abc import Sequence

import msgspec

from runtime.engine.protocol import Adapters, Generate
from runtime.server.fields import GenerationFields, for_copy
from runtime.server.forms import form_of
from runtime.server.problem import invalid
from runtime.server.service import Service


def requests(
    service: Service,
    body: GenerationFields,
    contents: Sequence[Generate],
    *,
    adapters: Adapters | None,
    copies: int = 1,
    n_probs: int = 0,
) -> list[Generate]:
    """Return `copies` requests for each of `contents`, which hold what to continue and nothing else.

    For conversations they also hold what the chat layer wants: a grammar, tokens to show, a limit of thoughts.

    The i-th content's j-th copy is at i * copies + j. Raises: Problem that names a field.
    """
    facts = service.facts()
    if not facts.generates:
        raise invalid(f"The model `{service.options.alias}` makes vectors of texts and cannot continue one.")
    sampling = body.sampling(service.options.sampling, facts.n_vocab)
    stops = body.stops(service.options.stop)
    grammar = body.constraint(facts.n_vocab)
    # The forms of models are 7 ms of imports, which the first continued text need not wait for.
    thought = body.thought(form_of(facts)) if body.thought_budget >= 0 else None
    slot = _slot(body, facts.n_slots)
    shared = {**_shared(service, body), "adapters": adapters, "n_probs": n_probs}
    return [
        msgspec.structs.replace(
            content,
            id=service.engine.new_id(),
            sampling=for_copy(sampling, copy),
            stop=stops,
            grammar=grammar if content.chat is None else content.grammar,
            thought=thought if content.chat is None else content.thought,
            slot=slot if copy == 0 else -1,  # one slot computes one answer at a time
            **shared,
        )
        for content in contents
        for copy in range(copies)
    ]


def _shared(service: Service, body: GenerationFields) -> dict[str, object]:
    """What is the same for all answers to one request."""
    options = service.options
    return {
        "max_tokens": body.limit(options.max_tokens),
        "post_sampling": bool(body.post_sampling_probs),
        "cache_prompt": options.cache_prompt if body.cache_prompt is None else body.cache_prompt,
        "n_keep": options.n_keep if body.n_keep is None else body.n_keep,
        "n_discard": body.n_discard or 0,
        "max_ms": max(0, body.t_max_predict_ms or 0),
        "n_indent": max(0, body.n_indent or 0),
        "n_draft": -1 if body.n_draft is None else body.n_draft,
        "progress": bool(body.stream and body.return_progress),
    }


def _slot(body: GenerationFields, n_slots: int) -> int:
    if body.id_slot is None:
        return -1
    if body.id_slot >= n_slots:
        raise invalid(f"`id_slot`: expected -1 or a slot from 0 to {n_slots - 1}.")
    return body.id_slot
