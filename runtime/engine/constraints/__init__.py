"""Structured output: what keeps an answer in the form that a request asked for.

    matcher = Constraints(vocabulary).matcher(grammar)     # InvalidRequest names the field
    while not ended:
        if matcher.mask(address): …                        # bits of the tokens that may come next
        matcher.accept(token)

The work is llguidance's; ours are the bounds on what it is given, GBNF, and lazy grammars. Importing this
package loads 8 MB of native code in 0.1 s, and the first grammar builds the table of tokens in
0.15 s more: import it when a grammar is asked for, or when there is nothing else to do.

Of JSON schema (2020-12), an answer is held to every keyword that `schema.py` lets through, with these reservations:
properties come in the order of the schema; objects that list their properties have no others unless the
schema says so; `oneOf` needs parts that cannot overlap (other types, or other strings as constants of a property);
names of free properties may repeat; years are 1000 to 2999. Everything else is refused by name, never passed over.

The schemas of tools, `%loose` in a Lark grammar, are the exception: they come from elsewhere, and what an answer
cannot be held to is let go there.
"""

from runtime.engine.constraints.constraints import Constraints
from runtime.engine.constraints.matcher import Matcher
from runtime.engine.constraints.vocabulary import Vocabulary

__all__ = ["Constraints", "Matcher", "Vocabulary"]
