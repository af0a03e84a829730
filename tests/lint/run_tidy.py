#!/usr/bin/python3
"""clang-tidy on every source file of the program that a build folder compiles, in parallel."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Tests are read by people and run by machines; what tidy finds there is taste.
LAYERS = ("base", "balancer", "scaler", "proxy", "bench")


def own_sources(build):
    """Files of the compile database that lie in the project's own folders."""
    files = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in LAYERS:
            if path.suffix == ".cc":
                files.add(path)
    return sorted(files, key=lambda path: -path.stat().st_size)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    files = own_sources(build)
    if not files:
        sys.exit(f"run_tidy: no source file of the project in {build}/compile_commands.json")
    failed = []
    lock = threading.Lock()

    def tidy(path):
        done = subprocess.run(
            ["clang-tidy", "-p", build, "--quiet", "--extra-arg=-Wno-unknown-warning-option",
             "--extra-arg=-Wno-ignored-optimization-argument", path],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            with lock:
                failed.append(path)
                print(f"-- {path.relative_to(ROOT)}\n{done.stdout}", flush=True)
                if "error:" not in done.stdout:
                    print(done.stderr, flush=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(tidy, files))
    if failed:
        sys.exit(f"run_tidy: {len(failed)} of {len(files)} files have findings")
    print(f"run_tidy: {len(files)} files are clean")


if __name__ == "__main__":
    main()
