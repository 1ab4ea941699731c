"""The engines: one module (or one prefix) for each, all of them a `runtime.engine.backend.Backend`."""
