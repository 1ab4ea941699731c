"""What LoRAX tells about a complete answer: its details, and how long each part of the work took."""

import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from runtime.engine.protocol import FinishReason, ModelFacts
from runtime.server.generation import Answer
from runtime.server.lorax.parameters import GenerateBody, Parameters
from runtime.server.lorax.tokens import AnswerToken, InputToken, Teller, read_tokens
from runtime.server.probabilities import mean_logprob

FinishWord = Literal["length", "eos_token", "stop_sequence"]

FINISH_WORDS: dict[FinishReason, FinishWord] = {
    "stop": "eos_token",
    "word": "stop_sequence",
    "length": "length",
    "cancelled": "length",
}


class StreamDetails(msgspec.Struct, kw_only=True):
    """How an answer came to its end. seed: null when nothing was drawn."""

    finish_reason: FinishWord
    prompt_tokens: int
    generated_tokens: int
    skipped_tokens: int
    seed: int | None


class OtherSequence(msgspec.Struct, kw_only=True):
    """An answer that `best_of` has not chosen."""

    generated_text: str
    finish_reason: FinishWord
    generated_tokens: int
    skipped_tokens: int
    seed: int | None
    prefill: list[InputToken]
    tokens: list[AnswerToken]


class Details(StreamDetails, kw_only=True, omit_defaults=True):
    """How an answer came about, token by token. prefill: the prompt's, with `decoder_input_details`."""

    prefill: list[InputToken]
    tokens: list[AnswerToken]
    best_of_sequences: list[OtherSequence] | None = None


class GenerateAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer. As in LoRAX a stop sequence is the last of the text."""

    generated_text: str
    details: Details | None = None


def whole_answer(facts: ModelFacts, body: GenerateBody, answers: Sequence[Answer]) -> GenerateAnswer:
    """Return the likeliest of the answers, and what is told of it and of the others."""
    wanted = body.parameters or Parameters()
    best = max(answers, key=lambda one: mean_logprob(one.probabilities))
    whole = GenerateAnswer(generated_text=full_text(body, best))
    if wanted.tells_details:
        found = stream_details(wanted, best)
        whole.details = Details(
            **msgspec.structs.asdict(found),
            prefill=read_tokens(best.prompt_probabilities),
            tokens=_tokens(facts, wanted, best),
        )
        if len(answers) > 1:
            others = [one for one in answers if one is not best]
            whole.details.best_of_sequences = [_other(facts, body, one) for one in others]
    return whole


def full_text(body: GenerateBody, answer: Answer) -> str:
    """The text of an answer: with the stop sequence that ended it, and after the prompt if that is wanted."""
    before = body.inputs if body.parameters and body.parameters.return_full_text else ""
    return before + answer.text + (answer.finished.stopping_word if answer.finished else "")


def stream_details(wanted: Parameters, answer: Answer) -> StreamDetails:
    """How an answer came to its end."""
    finished = answer.finished
    seed = (wanted.seed if wanted.seed is not None else finished.seed) if wanted.samples and finished else None
    return StreamDetails(
        finish_reason=FINISH_WORDS[finished.reason] if finished else "length",
        prompt_tokens=answer.n_prompt,
        generated_tokens=answer.n_predicted,
        skipped_tokens=0,
        seed=seed,
    )


def measured(
    facts: ModelFacts, body: GenerateBody, answers: Sequence[Answer], began_s: float, asked_s: float
) -> dict[str, str]:
    """The headers of a whole answer, all times in milliseconds.

    began_s, asked_s: when the request came, and when it went to the engine.
    """
    total_ms = (time.monotonic() - began_s) * 1000
    validation_ms = (asked_s - began_s) * 1000
    answer = answers[0]
    timings = answer.finished.timings if answer.finished else None
    prompt_ms, predicted_ms = (timings.prompt_ms, timings.predicted_ms) if timings else (0.0, 0.0)
    inference_ms = prompt_ms + predicted_ms
    n_generated = sum(one.n_predicted for one in answers)
    queue_ms = max(0.0, total_ms - validation_ms - inference_ms)
    numbers = {
        "x-compute-time": total_ms,
        "x-total-time": total_ms,
        "x-prompt-tokens": answer.n_prompt,
        "x-generated-tokens": n_generated,
        "x-skipped-tokens": 0,
        "x-total-tokens": answer.n_prompt + n_generated,
        "x-validation-time": validation_ms,
        "x-queue-time": queue_ms,
        "x-inference-time": inference_ms,
        "x-time-per-token": inference_ms / max(1, answer.n_predicted),
        "x-time-to-first-token": validation_ms + queue_ms + prompt_ms,
        "x-time-per-output-token": predicted_ms / max(1, answer.n_predicted - 1),
    }
    return computed(facts, body) | {name: str(round(number)) for name, number in numbers.items()}


def computed(facts: ModelFacts, body: GenerateBody) -> dict[str, str]:
    """The headers that are known before the answer."""
    return {"x-compute-type": device(facts), "x-compute-characters": str(len(body.inputs))}


def device(facts: ModelFacts) -> str:
    """Where the model is computed."""
    return "gpu" if facts.n_gpu_layers else "cpu"


def _tokens(facts: ModelFacts, wanted: Parameters, answer: Answer) -> list[AnswerToken]:
    return Teller(facts, wanted.return_k_alternatives or 0).all(answer)


def _other(facts: ModelFacts, body: GenerateBody, answer: Answer) -> OtherSequence:
    wanted = body.parameters or Parameters()
    found = stream_details(wanted, answer)
    return OtherSequence(
        generated_text=full_text(body, answer),
        finish_reason=found.finish_reason,
        generated_tokens=found.generated_tokens,
        skipped_tokens=0,
        seed=found.seed,
        prefill=read_tokens(answer.prompt_probabilities),
        tokens=_tokens(facts, wanted, answer),
    )
