#!/usr/bin/python3
"""No file of code, test or script is longer than 500 lines."""
import tree

LIMIT = 500
SUFFIXES = {".cc", ".h", ".c", ".py", ".sh", ".cmake"}
NAMES = ("CMakeLists.txt", "Dockerfile", "dev", "run")


def check(root):
    findings = []
    for path in tree.files(root, SUFFIXES, NAMES):
        with open(root / path, encoding="utf-8") as file:
            lines = sum(1 for _ in file)
        if lines > LIMIT:
            findings.append(f"{path}: {lines} lines, {LIMIT} is the limit: a second idea hides in it")
    return findings


if __name__ == "__main__":
    tree.run(check)
