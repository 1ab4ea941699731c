"""OpenAI's dialect: how its clients read a refusal."""

from runtime.server.dialect import Dialect

OPENAI = Dialect(name="OpenAI", prefixes=("/v1/",))
