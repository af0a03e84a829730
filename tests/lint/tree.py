"""The project's own files, for the checks of this folder."""
import os
import pathlib
import sys

SKIPPED = {"build", ".git", ".pytest_cache", "__pycache__", "node_modules"}
CODE = {".cc", ".h", ".c"}


def files(root, suffixes=None, names=()):
    """Paths relative to root, sorted; of the given suffixes or names, or all."""
    found = []
    for folder, folders, entries in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(entries):
            path = pathlib.Path(folder, name)
            if suffixes is None or path.suffix in suffixes or name in names:
                found.append(path.relative_to(root))
    return found


def run(check):
    """Runs check(root) -> list of findings on the tree named on the command line."""
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    findings = check(root)
    for finding in findings:
        print(finding)
    name = pathlib.Path(sys.argv[0]).stem
    if findings:
        sys.exit(f"{name}: {len(findings)} findings")
    print(f"{name}: clean")
