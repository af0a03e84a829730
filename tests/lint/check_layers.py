#!/usr/bin/python3
"""Every file includes only its own layer and the layers below it, every C library stays in its
place, and no two folders include each other."""
import re

import tree

# Layer: the layers that it may include. None: all of them.
LAYERS = {
    "base": [],
    "balancer": ["base"],
    "scaler": ["base"],
    "scaler/providers": ["base", "scaler"],
    "simulator": ["base", "balancer", "scaler"],
    "proxy/net": ["base"],
    "proxy/http": ["base"],
    "proxy/config": ["base"],
    "proxy/forward": ["base", "balancer", "proxy/net", "proxy/http", "proxy/config"],
    "proxy/acme": ["base", "scaler/providers"],
    "proxy/admin": ["base", "balancer"],
    "proxy/server": None,
    "bench": None,
    "tests": None,
}

# Library header: where it may be included (a pattern for the whole path); tests may include all.
LIBRARIES = {
    r"spdlog/": r"base/log\.h|.*\.cc",
    r"uv\.h$": r"proxy/net/.*",
    r"llhttp\.h$": r"proxy/http/http1_.*\.cc",
    r"nghttp2/": r"proxy/http/http2_(.*\.cc|nghttp2\.h)",
    r"openssl/": r"proxy/net/tls_.*|proxy/acme/openssl_.*\.cc|scaler/providers/gce_.*\.cc",
    r"prometheus/": r"proxy/admin/.*",
    r"toml(\+\+/|\.hpp$)": r"proxy/config/.*\.cc",
    r"nlohmann/(?!json_fwd\.hpp$)": r"(scaler|simulator|proxy/(acme|admin|server))/.*\.cc",
    r"curl/": r"(scaler/providers/|proxy/server/admin_client).*\.cc",
    r"sqlite3\.h$": r"scaler/journal.*\.cc",
    r"CLI/": r"(proxy/server|bench)/.*\.cc",
    r"(gtest|gmock)/": r"tests/.*",
    r"benchmark/": r"bench/.*",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def layer_of(path):
    """The longest layer whose folder holds the path, or None."""
    parts = path.split("/")
    for length in (2, 1):
        name = "/".join(parts[:length])
        if len(parts) > length and name in LAYERS:
            return name
    return None


def own_header_findings(root, path, quoted):
    """A source file includes its own header first, so that the header is known to be complete."""
    header = path.with_suffix(".h")
    if path.suffix != ".cc" or not (root / header).exists():
        return []
    if quoted[:1] == [header.as_posix()]:
        return []
    return [f"{path}: its first include must be \"{header}\""]


def library_findings(path, header):
    if path.parts[0] == "tests":
        return []
    return [
        f"{path}: <{header}> is only for {place}"
        for library, place in LIBRARIES.items()
        if re.match(library, header) and not re.fullmatch(place, path.as_posix())
    ]


def layer_findings(root, path, header, edges):
    own, other = layer_of(path.as_posix()), layer_of(header)
    generated = (root / (header + ".in")).is_file()
    if other is None or not (generated or (root / header).is_file()):
        return [f"{path}: \"{header}\" is not the full path of a file, from the root"]
    if other == own:
        return []
    edges.setdefault(own, set()).add(other)
    if other in ("tests", "bench") and own not in ("tests", "bench"):
        return [f"{path}: \"{header}\" is not for the program"]
    allowed = LAYERS[own]
    if allowed is None or other in allowed:
        return []
    return [f"{path}: {own} may not include {other} (\"{header}\")"]


def cycle(edges):
    """A list of layers that include each other in a ring, or None."""
    done = set()

    def visit(layer, trail):
        if layer in trail:
            return trail[trail.index(layer):] + [layer]
        if layer in done:
            return None
        for other in sorted(edges.get(layer, ())):
            if ring := visit(other, trail + [layer]):
                return ring
        done.add(layer)
        return None

    for layer in sorted(edges):
        if ring := visit(layer, []):
            return ring
    return None


def check(root):
    findings, edges = [], {}
    for path in tree.files(root, tree.CODE):
        text = (root / path).read_text(encoding="utf-8")
        if layer_of(path.as_posix()) is None:
            findings.append(f"{path}: lies in no layer")
            continue
        if path.suffix == ".h" and "\n#pragma once\n" not in "\n" + text:
            findings.append(f"{path}: has no #pragma once")
        includes = INCLUDE.findall(text)
        findings += own_header_findings(root, path, [name for mark, name in includes if mark == '"'])
        for mark, header in includes:
            findings += library_findings(path, header)
            if mark == '"':
                findings += layer_findings(root, path, header, edges)
    if ring := cycle(edges):
        findings.append("folders include each other: " + " -> ".join(ring))
    return findings


if __name__ == "__main__":
    tree.run(check)
