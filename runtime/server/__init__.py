"""The HTTP side of the front: dialects in, `engine.protocol` out. See `serve` for how it is started."""
