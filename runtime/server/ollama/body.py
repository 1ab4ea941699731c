"""What Ollama's two requests for an answer, `generate` and `chat`, both hold."""

import msgspec

from runtime.server.constraints import absent
from runtime.server.fields import GenerationFields, Probabilities
from runtime.server.ollama.loaded import ModelFields
from runtime.server.ollama.options import FormatField, OptionFields, generation_fields
from runtime.server.ollama.thinking import Think


class AnswerFields(ModelFields, kw_only=True):
    """How to answer.

    truncate, shift: taken, and change nothing: a prompt longer than the context is refused, and whether the beginning
    falls out of a full one is decided at the server's start.
    """

    format: FormatField = msgspec.field(default_factory=absent)
    options: OptionFields | None = None
    think: Think | None = None
    stream: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Probabilities | None = None
    truncate: bool | None = None
    shift: bool | None = None

    @property
    def streams(self) -> bool:
        """Whether the answer comes line by line, which is the default."""
        return self.stream is not False

    @property
    def n_alternatives(self) -> int:
        """How many candidates the engine tells for each token; 0: none are wanted."""
        return max(1, self.n_top) if self.logprobs else 0

    @property
    def n_top(self) -> int:
        """How many of them are told in the place of each token."""
        return self.top_logprobs or 0

    def generation(self) -> GenerationFields:
        """Return how to generate, in the words that all dialects share. Raises: Problem."""
        return generation_fields(self.options, self.format)
