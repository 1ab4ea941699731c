"""The request for a completion, and what the engine is asked for it."""

from runtime.engine.protocol import Adapters, Generate
from runtime.server.asking import requests
from runtime.server.fields import Copies, GenerationFields, Probabilities
from runtime.server.infilling import infill_prompt
from runtime.server.problem import invalid
from runtime.server.prompts import PromptField, read_prompts
from runtime.server.service import Service


class CompletionBody(GenerationFields, kw_only=True):
    """The request of a completion; fields not named here are ignored.

    logprobs: so many likely tokens are told for each token. echo: the answer begins with the prompt.
    suffix: what follows the answer. best_of: so many answers are made, of which the `n` likeliest are told.
    """

    prompt: PromptField
    n: Copies | None = None
    best_of: Copies | None = None
    logprobs: Probabilities | None = None
    echo: bool | None = None
    suffix: str | None = None

    @property
    def n_told(self) -> int:
        """Answers to each prompt that the client gets."""
        return self.n or 1

    @property
    def n_made(self) -> int:
        """Answers to each prompt that are made."""
        return max(self.n_told, self.best_of or 0)

    @property
    def is_contest(self) -> bool:
        """Whether more answers are made than told."""
        return self.n_made > self.n_told

    def check(self) -> None:
        """Raise the Problem with fields that exclude each other, if there is one."""
        if self.best_of is not None and self.best_of < self.n_told:
            raise invalid(f"`best_of`: expected at least `n`, which is {self.n_told}.")
        if self.is_contest and self.stream:
            raise invalid("`best_of`: the best answers cannot be known while they stream; leave out `stream`.")
        if self.suffix and self.echo:
            raise invalid("`suffix`: `echo` excludes it.")


def asked_for(service: Service, body: CompletionBody, adapters: Adapters | None) -> list[Generate]:
    """Return the requests, `n_made` for each prompt. Raises: Problem."""
    body.check()
    facts = service.facts()
    prompts = read_prompts(body.prompt, facts.n_vocab, body.n_made)
    if body.suffix:
        prompts = [infill_prompt(facts, prompt, body.suffix, "suffix") for prompt in prompts]
    contents = [Generate(id=0, prompt=prompt, prompt_probs=_prompt_probs(body)) for prompt in prompts]
    return requests(service, body, contents, adapters=adapters, copies=body.n_made, n_probs=_n_probs(body))


def prompt_text(asked: Generate, rendered: str) -> str:
    """The prompt as the client wrote it; `rendered` is what the engine made of it."""
    return asked.prompt if isinstance(asked.prompt, str) else rendered


def _n_probs(body: CompletionBody) -> int:
    if body.logprobs is None:
        return 1 if body.is_contest else 0
    return max(1, body.logprobs)


def _prompt_probs(body: CompletionBody) -> int:
    return body.logprobs if body.echo and body.logprobs is not None else -1
