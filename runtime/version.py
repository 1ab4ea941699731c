"""The version of lmfile, in one place."""

VERSION = "0.1.0"
