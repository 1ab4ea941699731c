"""Structured output: what keeps an answer in the form that a request asked for."""
