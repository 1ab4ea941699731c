"""Output that follows a JSON schema, against free output of the same server."""

from tests.bench.contest import Contest, field
from tests.bench.row import LMFILE, Row
from tests.bench.servers import Server

TURNS = 7
TOKENS = 128
PROMPT = "A list of people in JSON, each with name, age, city and hobbies:\n"
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 4},
        "age": {"type": "integer", "minimum": 1},
        "city": {"type": "string", "minLength": 4},
        "hobbies": {"type": "array", "items": {"type": "string", "minLength": 4}, "minItems": 2},
    },
    "required": ["name", "age", "city", "hobbies"],
    "additionalProperties": False,
}
PEOPLE = {"type": "array", "items": PERSON, "minItems": 30}
"""Long enough that no answer ends before TOKENS."""


def rows(contest: Contest) -> list[Row]:
    """Tokens/s with the prompt and the compiling of the schema in them: lmfile's two, beside llama-server's ratio."""

    def both(server: Server) -> tuple[float, float]:
        constrained, free = (server.complete(PROMPT, TOKENS, **extra) for extra in ({"json_schema": PEOPLE}, {}))
        return (
            constrained.last["tokens_predicted"] / constrained.total_s,
            free.last["tokens_predicted"] / free.total_s,
        )

    with field(contest, "-np", "1", "-c", "2048") as servers:
        turns = [servers.turn(both) for _ in contest.turns(TURNS)]
    row = Row("JSON schema, against free output", "tokens/s", 0.95, higher=True)
    row.pairs = [turn[LMFILE] for turn in turns]
    row.peers = {f"llama-server {name}, ratio": _ratio([t[name] for t in turns]) for name in turns[0] if name != LMFILE}
    return [row]


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return Row("", "", 0, higher=True, pairs=pairs).ratio
