"""What conf/gce gives to the VMs: the configuration of the front door and the start of an instance."""

import base64
import json
import re
import shutil
import subprocess

import pytest
from flaskscale_process import ROOT, binary_path

GCE = ROOT / "conf" / "gce"
FRONT_DOOR = {
    "availability": 0.95, "health_path": '"/healthz"', "max": 10, "min": 1, "name": "shop",
    "port": 8000, "project": '"my-project"', "slots": 8, "standby": 2, "standby_mode": '"stop"',
    "zones": '["us-central1-a","us-central1-b"]',
}
INSTANCE = {
    "environment": base64.b64encode(b"PORT=8000\n").decode(), "name": "shop", "port": 8000,
    "image": "us-central1-docker.pkg.dev/my-project/shop/app@sha256:" + "0" * 64,
    "registry": "us-central1-docker.pkg.dev", "stop_seconds": 25, "systemd_limit": 30,
}


def render(name, values):
    """The template with its ${…} filled in; each value must be used, and each use have a value."""
    text = (GCE / name).read_text()
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(values)
    return re.sub(r"\$\{(\w+)\}", lambda match: str(values[match[1]]), text)


def keys_given(file, template):
    """Names that the Terraform file hands to templatefile() for this template."""
    text = (GCE / file).read_text().split(template, 1)[1]
    block = text[text.index("{") + 1:]
    depth, end = 1, 0
    while depth:
        depth += {"{": 1, "}": -1}.get(block[end], 0)
        end += 1
    return set(re.findall(r"^\s*(\w+)\s+=", block[:end], re.MULTILINE))


@pytest.mark.parametrize("file, template, values", [
    ("front_door.tf", "flaskscale.toml.tftpl", FRONT_DOOR),
    ("backends.tf", "backend.cloud-init.yaml.tftpl", INSTANCE)])
def test_terraform_gives_each_template_what_it_asks_for(file, template, values):
    assert keys_given(file, template) == set(values)


@pytest.mark.parametrize("template, values", [("flaskscale.toml.tftpl", FRONT_DOOR),
                                              ("backend.cloud-init.yaml.tftpl", INSTANCE)])
def test_terraform_renders_as_this_test_does(template, values, tmp_path):
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    arguments = ", ".join(f"{name} = {json.dumps(str(value))}" for name, value in values.items())
    call = f'base64encode(templatefile("{GCE / template}", {{ {arguments} }}))'
    done = subprocess.run(["terraform", "console"], input=call, cwd=tmp_path, text=True,
                          capture_output=True, timeout=60, check=True)
    assert base64.b64decode(done.stdout.strip().strip('"')).decode() == render(template, values)


def test_front_doors_configuration_is_valid(tmp_path):
    path = tmp_path / "flaskscale.toml"
    path.write_text(render("flaskscale.toml.tftpl", FRONT_DOOR))
    done = subprocess.run([str(binary_path()), "check", "-c", str(path)], text=True,
                          capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_instance_starts_its_container_by_systemd():
    yaml = pytest.importorskip("yaml")
    text = render("backend.cloud-init.yaml.tftpl", INSTANCE)
    assert text.startswith("#cloud-config\n")
    cloud = yaml.safe_load(text)
    files = {entry["path"]: entry for entry in cloud["write_files"]}
    assert base64.b64decode(files["/etc/app.env"]["content"]) == b"PORT=8000\n"
    unit = files["/etc/systemd/system/app.service"]["content"]
    run = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    assert run.endswith(" " + INSTANCE["image"])
    assert "--network=host" in run
    assert "--env-file=/etc/app.env" in run
    assert "-A INPUT -p tcp --dport 8000 -j ACCEPT" in unit
    assert cloud["runcmd"][-1].endswith("app.service")


def test_front_door_keeps_a_right_configuration(tmp_path):
    """The script that takes a new configuration, with a metadata server that is a file."""
    text = (GCE / "front_door.sh").read_text()
    script = re.search(r"take_config <<'SCRIPT'\n(.*?)\nSCRIPT\n", text, re.DOTALL)[1]
    (tmp_path / "attribute").write_text('#!/bin/bash\ncat "$(dirname "$0")/offered"\n')
    (tmp_path / "take_config").write_text(
        script.replace("/usr/local/lib/flaskscale", str(tmp_path))
        .replace("/etc/flaskscale", str(tmp_path)))
    for name in ("attribute", "take_config"):
        (tmp_path / name).chmod(0o755)
    right = '[listeners.web]\nlisten = ["127.0.0.1:8080"]\n[[routes]]\npool = "a"\n' \
            '[pools.a]\nbackends = ["127.0.0.1:1"]\n'

    def offer(config):
        (tmp_path / "offered").write_text(config)
        return subprocess.run([str(tmp_path / "take_config"), str(binary_path())], timeout=20,
                              capture_output=True, check=False).returncode

    assert offer(right) == 0
    assert (tmp_path / "flaskscale.toml").read_text() == right
    assert offer(right + "[pools.a.nothing]\n") != 0
    assert (tmp_path / "flaskscale.toml").read_text() == right
