"""Fixtures: the whole program between raw clients and scripted backends."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from front_door import FrontDoor, config  # noqa: E402
from scripted import Scripted  # noqa: E402


class Stage:
    """Makes what a test needs and ends all of it, the front doors first."""

    def __init__(self, stack):
        self._stack = stack
        self._doors = 0
        self._folder = None

    def in_folder(self, folder):
        """Where the front doors of this stage keep their files."""
        self._folder = folder
        return self

    def backend(self, answer=None, **options):
        """A scripted backend; see Scripted."""
        return self._stack.enter_context(Scripted(answer, **options))

    def front_door(self, *backends, text=None, wait="serving", environment=None, **settings):
        """Starts the program over these backends; `settings` as for config(), or `text`."""
        self._doors += 1
        written = text if text is not None else config(*backends, **settings)
        door = FrontDoor(written, directory=self._folder / f"door{self._doors}", wait=wait,
                         environment=environment)
        return self._stack.enter_context(door)


def _stage(folder):
    with ExitStack() as stack:
        yield Stage(stack).in_folder(folder)


@pytest.fixture
def stage(tmp_path):
    """For one test."""
    yield from _stage(tmp_path)


@pytest.fixture(scope="module")
def shared_stage(tmp_path_factory):
    """For all tests of a file."""
    yield from _stage(tmp_path_factory.mktemp("shared"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what the running front doors wrote when a test failed."""
    report = (yield).get_result()
    if report.failed:
        for door in FrontDoor.running:
            report.sections.append((f"standard error of {door.directory.name} ({item.name})",
                                    door.stderr()[-12000:]))
