"""Reads the structure of HCL files (Terraform's language): blocks, attributes and the text of their
expressions. It evaluates nothing, and knows enough grammar for well-formed files."""
import re
from dataclasses import dataclass, field

SPACE = re.compile(r"[ \t\r]+|\n|#[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
HEREDOC = re.compile(r"<<-?([A-Za-z_]+)\n.*?\n[ \t]*\1(?=\n|$)", re.DOTALL)
OPENING = {"(": ")", "[": "]", "{": "}"}


class HclError(Exception):
    """Text that is no HCL, with its line."""


@dataclass
class Attribute:
    """name = expression"""

    name: str
    line: int
    expression: str


@dataclass
class Body:
    """What stands between the braces of a block, or in a file."""

    attributes: list = field(default_factory=list)
    blocks: list = field(default_factory=list)

    def attribute(self, name):
        """The expression of one attribute, or None."""
        return next((a.expression for a in self.attributes if a.name == name), None)

    def blocks_of(self, kind):
        """Blocks of one kind."""
        return [block for block in self.blocks if block.kind == kind]


@dataclass
class Block:
    """kind "label" … { body }"""

    kind: str
    labels: list
    line: int
    body: Body


class _Reader:
    def __init__(self, text):
        self._text = text
        self._at = 0

    def file(self):
        """The whole text as one body."""
        body = self._body(end=None)
        return body

    def _fail(self, what):
        raise HclError(f"{self._line()}: {what}")

    def _line(self):
        return self._text.count("\n", 0, self._at) + 1

    def _skip(self, newlines=True):
        while match := SPACE.match(self._text, self._at):
            if match[0] == "\n" and not newlines:
                return
            self._at = match.end()

    def _peek(self):
        return self._text[self._at:self._at + 1]

    def _name(self):
        match = NAME.match(self._text, self._at)
        if not match:
            self._fail(f"a name is missing before {self._text[self._at:self._at + 20]!r}")
        self._at = match.end()
        return match[0]

    def _body(self, end):
        body = Body()
        while True:
            self._skip()
            if self._at >= len(self._text):
                if end is not None:
                    self._fail("a block is not closed")
                return body
            if self._peek() == end:
                self._at += 1
                return body
            line = self._line()
            name = self._name()
            self._skip(newlines=False)
            if self._peek() == "=":
                self._at += 1
                body.attributes.append(Attribute(name, line, self._expression()))
            else:
                body.blocks.append(self._block(name, line))

    def _block(self, kind, line):
        labels = []
        while self._peek() != "{":
            start = self._at
            if self._peek() == '"':
                self._string()
                labels.append(self._text[start + 1:self._at - 1])
            else:
                labels.append(self._name())
            self._skip(newlines=False)
        self._at += 1
        return Block(kind, labels, line, self._body("}"))

    def _expression(self):
        """Up to the end of its line, outside of brackets and strings."""
        start = self._at
        closing = []
        while self._at < len(self._text):
            here = self._peek()
            if here == '"':
                self._string()
            elif heredoc := HEREDOC.match(self._text, self._at):
                self._at = heredoc.end()
            elif here == "\n" and not closing or closing == [] and here == "}":
                break
            elif here in "#" or self._text.startswith(("//", "/*"), self._at):
                self._skip(newlines=False)
            else:
                if here in OPENING:
                    closing.append(OPENING[here])
                elif here in ")]}" and (not closing or closing.pop() != here):
                    self._fail(f"{here!r} closes nothing")
                self._at += 1
        if closing:
            self._fail(f"{closing[-1]!r} is missing")
        text = self._text[start:self._at].strip()
        if not text:
            self._fail("an expression is missing")
        return text

    def _string(self):
        """Past a quoted string with its ${…} parts."""
        self._at += 1
        while True:
            here = self._peek()
            if here in ("", "\n"):
                self._fail("a string is not closed")
            if here == "\\":
                self._at += 2
            elif self._text.startswith(("$${", "%%{"), self._at):
                self._at += 3
            elif self._text.startswith(("${", "%{"), self._at):
                self._at += 2
                self._template_part()
            else:
                self._at += 1
                if here == '"':
                    return

    def _template_part(self):
        depth = 1
        while depth:
            here = self._peek()
            if not here:
                self._fail("'${' is not closed")
            if here == '"':
                self._string()
                continue
            depth += (here == "{") - (here == "}")
            self._at += 1


def parse(text):
    """The Body of a file; HclError says the line of what can't be read."""
    return _Reader(text).file()
