"""lmfile and llama-server give the same greedy answers to the same chat prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.drivers.answers import Answer, ask_chats, chat, parting

TOKENS = 32
FIRST_LOGPROB_WITHIN = 0.02
IDENTICAL_SHARE = 0.9


@dataclass
class Agreement:
    """How many prompts were asked and answered alike, and in a sentence each what must not be."""

    asked: int = 0
    identical: int = 0
    ties: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Nine of ten answers are identical, and every other one parts at a near tie."""
        return not self.wrong and self.identical >= IDENTICAL_SHARE * self.asked


def peer(llama_server: Path, model: Path) -> list[str | Path]:
    """The command that starts llama-server for it: one thread, one slot."""
    return [llama_server, "-m", model, "--no-ui", "-t", "1", "-np", "1", "-c", "4096"]


def compare(our_port: int, their_port: int, prompts: Sequence[str], result: Agreement | None = None) -> Agreement:
    """Ask both servers each prompt, one server after the other; return `result` with what came out."""
    result = result or Agreement()
    for prompt in prompts:
        body = [chat(prompt, TOKENS)]
        ours, theirs = ask_chats(our_port, body)[0], ask_chats(their_port, body)[0]
        result.asked += 1
        _judge(result, prompt, ours, theirs)
    return result


def _judge(result: Agreement, prompt: str, ours: Answer, theirs: Answer) -> None:
    if ours.n_prompt != theirs.n_prompt:
        result.wrong.append(f"{prompt}: {ours.n_prompt} prompt tokens, not {theirs.n_prompt}")
    apart = abs(ours.tokens[0].logprob - theirs.tokens[0].logprob)
    if ours.tokens[0].text == theirs.tokens[0].text and apart > FIRST_LOGPROB_WITHIN:
        result.wrong.append(f"{prompt}: the first token's logprobs are {apart:.3f} apart")
    found = parting(ours, theirs)
    if found is None:
        result.identical += 1
        said, right = (ours.text, ours.n_predicted, ours.stop), (theirs.text, theirs.n_predicted, theirs.stop)
        if said != right:
            result.wrong.append(f"{prompt}: {said}, not {right}")
    elif found.is_tie:
        result.ties += 1
    else:
        result.wrong.append(f"{prompt}: parts at token {found.place} with a margin of {found.margin:.3f}")
