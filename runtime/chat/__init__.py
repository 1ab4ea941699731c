"""How models talk: what a conversation asks of a model's template and grammar, and what its answer means.

    form = find(facts.chat_template)                    # which family's way of calling tools and of thinking
    prepared = form.prepare(conversation, grammar)      # what the engine is asked
    reader = form.reader(conversation, started.prompt)  # text in, pieces out: said, thought, called

Does not know: HTTP, dialects, the engine; templates are rendered in the worker.
"""

from runtime.chat.conversation import Choice, Conversation, Tool
from runtime.chat.form import Form, Prepared, Reader, ThoughtMarks, Unsuitable
from runtime.chat.forms import find
from runtime.chat.pieces import CallBegan, CallGrew, Piece, Said, Thought

__all__ = [
    "CallBegan",
    "CallGrew",
    "Choice",
    "Conversation",
    "Form",
    "Piece",
    "Prepared",
    "Reader",
    "Said",
    "Thought",
    "ThoughtMarks",
    "Tool",
    "Unsuitable",
    "find",
]
