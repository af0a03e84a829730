"""Changes to the demo's configuration, so that a second demo, or a server that runs with the file
itself, is not in the way."""

import re


def replace_lines(text, *changes):
    """(pattern, replacement) … each of which must match one line."""
    for pattern, replacement in changes:
        text, count = re.subn(pattern, lambda _, new=replacement: new, text, flags=re.MULTILINE)
        if count != 1:
            raise RuntimeError(f"flaskscale.toml: {count} lines match {pattern}")
    return text


def with_own_ports(text):
    """Free ports, and state in the working folder."""
    return replace_lines(
        text,
        (r'^listen = "127\.0\.0\.1:\d+"', 'listen = "127.0.0.1:0"'),
        (r'^listen = \["127\.0\.0\.1:\d+"\]', 'listen = ["127.0.0.1:0"]'),
        (r'^state_dir = ".*"', 'state_dir = "state"'))


def with_provider(text, name, table, scaling=""):
    """Another provider instead of the process provider: `table` is what stands in
    [pools.demo.scaling.NAME], `scaling` further lines of [pools.demo.scaling]."""
    begin = text.index("[pools.demo.scaling.process]")
    text = replace_lines(text[:begin], (r'^provider = "process"',
                                        "\n".join([f'provider = "{name}"', *scaling.splitlines()])))
    return f"{text}[pools.demo.scaling.{name}]\n{table}"
