"""Finds what was computed of the system prompt when the executable was built, where it fits what runs now."""

from runtime.cli.source import ModelSource
from runtime.engine.config import WorkerConfig
from runtime.payload import Member, Payload


def with_baked(config: WorkerConfig, model: ModelSource, payload: Payload) -> WorkerConfig:
    """`config` with the state of its model, if the executable has one that this engine has computed."""
    engine = payload.manifest.runtime.get("engine")
    recipe = engine.get("recipe") if isinstance(engine, dict) else None
    for state in payload.manifest.states:
        member, weights = payload.member(state.path), payload.member(state.model)
        if member is None or weights is None or not _is(weights, model, payload):
            continue
        if (state.engine, state.model_sha256) == (recipe, weights.sha256):
            return config._replace(
                baked_path=str(payload.file_of(member)),
                baked_offset=member.offset,
                baked_size=member.size,
            )
    return config


def _is(weights: Member, model: ModelSource, payload: Payload) -> bool:
    return (payload.file_of(weights), weights.offset) == (model.path, model.offset)
