"""One client: the speed of decoding and of reading a prompt, also with a model of 1.5 billion parameters."""

from tests.bench.contest import Contest, field
from tests.bench.row import Row, against_better
from tests.bench.servers import Server
from tests.bench.texts import QUESTION, tokens
from tests.models import qwen_coder_gguf

PROMPT_TOKENS = 512
TURNS = 7
DECODE_TOKENS = 128
LARGE_TURNS = 3
LARGE_DECODE_TOKENS = 32


def smollm2(contest: Contest) -> list[Row]:
    """The packed model."""
    return _rows(contest, "", TURNS, DECODE_TOKENS)


def qwen(contest: Contest) -> list[Row]:
    """Qwen2.5-Coder-1.5B, a file beside the executable."""
    return _rows(contest.serving(qwen_coder_gguf()), ", Qwen 1.5B", LARGE_TURNS, LARGE_DECODE_TOKENS)


def _rows(contest: Contest, ending: str, turns: int, n_decode: int) -> list[Row]:
    def both(server: Server) -> tuple[float, float]:
        decoded = server.complete(QUESTION, n_decode).tokens_per_s
        return decoded, PROMPT_TOKENS / server.complete(tokens(PROMPT_TOKENS, PROMPT_TOKENS), 2).first_s

    with field(contest, "-c", "2048", "-np", "1") as servers:
        measured = [servers.turn(both) for _ in contest.turns(turns)]
    decode = Row(f"decode, {n_decode} tokens{ending}", "tokens/s", 0.98, higher=True)
    prompt = Row(f"prompt of {PROMPT_TOKENS}{ending}", "tokens/s", 0.98, higher=True)
    return [
        against_better(decode, measured, lambda pair: pair[0]),
        against_better(prompt, measured, lambda pair: pair[1]),
    ]
