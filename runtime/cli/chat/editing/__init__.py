"""A small line editor: keys in, lines out, on terminals that understand ANSI.

CPython's `readline` is linked with GNU readline (GPL), which must not be shipped, and there is no portable build of it
with libedit. What a chat needs of one, several lines that wrap, pasted text, wide characters, history and search, is
600 lines over `termios`. Windows consoles and dumb terminals have their system's own line input (`reading.py`).
"""
