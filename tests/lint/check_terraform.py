#!/usr/bin/python3
"""The Terraform files under conf/: laid out as `terraform fmt` would, every name that they refer to
exists, and every argument is one that the Google provider knows.

`check_terraform.py ROOT` checks layout and references, which needs nothing; `… ROOT arguments` the
arguments, by a list that lies beside the project; `… ROOT fmt` asks terraform itself. What the last
two need may be missing: that is a skip (exit status 77); a missing list is a failure with FLASKSCALE_CI=1.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import hcl
import tree

FOLDER = "conf"
ARGUMENT_LIST = pathlib.Path("..", "shared", "gce", "tf-google-6.50.args.json")
SKIPPED = 77
RESOURCE_META = {"count", "for_each", "depends_on", "provider"}
RESOURCE_META_BLOCKS = {"lifecycle", "provisioner", "connection"}
REFERENCE = re.compile(r"(?<![\w.])(var|local|data|each|module)\.(\w+)|(?<![\w.\"/])(google_\w+)\.(\w+)")
ASSIGNMENT = re.compile(r"^(\s*)([A-Za-z_][\w-]*|\"[^\"]*\")( *)= ?\S")


def terraform_files(root):
    """Path → text of each Terraform file, by folder."""
    folders = {}
    for path in tree.files(root, {".tf"}):
        if path.parts[0] == FOLDER:
            folders.setdefault(path.parent, {})[path] = (root / path).read_text(encoding="utf-8")
    return folders


def parsed(files):
    """(path → body, findings)"""
    bodies, findings = {}, []
    for path, text in files.items():
        try:
            bodies[path] = hcl.parse(text)
        except hcl.HclError as error:
            findings.append(f"{path}:{error}")
    return bodies, findings


# --- Layout ---

def layout_findings(path, text):
    """Indentation, alignment of `=`, blanks at line ends: what `terraform fmt` would change."""
    findings = []
    depth, heredoc, group = 0, None, []
    if not text.endswith("\n") or text.endswith("\n\n"):
        findings.append(f"{path}: ends with one line break")
    for number, line in enumerate(text.splitlines(), 1):
        if heredoc:
            heredoc = None if line.strip() == heredoc else heredoc
            continue
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line).split("#")[0]
        if "\t" in line or line != line.rstrip():
            findings.append(f"{path}:{number}: tab or blanks at the end")
        closers = len(re.match(r"\s*([)\]}]*)", code)[1])
        if line.strip() and len(line) - len(line.lstrip()) != 2 * max(0, depth - min(closers, 1)):
            findings.append(f"{path}:{number}: indentation is not {2 * max(0, depth - min(closers, 1))}")
        assignment = ASSIGNMENT.match(line)
        if assignment and (not group or len(assignment[1]) == group[0][1]):
            group.append((number, len(assignment[1]), len(assignment[2]), len(assignment[3])))
        else:
            findings += misaligned(path, group)
            group = [(number, *(len(part) for part in assignment.groups()))] if assignment else []
        opened = sum(code.count(c) for c in "([{") - sum(code.count(c) for c in ")]}")
        # Brackets opened on one line indent once.
        depth += (opened > 0) - (opened < 0)
        if opened:  # what spans several lines is aligned with nothing after it
            findings += misaligned(path, group[:-1] if opened > 0 else group)
            group = []
        if match := re.search(r"<<-?([A-Za-z_]+)$", line):
            heredoc = match[1]
    return findings + misaligned(path, group)


def misaligned(path, group):
    """The `=` of consecutive lines stand below each other, one blank behind the longest name."""
    width = max((name for _, _, name, _ in group), default=0)
    return [f"{path}:{number}: '=' is not aligned" for number, _, name, blanks in group
            if name + blanks != width + 1]


# --- References ---

def declared(bodies):
    """Names that may be referred to: {"var": …, "local": …, "google_x": …}."""
    names = {"var": set(), "local": set()}
    for body in bodies.values():
        for block in body.blocks:
            if block.kind == "variable":
                names["var"].add(block.labels[0])
            elif block.kind == "locals":
                names["local"].update(a.name for a in block.body.attributes)
            elif block.kind == "resource":
                names.setdefault(block.labels[0], set()).add(block.labels[1])
    return names


def expressions(body):
    """(line, text) of every expression, also of inner blocks."""
    for attribute in body.attributes:
        yield attribute.line, attribute.expression
    for block in body.blocks:
        yield from expressions(block.body)


def reference_findings(bodies):
    """Everything referred to is declared, and each variable is used."""
    names = declared(bodies)
    findings, used = [], set()
    for path, body in bodies.items():
        for block in body.blocks:
            own = block.kind == "variable"
            for line, text in expressions(block.body):
                for scope, name, kind, resource in REFERENCE.findall(text):
                    if scope == "each":
                        continue
                    scope, name = scope or kind, name or resource
                    if name not in names.get(scope, ()):
                        findings.append(f"{path}:{line}: {scope}.{name} is not declared")
                    if not own:
                        used.add((scope, name))
            if own:
                findings += [f"{path}:{block.line}: variable {block.labels[0]} has no {wanted}"
                             for wanted in ("description", "type")
                             if block.body.attribute(wanted) is None]
    findings += [f"variable {name} is used nowhere"
                 for name in sorted(names["var"]) if ("var", name) not in used]
    return findings


def check(root):
    """Layout and references."""
    findings = []
    for files in terraform_files(root).values():
        bodies, broken = parsed(files)
        findings += broken or reference_findings(bodies)
        for path in bodies:
            findings += layout_findings(path, files[path])
    return findings


# --- Arguments ---

def body_findings(where, body, known, resource=False):
    """Arguments and blocks of a body against what is known: name → {"type" or "block", …}."""
    findings, seen = [], set()
    for attribute in body.attributes:
        seen.add(attribute.name)
        if resource and attribute.name in RESOURCE_META:
            continue
        entry = known.get(attribute.name)
        if entry is None:
            findings.append(f"{where}:{attribute.line}: no argument '{attribute.name}'")
        elif "block" in entry:
            findings.append(f"{where}:{attribute.line}: '{attribute.name}' is a block, without '='")
    for block in body.blocks:
        name, inner = block.kind, block.body
        if name == "dynamic":
            name = block.labels[0]
            inner = next((b.body for b in inner.blocks_of("content")), hcl.Body())
        seen.add(name)
        if resource and name in RESOURCE_META_BLOCKS:
            continue
        entry = known.get(name)
        if entry is None:
            findings.append(f"{where}:{block.line}: no block '{name}'")
        elif "block" not in entry:
            findings.append(f"{where}:{block.line}: '{name}' is an argument, with '='")
        else:
            findings += body_findings(where, inner, entry["block"])
    line = body.attributes[0].line if body.attributes else 0
    findings += [f"{where}:{line}: required '{name}' is missing" for name, entry in known.items()
                 if entry.get("required") and name not in seen]
    return findings


def argument_findings(root, resources):
    """Every resource of the tree against the list of what the provider knows."""
    findings = []
    for files in terraform_files(root).values():
        bodies, broken = parsed(files)
        findings += broken
        for path, body in bodies.items():
            for block in body.blocks_of("resource"):
                known = resources.get(block.labels[0])
                if known is None:
                    findings.append(f"{path}:{block.line}: no resource '{block.labels[0]}' in the list")
                else:
                    findings += body_findings(path, block.body, known, resource=True)
    return findings


def check_arguments(root):
    """As check(), for the arguments."""
    path = root / ARGUMENT_LIST
    if not path.is_file():
        missing(f"{ARGUMENT_LIST} is not there")
    resources = json.loads(path.read_text(encoding="utf-8"))["resources"]
    return argument_findings(root, resources)


def check_fmt(root):
    """What `terraform fmt` itself says."""
    if shutil.which("terraform") is None:
        skip("terraform is not installed")
    done = subprocess.run(["terraform", "fmt", "-check", "-recursive", "-list=true", FOLDER], cwd=root,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return [] if done.returncode == 0 else [f"terraform fmt: {line}" for line in done.stdout.split()]


def missing(what):
    """Ends the check as skipped; in CI that is a failure."""
    if os.environ.get("FLASKSCALE_CI") == "1":
        sys.exit(f"check_terraform: {what}, and FLASKSCALE_CI=1 wants it")
    skip(what)


def skip(what):
    """Ends the check as skipped."""
    print(f"check_terraform: skipped: {what}")
    sys.exit(SKIPPED)


PARTS = {"layout": check, "arguments": check_arguments, "fmt": check_fmt}

if __name__ == "__main__":
    tree.run(PARTS[sys.argv[2] if len(sys.argv) > 2 else "layout"])
