"""Traces of requests for OpenTelemetry; nothing of it is loaded where no collector is named."""
