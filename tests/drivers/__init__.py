"""Proofs about a running server in any number of rounds: few in the tests, many by `python -m tests.drivers`."""
