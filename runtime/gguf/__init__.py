"""GGUF model files: a strict reader, standard library only, used when packing and when starting.

`read` accepts a file only if every count, string, array, shape and offset in its header is
possible; `facts` only if the pinned engine runs it. Nothing native sees a file
before both have passed.
"""

from runtime.gguf.facts import Facts, PartFacts, Role, facts, part_facts, role
from runtime.gguf.header import Gguf, Tensor
from runtime.gguf.reader import parse, read

__all__ = ["Facts", "Gguf", "PartFacts", "Role", "Tensor", "facts", "parse", "part_facts", "read", "role"]
