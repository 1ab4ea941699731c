"""The chat in the terminal: `--chat`. `loop` is the main flow, `commands` are what begins with a slash.

Imported for `--chat` alone; no other mode pays for any of it.
"""
