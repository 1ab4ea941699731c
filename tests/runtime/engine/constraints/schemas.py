"""Writes JSON schemas at random, varied and always satisfiable; a seed gives the same one every time."""

import random

Schema = dict[str, object]

NAMES = "id name title age count price tags items kind notes owner email active created parent score".split()
PATTERNS = [
    "^[A-Z]{2}-[0-9]{4}$",
    "^(red|green|blue)$",
    "^[a-z]+( [a-z]+){0,3}$",
    "[0-9]{3}",
    "^.{3,12}$",
    r"^\d+\.\d{2}$",
]
FORMATS = ["date", "time", "date-time", "email", "uuid", "ipv4", "ipv6", "hostname", "uri", "duration"]
WORDS = ["red", "green", "blue", "a b", 'quote "q"', "ünï", "", "日本"]
DEPTH = 3


def schema(seed: int) -> Schema:
    """Return the schema number `seed`; its root is mostly an object."""
    rng = random.Random(seed)
    made = _Maker(rng)
    root = made.object(0) if rng.random() < 0.8 else made.any(0)
    if made.definitions:
        root = root | {"$defs": made.definitions}
    return root


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.definitions: dict[str, Schema] = {}

    def any(self, depth: int) -> Schema:
        rng = self._rng
        simple = [self.string, self.integer, self.number, self.choice, self.constant, self.boolean, self.formatted]
        nested = [self.object, self.array, self.tuple, self.union, self.nullable, self.map, self.tree, self.both]
        kind = rng.choice(simple if depth >= DEPTH or rng.random() < 0.5 else nested)
        return kind(depth + 1) | ({"description": "words"} if rng.random() < 0.2 else {})

    def object(self, depth: int) -> Schema:
        names = self._rng.sample(NAMES, self._rng.randint(1, 5))
        made: Schema = {"type": "object", "properties": {name: self.any(depth + 1) for name in names}}
        if self._rng.random() < 0.8:
            made["required"] = [name for name in names if self._rng.random() < 0.7]
        if self._rng.random() < 0.3:
            made["additionalProperties"] = self._rng.choice([False, {"type": "integer"}])
        return made

    def map(self, depth: int) -> Schema:
        return {"type": "object", "additionalProperties": self.any(depth + 1), "maxProperties": 3}

    def array(self, depth: int) -> Schema:
        least = self._rng.randint(0, 2)
        return {
            "type": "array",
            "items": self.any(depth + 1),
            "minItems": least,
            "maxItems": least + self._rng.randint(0, 3),
        }

    def tuple(self, depth: int) -> Schema:
        count = self._rng.randint(1, 3)
        return {
            "type": "array",
            "prefixItems": [self.any(depth + 1) for _ in range(count)],
            "items": False,
            "minItems": count,
        }

    def union(self, depth: int) -> Schema:
        if self._rng.random() < 0.5:
            return {"anyOf": [self.any(depth + 1), self.any(depth + 1)]}
        return {"oneOf": [self.string(depth), self.integer(depth), self.array(depth)]}

    def nullable(self, depth: int) -> Schema:
        if self._rng.random() < 0.5:
            return {"type": [self._rng.choice(["string", "integer", "boolean"]), "null"]}
        return {"anyOf": [self.any(depth + 1), {"type": "null"}]}

    def tree(self, depth: int) -> Schema:
        name = f"node{len(self.definitions)}"
        self.definitions[name] = {}
        children = {"type": "array", "items": {"$ref": f"#/$defs/{name}"}, "maxItems": 2}
        properties = {"value": self.any(DEPTH), "children": children}
        self.definitions[name] |= {"type": "object", "properties": properties, "required": ["value"]}
        return {"$ref": f"#/$defs/{name}"}

    def both(self, depth: int) -> Schema:
        first = {"type": "object", "properties": {"left": self.any(DEPTH)}, "required": ["left"]}
        return {"allOf": [first, {"type": "object", "properties": {"right": self.any(DEPTH)}}]}

    def string(self, depth: int) -> Schema:
        kind = self._rng.randrange(3)
        if kind == 0:
            return {"type": "string", "pattern": self._rng.choice(PATTERNS)}
        least = self._rng.randint(0, 5)
        return (
            {"type": "string", "minLength": least, "maxLength": least + self._rng.randint(0, 20)}
            if kind == 1
            else {"type": "string"}
        )

    def formatted(self, depth: int) -> Schema:
        return {"type": "string", "format": self._rng.choice(FORMATS)}

    def integer(self, depth: int) -> Schema:
        low = self._rng.randint(-1000, 1000)
        bounds: list[Schema] = [
            {}, {"minimum": low}, {"maximum": low}, {"minimum": low, "maximum": low + self._rng.randint(0, 500)},
            {"exclusiveMinimum": low, "exclusiveMaximum": low + 7}, {"multipleOf": self._rng.choice([2, 5, 10])},
        ]  # fmt: skip
        return {"type": "integer"} | self._rng.choice(bounds)

    def number(self, depth: int) -> Schema:
        low = self._rng.randint(-100, 100) / 4
        return {"type": "number"} | self._rng.choice([{}, {"minimum": low}, {"exclusiveMinimum": 0, "maximum": 99.5}])

    def choice(self, depth: int) -> Schema:
        values = [*WORDS, 1, -2.5, True, None, [1, "a"], {"k": 0}]
        return {"enum": self._rng.sample(values, self._rng.randint(1, 5))}

    def constant(self, depth: int) -> Schema:
        return {"const": self._rng.choice([*WORDS, 0, False, None, {"a": [1]}])}

    def boolean(self, depth: int) -> Schema:
        return {"type": "boolean"}
