"""The request of LoRAX's clients, with the ranges that LoRAX has, and what it means in the words of all dialects.

Its clients send every key, those that are not set as null.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runtime.server.constraints import ResponseFormat, SchemaField, absent
from runtime.server.fields import GenerationFields, StopWord
from runtime.server.lorax.dialect import MAX_ALTERNATIVES, MAX_BEST_OF, MAX_MERGED_ADAPTERS, MAX_STOP_SEQUENCES
from runtime.server.problem import invalid, not_supported

N_SEEDS = 2**32

AdapterId = Annotated[str, Meta(max_length=1024)]
Weight = Annotated[float, Meta(ge=-100, le=100)]


class FormatField(msgspec.Struct, kw_only=True):
    """What the answer has to be: JSON of this schema; without one, any object."""

    type: Literal["text", "json_object", "json_schema"]
    schema: SchemaField = msgspec.field(default_factory=absent)


class MergedAdapters(msgspec.Struct, kw_only=True):
    """Several adapters at once: the weighted sum of what each of them changes, exactly.

    merge_strategy: `linear`; the others are refused. density, majority_sign_method: of those others.
    """

    ids: Annotated[list[AdapterId], Meta(min_length=1, max_length=MAX_MERGED_ADAPTERS)]
    weights: Annotated[list[Weight], Meta(min_length=1, max_length=MAX_MERGED_ADAPTERS)]
    merge_strategy: Literal["linear", "ties", "dare_linear", "dare_ties"] | None = None
    density: Annotated[float, Meta(ge=0, le=1)] | None = None
    majority_sign_method: Literal["total", "frequency"] | None = None


class Parameters(msgspec.Struct, kw_only=True):
    """How to answer; fields not named here are ignored.

    adapter_id: the adapter; an empty text or the model's own name for none. adapter_source: taken, and without effect:
    only what is here can be used. api_token: taken, and without effect. truncate: only the last so many tokens of the
    input. watermark: only false.
    """

    adapter_id: AdapterId | None = None
    adapter_source: Literal["hub", "local", "s3", "pbase"] | None = None
    merged_adapters: MergedAdapters | None = None
    api_token: str | None = None
    do_sample: bool | None = None
    max_new_tokens: Annotated[int, Meta(gt=0, le=1 << 24)] | None = None
    ignore_eos_token: bool | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=100)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    return_full_text: bool | None = None
    stop: Annotated[list[StopWord], Meta(max_length=MAX_STOP_SEQUENCES)] | None = None
    seed: Annotated[int, Meta(ge=0)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_k: Annotated[int, Meta(gt=0, le=1 << 24)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    typical_p: Annotated[float, Meta(gt=0, lt=1)] | None = None
    truncate: Annotated[int, Meta(gt=0)] | None = None
    best_of: Annotated[int, Meta(gt=0, le=MAX_BEST_OF)] | None = None
    watermark: bool | None = None
    details: bool | None = None
    decoder_input_details: bool | None = None
    return_k_alternatives: Annotated[int, Meta(gt=0, le=MAX_ALTERNATIVES)] | None = None
    response_format: FormatField | None = None
    apply_chat_template: bool | None = None

    @property
    def samples(self) -> bool:
        """Whether tokens are drawn; else each is the likeliest."""
        if self.temperature == 0:
            return False
        is_cut = self.top_k is not None or self.typical_p is not None or self.top_p not in (None, 1)
        return bool(self.do_sample) or is_cut or self.temperature not in (None, 1)

    @property
    def tells_details(self) -> bool:
        """Whether the answer has `details`."""
        return bool(self.details or self.decoder_input_details)

    def fields(self) -> GenerationFields:
        """Return how to generate. What is not said is as in LoRAX, whatever the server was started with."""
        return GenerationFields(
            max_tokens=-1 if self.max_new_tokens is None else self.max_new_tokens,
            stop=self.stop,
            ignore_eos=self.ignore_eos_token,
            seed=None if self.seed is None else self.seed % N_SEEDS,
            temperature=self._temperature(),
            top_k=self.top_k or 0,
            top_p=self.top_p or 1.0,
            min_p=0.0,
            typical_p=self.typical_p or 1.0,
            repeat_last_n=-1,
            repeat_penalty=self.repetition_penalty or 1.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            presence_penalty=self.presence_penalty or 0.0,
            response_format=self._format(),
        )

    def check(self, *, stream: bool) -> None:
        """Raise the Problem of what does not go together."""
        if self.adapter_id and self.merged_adapters:
            raise invalid("`adapter_id`: expected none, because `merged_adapters` is given.")
        if self.watermark:
            raise not_supported("`watermark`")
        if stream and self.decoder_input_details:
            raise invalid("`decoder_input_details`: expected false in a stream.")
        if (self.best_of or 1) > 1:
            self._check_best_of(stream=stream)

    def _check_best_of(self, *, stream: bool) -> None:
        if stream:
            raise invalid("`best_of`: expected 1 in a stream.")
        if not self.samples:
            raise invalid("`best_of`: needs sampling; give `do_sample` or a `temperature`.")
        if self.seed is not None:
            raise invalid("`seed`: expected none, because `best_of` is above 1.")

    def _temperature(self) -> float:
        if not self.samples:
            return 0.0
        return 1.0 if self.temperature is None else self.temperature

    def _format(self) -> ResponseFormat | None:
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return None
        return ResponseFormat(type="json_object", schema=wanted.schema)


class GenerateBody(msgspec.Struct, kw_only=True):
    """The request."""

    inputs: Annotated[str, Meta(min_length=1)]
    parameters: Parameters | None = None


class PostBody(GenerateBody, kw_only=True):
    """The request to `/`, which may ask for a stream."""

    stream: bool | None = None
