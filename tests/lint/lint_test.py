#!/usr/bin/python3
"""The checks of this folder find what they are for, and nothing in a good tree."""
import json
import pathlib
import tempfile
import unittest

import check_layers
import check_length
import check_terraform
import check_words


class LintTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.write("base/text.h", "#pragma once\n#include <string>\n")
        self.write("base/text.cc", '#include "base/text.h"\n')

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def assert_finds(self, check, words):
        findings = check.check(self.root)
        self.assertEqual(len(findings), 1, findings)
        self.assertIn(words, findings[0])

    def test_good_tree_is_clean(self):
        self.write("proxy/net/loop.h", '#pragma once\n#include <uv.h>\n#include "base/text.h"\n')
        self.write("tests/unit/a_test.cc", '#include <gtest/gtest.h>\n#include "proxy/net/loop.h"\n')
        self.write("build/release/x.cc", '#include "nothing.h"\n')
        for check in (check_layers, check_length, check_words):
            self.assertEqual(check.check(self.root), [])

    def test_forbidden_layer(self):
        self.write("scaler/law.h", '#pragma once\n#include "base/text.h"\n')
        self.write("balancer/pool.h", '#pragma once\n#include "scaler/law.h"\n')
        self.assert_finds(check_layers, "balancer may not include scaler")

    def test_sublayer_is_a_layer_of_its_own(self):
        self.write("scaler/providers/exec.h", "#pragma once\n")
        self.write("scaler/law.h", '#pragma once\n#include "scaler/providers/exec.h"\n')
        self.assert_finds(check_layers, "scaler may not include scaler/providers")

    def test_library_out_of_place(self):
        self.write("proxy/http/codec.cc", "#include <llhttp.h>\n")
        self.assert_finds(check_layers, "<llhttp.h> is only for")
        self.write("proxy/http/codec.cc", "")
        self.write("proxy/forward/a.cc", "#  include <uv.h>\n")
        self.assert_finds(check_layers, "<uv.h> is only for")

    def test_heavy_library_in_header(self):
        self.write("proxy/config/model.h", "#pragma once\n#include <toml++/toml.h>\n")
        self.assert_finds(check_layers, "is only for")

    def test_relative_include(self):
        self.write("base/log.cc", '#include "text.h"\n')
        self.assert_finds(check_layers, "not the full path")

    def test_own_header_first(self):
        self.write("base/log.h", "#pragma once\n")
        self.write("base/log.cc", '#include "base/text.h"\n#include "base/log.h"\n')
        self.assert_finds(check_layers, "first include")

    def test_missing_guard(self):
        self.write("base/log.h", "\n")
        self.assert_finds(check_layers, "#pragma once")

    def test_program_includes_test(self):
        self.write("tests/support/fake.h", "#pragma once\n")
        self.write("proxy/server/a.cc", '#include "tests/support/fake.h"\n')
        self.assert_finds(check_layers, "not for the program")

    def test_ring_of_folders(self):
        self.assertEqual(
            check_layers.cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c", "b"])
        self.assertIsNone(check_layers.cycle({"a": {"b", "c"}, "b": {"c"}}))

    def test_file_in_no_layer(self):
        self.write("stray/a.cc", "")
        self.assert_finds(check_layers, "no layer")

    def test_long_file(self):
        self.write("base/long.cc", "\n" * 501)
        self.assert_finds(check_length, "501 lines")

    def test_words(self):
        self.write("docs/a.md", "the Up" + "stream server\n")
        self.assert_finds(check_words, "docs/a.md:1")
        self.write("docs/a.md", "TO" + "DO: later\n")
        self.assert_finds(check_words, "without an issue")
        self.write("docs/a.md", "TO" + "DO (issue 12): later\n")
        self.assertEqual(check_words.check(self.root), [])


GOOD_TERRAFORM = '''variable "name" {
  description = "Name of ${"it"} # all"
  type        = string
}

resource "google_x" "a" {
  for_each = toset([
    "a", # first
    "b",
  ])

  name = "${var.name}-${join("-", [each.value])}"
  tags = {
    one   = 1
    three = 3
  }
  text = <<-END
    any { thing
  END

  inner {
    size = 1
  }

  lifecycle {
    ignore_changes = [name]
  }
}

output "a" {
  value = google_x.a["a"].name
}
'''
KNOWN = {"google_x": {"name": {"type": "string", "required": True}, "tags": {"type": "map(string)"},
                      "text": {"type": "string"},
                      "inner": {"block": {"size": {"type": "number", "required": True}}}}}


class TerraformTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        (self.root / "conf" / "x").mkdir(parents=True)

    def findings(self, old="", new="", check=check_terraform.check):
        self.assertIn(old, GOOD_TERRAFORM)
        text = GOOD_TERRAFORM.replace(old, new, 1) if old else GOOD_TERRAFORM
        (self.root / "conf" / "x" / "main.tf").write_text(text, encoding="utf-8")
        return check(self.root)

    def arguments(self, old="", new=""):
        return self.findings(old, new, lambda root: check_terraform.argument_findings(root, KNOWN))

    def assert_one(self, findings, words):
        self.assertEqual(len(findings), 1, findings)
        self.assertIn(words, findings[0])

    def test_good_file_is_clean(self):
        self.assertEqual(self.findings(), [])
        self.assertEqual(self.arguments(), [])

    def test_layout(self):
        self.assert_one(self.findings("one   =", "one =") , "not aligned")
        self.assert_one(self.findings("  inner {", "   inner {"), "indentation is not 2")
        self.assert_one(self.findings("    size = 1", "  size = 1"), "indentation is not 4")
        self.assert_one(self.findings("size = 1", "size = 1 "), "blanks")

    def test_references(self):
        self.assert_one(self.findings("value = google_x.a", "value = google_x.b"), "google_x.b is not declared")
        self.assert_one(self.findings("toset([", "toset(local.none, ["), "local.none is not declared")
        self.assertEqual(len(self.findings("${var.name}", "${var.nam}")), 2)  # and name is unused
        self.assert_one(self.findings("  type        = string\n", ""), "no type")

    def test_text_that_is_no_terraform(self):
        self.assert_one(self.findings("    size = 1\n  }", "    size = 1\n"), "not closed")
        self.assert_one(self.arguments("\"b\",\n  ])", "\"b\",\n  )"), "closes nothing")

    def test_arguments(self):
        self.assert_one(self.arguments("size = 1", "size = 1\n    sise = 1"), "no argument 'sise'")
        self.assert_one(self.arguments("size = 1", ""), "required 'size' is missing")
        self.assert_one(self.arguments("inner {", "inner = {"), "'inner' is a block")
        self.assert_one(self.arguments("tags = {", "tags {"), "'tags' is an argument")
        self.assert_one(self.arguments('"google_x" "a"', '"google_y" "a"'), "no resource 'google_y'")
        self.assert_one(self.arguments("  inner {", '  dynamic "outer" {'), "no block 'outer'")
        self.assertEqual(self.arguments(
            "  inner {\n    size = 1\n  }",
            '  dynamic "inner" {\n    for_each = []\n    content {\n      size = 1\n    }\n  }'), [])

    def test_planted_error_in_the_projects_own_files(self):
        own = pathlib.Path(__file__).resolve().parents[2]
        listed = own / check_terraform.ARGUMENT_LIST
        if not listed.is_file():
            self.skipTest(f"{listed.name} is not there")
        resources = json.loads(listed.read_text(encoding="utf-8"))["resources"]
        path = self.root / "conf" / "x" / "backends.tf"
        good = (own / "conf" / "gce" / "backends.tf").read_text(encoding="utf-8")
        for old, new, words in (("minimal_action ", "minimum_action ", "minimum_action"),
                                ("standby_policy {", "standby {", "no block 'standby'"),
                                ("  machine_type = var.machine_type\n", "", "required 'machine_type'")):
            self.assertIn(old, good)
            path.write_text(good.replace(old, new, 1), encoding="utf-8")
            self.assertIn(words, "\n".join(check_terraform.argument_findings(self.root, resources)))


if __name__ == "__main__":
    unittest.main()
