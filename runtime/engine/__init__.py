"""The engine: one model in a worker process, spoken to by messages."""
