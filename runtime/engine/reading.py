"""What is told about a prompt while it is read: that it begins, how far it is, how likely its tokens are."""

from runtime.engine.backend import Backend, Drawn, Work
from runtime.engine.protocol import Event, Progress, Prompted, Started, TokenProbability
from runtime.engine.sequence import Sequence


def begun(sequence: Sequence, backend: Backend) -> list[Event]:
    """Return the events that say that a request has begun, the first time; by now it is known what was cached."""
    if sequence.was_announced:
        return []
    sequence.was_announced = True
    request = sequence.request
    started = Started(
        id=request.id,
        prompt=sequence.text,
        n_prompt=sequence.n_prompt,
        n_cached=sequence.n_cached,
        slot=sequence.slot,
    )
    events: list[Event] = [started]
    if request.progress:
        events.append(_progress(sequence, sequence.n_computed))
    if request.prompt_probs >= 0 and sequence.tokens:
        events.append(Prompted(id=request.id, probabilities=[_unknown(sequence.tokens[0], backend)]))
    return events


def read(sequence: Sequence, work: Work, told: list[Drawn]) -> list[Event]:
    """Return the events that say that a part of the prompt was read; a part that is read again is told once."""
    events: list[Event] = []
    if work.asked:
        new = [one.probability for one in told[sequence.n_told - work.position :] if one.probability]
        sequence.n_told += len(new)
        if new:
            events.append(Prompted(id=sequence.request.id, probabilities=new))
    if sequence.request.progress:
        events.append(_progress(sequence, work.position + len(work.tokens)))
    return events


def _progress(sequence: Sequence, n_done: int) -> Progress:
    return Progress(
        id=sequence.request.id,
        n_prompt=sequence.n_prompt,
        n_cached=sequence.n_cached,
        n_done=n_done,
        took_ms=sequence.age_ms,
    )


def _unknown(token: int, backend: Backend) -> TokenProbability:
    """Return the first token of a prompt: nothing comes before it that would make it likely or not."""
    piece = backend.token_bytes(token)
    return TokenProbability(id=token, token=piece.decode("utf-8", "ignore"), bytes=list(piece), logprob=0.0)
