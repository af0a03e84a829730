#!/usr/bin/python3
"""One vocabulary: client and backend, never the words that depend on where one stands; no TODO
without its issue."""
import re

import tree

SUFFIXES = {".cc", ".h", ".c", ".py", ".sh", ".cmake", ".md", ".toml", ".html", ".js", ".json"}
NAMES = ("CMakeLists.txt", "Dockerfile", "dev", "run")
# nginx's own configuration language has one of the words as a directive.
EXEMPT = ("tests/lint/", "bench/peers/nginx")
WORDS = re.compile(r"up" r"stream|down" r"stream", re.IGNORECASE)
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
ISSUE = re.compile(r"issue \d+")


def check(root):
    findings = []
    for path in tree.files(root, SUFFIXES, NAMES):
        if path.as_posix().startswith(EXEMPT):
            continue
        text = (root / path).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if word := WORDS.search(line):
                findings.append(f"{path}:{number}: '{word[0]}': say client or backend")
            if LATER.search(line) and not ISSUE.search(line):
                findings.append(f"{path}:{number}: put off without an issue ('issue 12')")
    return findings


if __name__ == "__main__":
    tree.run(check)
