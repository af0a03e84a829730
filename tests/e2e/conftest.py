"""Fixtures of the end-to-end tests: real gunicorn and Flask behind a real flaskscale."""

import pytest
from demo_server import DemoServer


@pytest.fixture(scope="module")
def demo():
    """One flaskscale for a whole test file: two instances of the demo application with four slots."""
    with DemoServer(minimum=2, maximum=2) as server:
        yield server
