"""llama.cpp's dialect: how its clients read a refusal."""

from runtime.server.dialect import Dialect

NATIVE = Dialect(name="llama.cpp")
