"""`flaskscale simulate`: what a pool's scaling would have done with a recorded load."""

import json
import pathlib
import resource
import subprocess

import pytest
from flaskscale_process import SCALE, binary_path

TRACES = pathlib.Path(__file__).resolve().parents[3] / "shared" / "traces"
FIGURES = ("late_share", "dropped_share", "wait_p50_s", "wait_p99_s", "instance_hours",
           "fixed_instance_hours", "clairvoyant_instance_hours", "cost", "actions", "reversals",
           "peak_instances")
POOL = """
[pools.{name}]
slots = 10
[pools.{name}.queue]
limit = 100000
bytes = "1GiB"
[pools.{name}.scaling]
provider = "process"
min = 1
max = 100
[pools.{name}.scaling.process]
command = ["/bin/true", "{{address}}"]
"""
CONFIG = """
[server]
state_dir = "{folder}/state"
[listeners.web]
listen = ["127.0.0.1:0"]
[[routes]]
pool = "shop"
"""


@pytest.fixture(name="folder")
def folder_with_files(tmp_path):
    """A configuration, and a load that triples for some minutes."""
    (tmp_path / "shop.toml").write_text(
        CONFIG.format(folder=tmp_path) + POOL.format(name="shop"), encoding="utf-8")
    rows = [f"{60 * minute},{60 * (600 if 20 <= minute < 40 else 200)}" for minute in range(60)]
    (tmp_path / "load.csv").write_text("time,requests\n" + "\n".join(rows), encoding="utf-8")
    return tmp_path


def simulate(folder, *arguments, trace="load.csv", config="shop.toml"):
    """(exit status, standard output, standard error) of one run."""
    done = subprocess.run(
        [str(binary_path()), "simulate", "-c", str(folder / config), "--trace",
         str(folder / trace), *arguments],
        capture_output=True, text=True, check=False, timeout=100 * SCALE)
    return done.returncode, done.stdout, done.stderr


def test_prints_one_json_object(folder):
    code, out, err = simulate(folder, "--json", "--price", "0.1", "--boot", "60s")

    assert (code, err) == (0, "")
    figures = json.loads(out)
    assert all(isinstance(figures[name], (int, float)) for name in FIGURES)
    assert 0 < figures["late_share"] < 0.2
    assert figures["dropped_share"] <= figures["late_share"]
    assert figures["clairvoyant_instance_hours"] < figures["instance_hours"] < 30
    assert figures["clairvoyant_instance_hours"] < figures["fixed_instance_hours"]
    assert figures["cost"] == pytest.approx(0.1 * figures["instance_hours"])
    assert figures["peak_instances"] <= 100


def test_the_seed_decides_everything(folder):
    first, again, other = (simulate(folder, "--json", "--seed", seed)[1] for seed in "112")

    assert first == again
    assert first != other


def test_prints_a_summary_and_draws_a_page(folder):
    page = folder / "page.html"

    code, out, _ = simulate(folder, "--html", str(page), "--slo-wait", "300ms")

    assert code == 0
    for word in ("late", "dropped", "wait p99", "fixed fleet", "optimum", "300 ms"):
        assert word in out
    drawn = page.read_text(encoding="utf-8")
    assert drawn.startswith("<!doctype html>")
    assert "http" not in drawn and "src=" not in drawn
    assert len(drawn) < 1_000_000


def test_boots_come_from_a_file_and_may_fail(folder):
    (folder / "boots").write_text("# measured\n45\n50s\n\n61.5\n", encoding="utf-8")

    code, out, err = simulate(folder, "--json", "--boot", f"file:{folder}/boots", "--boot-failures",
                              "0.2", "--stockout", "25m..30m", "--delete-time", "20s",
                              "--service-time", "constant:150ms", "--scale", "1.5")

    assert (code, err) == (0, "")
    assert json.loads(out)["instances_started"] > 0


def test_replays_an_access_log(folder):
    lines = [json.dumps({"time": f"2026-01-31T12:{i // 600:02}:{i // 10 % 60:02}.{i % 10}00Z",
                         "pool": "shop", "queue_ms": 0.0, "first_byte_ms": 90.0, "total_ms": 100.0})
             for i in range(3000)]
    (folder / "access.log").write_text("\n".join(lines), encoding="utf-8")

    code, out, err = simulate(folder, "--json", trace="access.log")

    assert (code, err) == (0, "")
    figures = json.loads(out)
    assert (figures["requests"], figures["seconds"]) == (3000, 300)
    assert figures["late_share"] == 0


@pytest.mark.parametrize("text, place, hint", [
    ("", "load.csv:1:", "TIME,REQUESTS"),
    ("0,1\n60,x\n", "load.csv:2:", "write 120"),
    ("0,1\n60,-5\n", "load.csv:2:", "0 or more"),
    ("60,1\n0,1\n", "load.csv:2:", "sort"),
    ("0,1\nnoon,1\n", "load.csv:2:", "2014-04-10"),
])
def test_a_bad_trace_is_one_clear_error(folder, text, place, hint):
    (folder / "load.csv").write_text(text, encoding="utf-8")

    code, out, err = simulate(folder, "--json")

    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert place in err and hint in err


@pytest.mark.parametrize("arguments, word", [
    (("--pool", "nobody"), "nobody"),
    (("--boot", "soon"), "--boot"),
    (("--service-time", "0s"), "--service-time"),
    (("--scale", "-1"), "--scale"),
    (("--stockout", "1h"), "--stockout"),
    (("--slo-wait", "5"), "--slo-wait"),
])
def test_a_bad_option_is_one_clear_error(folder, arguments, word):
    code, out, err = simulate(folder, *arguments)

    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert word in err


def test_the_pool_must_be_clear_and_have_scaling(folder):
    plain = '[pools.plain]\nbackends = ["127.0.0.1:1"]\n'
    (folder / "two.toml").write_text(
        CONFIG.format(folder=folder) + POOL.format(name="shop") + POOL.format(name="api") + plain,
        encoding="utf-8")

    code, _, err = simulate(folder, config="two.toml")
    assert code == 2 and "--pool" in err
    code, _, err = simulate(folder, "--pool", "plain", config="two.toml")
    assert code == 2 and "no scaling" in err
    assert simulate(folder, "--pool", "api", "--json", config="two.toml")[0] == 0


@pytest.mark.skipif(SCALE > 1, reason="sanitizers say nothing about speed")
def test_two_weeks_take_seconds(folder):
    """The real trace, scaled so that its 99th percentile keeps 30 instances busy."""
    trace = TRACES / "nab_elb_request_count_8c0756.csv"
    if not trace.exists():
        pytest.skip(f"no {trace}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime

    code, out, _ = simulate(folder, "--json", "--scale", "1785.7", trace=trace)

    assert code == 0
    figures = json.loads(out)
    assert figures["seconds"] == 1212000
    assert figures["late_share"] < 0.003
    assert figures["instance_hours"] < 1.8 * figures["clairvoyant_instance_hours"]
    # Of the processor: the machine may be shared. Ten seconds are usual.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 25
