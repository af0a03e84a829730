#!/usr/bin/python3
"""The checks of this folder find what they are for, and nothing in a good tree."""
import pathlib
import tempfile
import unittest

import check_layers
import check_length
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


if __name__ == "__main__":
    unittest.main()
