"""Starts that cannot succeed, and `check`: one clear line, the right exit status, nothing left."""

import socket

import pytest

from front_door import config
from program import run_program, write_config


def scaled(directory=".", command=("sleep", "1")):
    """A file whose pool the process provider fills."""
    return config(pool={"backends": None, "slots": 1, "scaling": {
        "provider": "process", "min": 1, "max": 1,
        "process": {"command": list(command), "directory": directory}}})


def assert_one_clear_line(ended, *words):
    """The program says in one line what is wrong, with these words in it."""
    saying = [line for line in ended.said if all(word in line for word in words)]
    assert len(saying) == 1, f"exit {ended.code}:\n{ended.err}{ended.out}"
    assert "terminate called" not in ended.err


# run

@pytest.mark.parametrize("which", ["listener", "admin"])
def test_names_the_address_that_is_taken(tmp_path, which):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        text = (config("127.0.0.1:9", admin=taken) if which == "admin"
                else config("127.0.0.1:9", listener={"listen": [taken]}))
        ended = run_program("run", "-c", write_config(tmp_path, text), directory=tmp_path)

    assert ended.code == 1
    assert_one_clear_line(ended, taken, "in use")


def test_names_the_folder_of_the_log_that_is_not_there(tmp_path):
    text = config("127.0.0.1:9", access_log="missing/access.log")
    ended = run_program("run", "-c", write_config(tmp_path, text), directory=tmp_path)

    assert ended.code in {1, 2}
    assert_one_clear_line(ended, "missing/access.log")


@pytest.mark.parametrize("text,word", [
    (scaled(directory="not/there"), "not/there"),
    (scaled(command=["no-such-program-here", "{address}"]), "no-such-program-here"),
    (scaled(command=["./not-there", "{address}"]), "not-there"),
], ids=["directory", "command", "path of a command"])
def test_names_what_an_instance_lacks(tmp_path, text, word):
    ended = run_program("run", "-c", write_config(tmp_path, text), directory=tmp_path)

    assert ended.code in {1, 2}
    assert_one_clear_line(ended, word)


def test_names_the_configuration_that_is_not_there(tmp_path):
    ended = run_program("run", "-c", tmp_path / "missing.toml", directory=tmp_path)

    assert ended.code == 2
    assert_one_clear_line(ended, "missing.toml")


def test_starts_nothing_with_a_bad_configuration(tmp_path):
    path = write_config(tmp_path, config("127.0.0.1:9", limits={"headers": -1}))
    ended = run_program("run", "-c", path, "--ready-file", tmp_path / "ready", directory=tmp_path)

    assert ended.code == 2
    assert not (tmp_path / "ready").exists()


@pytest.mark.parametrize("arguments", [(), ("walk",), ("run",), ("run", "--no-such-option")])
def test_says_how_it_is_used(tmp_path, arguments):
    ended = run_program(*arguments, directory=tmp_path)

    assert ended.code == 2
    assert ended.said


def test_says_its_version_and_commit(tmp_path):
    ended = run_program("--version", directory=tmp_path)

    assert ended.code == 0
    assert ended.out.startswith("flaskscale 0.")
    assert len(ended.out.split()) >= 3


def test_tells_sizes_and_limits_at_the_start(stage):
    door = stage.front_door(stage.backend(), server={"max_connections": 1234, "workers": 3})

    assert "1234" in door.stderr()
    assert door.status()["version"].startswith("0.")
    assert door.metric("flaskscale_workers") == 3


# check

def test_finds_nothing_wrong_with_a_good_file(tmp_path):
    ended = run_program("check", "-c", write_config(tmp_path, config("127.0.0.1:9")),
                        directory=tmp_path)

    assert (ended.code, ended.err) == (0, "")


CHECKED = """\
[server]
workers = "auto"
[listeners.web]
listen = ["127.0.0.1:0"]
[[routes]]
pool = "app"
[pools.app]
backends = ["127.0.0.1:9"]
"""


@pytest.mark.parametrize("line,place,words", [
    ("slotz = 3", "9:1", ["slotz", "slots"]),
    ("slots = \"many\"", "9:9", ["slots"]),
    ("sticky_cookie = \"a b\"", "9:17", ["sticky_cookie", "a b"]),
    ("protocol = \"h2c\"\ntls = {}", "10:1", ["h2c", "tls"]),
    ("balance = \"least_conections\"", "9:11", ["least_connections"]),
    ("[pools.app.queue]\ntimeout = \"5 parsecs\"", "10:11", ["timeout"]),
    ("[pools.app.queue]\nbytes = 5", "10:9", ["bytes"]),
    ("[timeouts]\nheader = \"10\"", "10:10", ["header"]),
    ("[[routes]]\npool = \"apq\"", "10:8", ["apq"]),
    ("[polls.app]", "9:2", ["polls", "pools"]),
    ("slots = ", "9:", []),
])
def test_names_file_line_and_column(tmp_path, line, place, words):
    path = write_config(tmp_path, CHECKED + line + "\n")

    ended = run_program("check", "-c", path, directory=tmp_path)

    assert ended.code == 2
    complaint = next((said for said in ended.said if f"flaskscale.toml:{place}" in said), None)
    assert complaint, ended.err
    assert all(word in complaint for word in words), complaint


def test_reports_every_problem_at_once(tmp_path):
    path = write_config(tmp_path, CHECKED + "slotz = 3\nqueu = 4\n[timeouts]\nheadr = \"1s\"\n")

    ended = run_program("check", "-c", path, directory=tmp_path)

    assert ended.code == 2
    assert [word in ended.err + ended.out for word in ("slotz", "queu", "headr")] == [True] * 3


def test_takes_values_from_the_environment(tmp_path):
    text = CHECKED.replace("127.0.0.1:9", "${FLASKSCALE_TEST_BACKEND}")
    path = write_config(tmp_path, text)

    good = run_program("check", "-c", path, directory=tmp_path,
                       environment={"FLASKSCALE_TEST_BACKEND": "127.0.0.1:9"})
    bad = run_program("check", "-c", path, directory=tmp_path, environment={})

    assert (good.code, bad.code) == (0, 2)
    assert any("flaskscale.toml:8:" in line and "FLASKSCALE_TEST_BACKEND" in line
               for line in bad.said)
