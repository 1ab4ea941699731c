"""A greedy answer is the same alone, in a batch, behind a shared prefix, after cancels, and restored from disk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.answers import Answer, ask_completions, completion, completion_answer, parting
from tests.prompts import PROMPTS
from tests.streams import Unanswered, ask_all, streams

TOKENS = 48
BATCH = 16
CANCELLED = 8
CANCELLED_AFTER = 4
INSTRUCTION = "You answer every question in one short paragraph, in plain words, and never ask back. " * 12
STATE_FILE = "slot-of-the-test.bin"


@dataclass
class Shapes:
    """How many answers were compared with the one computed alone, and what must not be."""

    compared: int = 0
    ties: int = 0
    wrong: list[str] = field(default_factory=list)

    def compare(self, how: str, alone: Answer, other: Answer) -> None:
        """Note how `other` relates to the answer computed alone."""
        self.compared += 1
        found = parting(alone, other)
        if found and found.is_tie:
            self.ties += 1
        elif found:
            self.wrong.append(f"{how}: parts at token {found.place} with a margin of {found.margin:.3f}")


def first_answer(port: int) -> Answer:
    """The answer of a server that nobody has asked yet: the same shapes in the same places, so the same bits."""
    return _alone(port, _prompt(PROMPTS[0]))


def compare(port: int) -> Shapes:
    """Ask one question in all the ways; the server was given a folder for the states of slots."""
    result = Shapes()
    prompt = _prompt(PROMPTS[0])
    alone = _alone(port, prompt)
    for answer in _in_a_batch(port, prompt):
        result.compare("in a batch", alone, answer)
    _ask(port, _prompt(PROMPTS[1]), cache_prompt=True)
    result.compare("behind a shared prefix", alone, _ask(port, prompt, cache_prompt=True))
    _cancel_some(port)
    result.compare("after cancels", alone, _alone(port, prompt))
    result.compare("restored from disk", alone, _restored(port, prompt))
    return result


def _prompt(question: str) -> str:
    return (
        f"<|im_start|>system\n{INSTRUCTION}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    )


def _alone(port: int, prompt: str) -> Answer:
    return _ask(port, prompt, cache_prompt=False)


def _ask(port: int, prompt: str, **fields: object) -> Answer:
    return ask_completions(port, [completion(prompt, TOKENS, **fields)])[0]


def _in_a_batch(port: int, prompt: str) -> Sequence[Answer]:
    """The same question twice among others, first and last."""
    others = [completion(PROMPTS[number], TOKENS, cache_prompt=False) for number in range(2, BATCH)]
    asked = completion(prompt, TOKENS, cache_prompt=False)
    answers = ask_completions(port, [asked, *others, asked])
    return answers[0], answers[-1]


def _cancel_some(port: int) -> None:
    with streams(port) as opened:
        for prompt in PROMPTS[-CANCELLED:]:
            opened.open({"prompt": prompt, "n_predict": 500, "ignore_eos": True, "stream": True})
        opened.read_until(lambda: any(len(stream.times) >= CANCELLED_AFTER for stream in opened.all))


def _restored(port: int, prompt: str) -> Answer:
    """Fill slot 0, save it, erase it, restore it, and ask there again."""
    _ask(port, prompt, cache_prompt=True, id_slot=0)
    for action in ("save", "erase", "restore"):
        _slot(port, action, {} if action == "erase" else {"filename": STATE_FILE})
    body = completion(prompt, TOKENS, cache_prompt=True, id_slot=0)
    stream = ask_all(port, [body])[0]
    answer = completion_answer(stream)
    if not json.loads(stream.body)["timings"]["cache_n"]:
        raise Unanswered("after a restored state the whole prompt was computed again")
    return answer


def _slot(port: int, action: str, body: Mapping[str, Any]) -> None:
    answer = ask_all(port, [body], f"/slots/0?action={action}")[0]
    if answer.status != 200:
        raise Unanswered(f"{action}: {answer.status}: {answer.body[-300:]}")
