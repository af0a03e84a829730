"""The demo's terminal: one aligned line a second, a line per decision, a summary at the end."""

import os
import shutil
import textwrap

STATES = ("booting", "warming", "ready", "draining")
BAR = {"booting": "·", "warming": "▒", "ready": "█", "draining": "░"}
PLAIN_BAR = {"booting": ".", "warming": "+", "ready": "#", "draining": "-"}
COLOURS = {"booting": "33", "warming": "36", "ready": "32", "draining": "35", "decision": "1",
           "quiet": "2", "bad": "1;31", "good": "1;32"}
HEADER = (f"{'time':>5}  {'load':<8}{'asked/s':>8}{'slots':>7}{'in flight':>11}"
          f"{'queue':>7}{'wait':>9}   {'boot':>4}{'warm':>5}{'ready':>6}{'drain':>6}  instances")


def instances_of(pool):
    """Instances by state, 0 where none is."""
    counted = pool["scaling"]["instances_by_state"]
    return {state: counted.get(state, 0) for state in STATES}


class LiveView:
    """Writes to one text stream; colours and block characters only where they can be shown."""

    def __init__(self, stream):
        self._stream = stream
        self._colour = stream.isatty() and "NO_COLOR" not in os.environ
        encoding = (stream.encoding or "ascii").lower().replace("-", "")
        self._bar = BAR if encoding == "utf8" else PLAIN_BAR
        self._width = max(80, shutil.get_terminal_size((120, 24)).columns)
        self._last_decision = 0
        self._last_shown = None

    def line(self, text="", style=None):
        """One line, at once."""
        self._stream.write(self._paint(text, style) + "\n")
        self._stream.flush()

    def header(self):
        """Column names."""
        self.line(HEADER, "decision")

    def second(self, seconds, phase, pool):
        """The state of the pool now."""
        scaling = pool["scaling"]
        count = instances_of(pool)
        bar = "".join(self._paint(self._bar[state] * count[state], state)
                      for state in ("ready", "warming", "booting", "draining"))
        self.line(f"{seconds:>4.0f}s  {phase:<8}{scaling['arrival_rate']:>8.1f}"
                  f"{scaling['offered_load']:>7.1f}{pool['in_flight']:>11}"
                  f"{pool['queue']['depth']:>7}{in_words(pool['queue']['oldest_seconds']):>9}   "
                  f"{count['booting']:>4}{count['warming']:>5}{count['ready']:>6}"
                  f"{count['draining']:>6}  {bar}")

    def decisions(self, decisions):
        """Decisions not shown before; what says the same again as the one before is left out."""
        for decision in decisions:
            if decision["number"] <= self._last_decision:
                continue
            self._last_decision = decision["number"]
            quiet = decision["action"] in ("hold", "observe")
            gist = (decision["action"], decision["reason"], decision["target"])
            if quiet and gist == self._last_shown:
                continue
            self._last_shown = gist
            self._decision(decision, quiet)

    def _decision(self, decision, quiet):
        headline = f"{decision['action'].replace('_', ' ')} to {decision['target']}"
        if quiet:
            headline = f"{decision['action']} at {decision['target']}"
        text = f"{headline} ({decision['reason'].replace('_', ' ')}): {decision['text']}"
        first, rest = "       > ", "         "
        for line in textwrap.wrap(text, self._width - 1, initial_indent=first,
                                  subsequent_indent=rest):
            self.line(line, "quiet" if quiet else "decision")

    def fact(self, name, value, style=None):
        """One line of the summary."""
        self.line(f"  {name:<20}" + self._paint(str(value), style))

    def _paint(self, text, style):
        if not self._colour or not style or not text:
            return text
        return f"\x1b[{COLOURS[style]}m{text}\x1b[0m"


def in_words(seconds):
    """A duration for people, in at most 7 characters."""
    if seconds < 0.0005:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s"
