"""README and conf/ tell the truth: their commands exist, their configurations are accepted."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from curl import run_curl
from demo_server import DemoServer
from flaskscale_process import ROOT, binary_path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(*languages):
    """Texts of the fenced blocks in README and docs that are in one of these languages."""
    return [text for document in DOCUMENTS if document.is_file()
            for language, text in BLOCK.findall(document.read_text()) if language in languages]


def commands():
    """Command lines of README and docs as words, up to the first pipe; prompts and comments left
    out, scripts too."""
    found = []
    for text in blocks("sh", "bash", "console", "shell"):
        if text.startswith("#!"):
            continue
        for line in text.replace("\\\n", " ").splitlines():
            line = line.removeprefix("$ ").strip()
            if line and not line.startswith("#"):
                words = shlex.split(line, comments=True)
                found.append(words[:words.index("|")] if "|" in words else words)
    return found


def help_of(*arguments):
    """What a program says about itself."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout + done.stderr


def check(path):
    """flaskscale check -c; (exit status, what it said)."""
    done = subprocess.run([str(binary_path()), "check", "-c", str(path)], capture_output=True,
                          text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_readme_has_commands():
    assert (ROOT / "README.md").is_file()
    assert ["./dev", "demo"] in commands()


def test_dev_knows_the_commands_of_the_documents():
    known = re.findall(r"^  (\w+)", help_of(str(ROOT / "dev"), "help"), re.MULTILINE)

    used = {words[1] for words in commands() if words[0] == "./dev" and len(words) > 1}

    assert used
    assert used <= set(known)


def test_the_program_knows_the_commands_of_the_documents():
    known = help_of(str(binary_path()), "--help")

    used = {words[1] for words in commands() if Path(words[0]).name == "flaskscale"
            and len(words) > 1}

    assert used
    assert [word for word in used if word not in known] == []


def test_configurations_of_the_documents_are_accepted(tmp_path):
    for number, text in enumerate(blocks("toml")):
        path = tmp_path / f"block{number}.toml"
        path.write_text(text)
        if "[[routes]]" in text and "[listeners." in text:  # a whole file, not an excerpt
            assert check(path)[0] == 0, f"{check(path)[1]}\n{text}"


@pytest.mark.parametrize("path", sorted((ROOT / "conf").rglob("flaskscale*.toml")),
                         ids=lambda path: str(path.relative_to(ROOT)))
def test_shipped_configurations_are_accepted(path):
    code, said = check(path)

    assert code == 0, said


def test_curl_commands_of_the_documents_work():
    here = re.compile(r"(https?://)?(localhost|127\.0\.0\.1):\d+")
    lines = [words for words in commands()
             if words[0] == "curl" and any(here.match(word) for word in words)]
    assert lines
    with DemoServer() as server:
        ports = {"8080": server.listener()[1], "9901": server.admin_address[1]}
        for words in lines:
            arguments = [re.sub(r"(localhost|127\.0\.0\.1):(8080|9901)",
                                lambda m: f"127.0.0.1:{ports[m.group(2)]}", word)
                         .replace("/pools/shop/", "/pools/demo/")
                         for word in words[1:]]
            result = run_curl(*arguments)
            assert (result.code, result.status) == (0, 200), (words, result.stderr, result.body)
