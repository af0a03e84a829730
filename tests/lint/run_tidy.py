#!/usr/bin/python3
"""clang-tidy on every source file of the program that a build folder compiles, in parallel.

Most of its time goes into the headers that the files share, so those of one folder are checked
together, as one source that includes them; where their local names clash, in halves."""
import concurrent.futures
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Tests are read by people and run by machines; what tidy finds there is taste.
LAYERS = ("base", "balancer", "scaler", "simulator", "proxy", "bench")
TOGETHER = 10  # more, and the names of a folder clash too often
OPTIONS = ["--quiet", "--checks=-bugprone-suspicious-include",
           "--extra-arg=-Wno-unknown-warning-option",
           "--extra-arg=-Wno-ignored-optimization-argument"]


def own_commands(build):
    """{source: its command} of the compile database, for the project's own folders."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in LAYERS:
            if path.suffix == ".cc":
                found[path] = entry
    return found


def batches(commands):
    """Files of one folder together, the large folders first."""
    folders = {}
    for path in sorted(commands):
        folders.setdefault(path.parent, []).append(path)
    for files in sorted(folders.values(), key=len, reverse=True):
        together = 1 if has_own_rules(files[0].parent) else TOGETHER
        for first in range(0, len(files), together):
            yield files[first:first + together]


def has_own_rules(folder):
    """True below a .clang-tidy other than the root's, which counts only for sources that lie there."""
    return folder != ROOT and ((folder / ".clang-tidy").exists() or has_own_rules(folder.parent))


class Tidy:
    """Runs clang-tidy on batches; remembers where it found something."""

    def __init__(self, build, commands, folder):
        self.build = build
        self.commands = commands
        self.folder = pathlib.Path(folder)
        self.failed = 0
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def check(self, files):
        done = self._run(files)
        if done.returncode == 0:
            return
        if len(files) > 1 and "[clang-diagnostic-" in done.stdout:
            middle = len(files) // 2
            self.check(files[:middle])
            self.check(files[middle:])
            return
        with self._lock:
            self.failed += 1
            print(f"-- {', '.join(str(file.relative_to(ROOT)) for file in files)}\n{done.stdout}",
                  flush=True)
            if "error:" not in done.stdout:
                print(done.stderr, flush=True)

    def _run(self, files):
        """A single file as it is; else one source that includes `files`, compiled by the command
        of the first."""
        if len(files) == 1:
            return self._tidy(self.build, files[0])
        place = self.folder / str(next(self._numbers))
        place.mkdir()
        source = place / "together.cc"
        source.write_text("".join(f'#include "{file}"\n' for file in files))
        entry = dict(self.commands[files[0]])
        entry["command"] = entry["command"].replace(entry["file"], str(source))
        entry["file"] = str(source)
        (place / "compile_commands.json").write_text(json.dumps([entry]))
        return self._tidy(place, source, f"--config-file={ROOT / '.clang-tidy'}")

    def _tidy(self, database, source, *options):
        return subprocess.run(["clang-tidy", "-p", database, *OPTIONS, *options, source],
                              capture_output=True, text=True, check=False)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    commands = own_commands(build)
    if not commands:
        sys.exit(f"run_tidy: no source file of the project in {build}/compile_commands.json")
    with tempfile.TemporaryDirectory() as folder:
        tidy = Tidy(build, commands, folder)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(tidy.check, batches(commands)))
    if tidy.failed:
        sys.exit(f"run_tidy: findings in {tidy.failed} of the sources")
    print(f"run_tidy: {len(commands)} files are clean")


if __name__ == "__main__":
    main()
