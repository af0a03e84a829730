"""Programs that a test needs and a machine may lack."""

import os
import shutil

import pytest


def skip_without(*programs):
    """A mark: skips where one of them is missing, except in CI, where the test shall fail of it."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing) and "FLASKSCALE_CI" not in os.environ,
                              reason=f"not installed: {', '.join(missing)}")
