"""Where weights come from: files, other executables, addresses, hubs; each becomes a `Source`, a GGUF to pack."""

from bundler.sources.source import Located, Provenance, Source

__all__ = ["Located", "Provenance", "Source"]
