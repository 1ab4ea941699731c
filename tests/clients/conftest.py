"""The address of the running executable, for clients that are used as they come from the package index."""

import pytest

from tests.serving import Server


@pytest.fixture(scope="session")
def server_url(server: Server) -> str:
    """Where SmolLM2 is served, without a trailing slash."""
    return server.url
