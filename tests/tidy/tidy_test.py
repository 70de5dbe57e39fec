#!/usr/bin/env python3
"""Each rule of tidy.py finds what it is there to find, and nothing in good code."""

import subprocess
import tempfile
import unittest
from pathlib import Path

import tidy

GOOD_HEADER = """#ifndef PROTO_GOOD_H_
#define PROTO_GOOD_H_

namespace penstock {

inline int One() { return 1; }

}  // namespace penstock

#endif  // PROTO_GOOD_H_
"""


class TidyTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.write("proto/BUILD", '"good.h"')
        self.write("proto/good.h", GOOD_HEADER)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def violations(self, rule):
        return list(rule(tidy.Tree(self.root)))

    def test_good_code_has_no_violation(self):
        for rule in tidy.RULES:
            self.assertEqual(self.violations(rule), [], rule.__name__)

    def assert_found(self, rule, path, text):
        self.write(path, text)
        found = self.violations(rule)
        self.assertEqual(len(found), 1, f"{rule.__name__} in {text!r}: {found}")
        self.assertTrue(found[0].startswith(path), found)

    def test_long_files(self):
        self.assert_found(tidy.file_lengths, "proto/a.cc", "\n" * 501)
        self.write("proto/a.cc", "")
        self.assert_found(tidy.file_lengths, "proto/a.h", "\n" * 251)

    def test_long_lines(self):
        self.assert_found(tidy.line_lengths, "proto/a.cc", "// " + 80 * "x")

    def test_long_functions(self):
        body = "\n".join("  ++i;" for _ in range(70))
        self.assert_found(tidy.function_lengths, "proto/a.cc",
                          "void F(int i) {\n" + body + "\n}\n")

    def test_high_medians(self):
        self.write("proto/good.h", GOOD_HEADER + "\n" * 100)
        self.assertEqual(len(self.violations(tidy.medians)), 1)

    def test_banned_words(self):
        for text in ["// TODO: more", "std::cout << 1;", "exit(1);",
                     "throw 1;", "usleep(1);", "absl::string_view s;",
                     "auto v = std::views::all(x);"]:
            self.assert_found(tidy.banned_words, "worker/a.cc", text)
        self.write("worker/a.cc", '// throw\nLog("exit(1)");')
        self.assertEqual(self.violations(tidy.banned_words), [])

    def test_banned_names(self):
        self.assert_found(tidy.banned_names, "proto/string_util.cc", "")

    def test_forbidden_includes(self):
        for path, include in [
                ("worker/a.cc", '"coordinator/core/job.h"'),
                ("coordinator/a.cc", '"worker/link/link.h"'),
                ("coordinator/core/a.cc", "<thread>"),
                ("coordinator/core/a.cc", '"proto/base/clock.h"'),
                ("worker/runtime/a.cc", '"grpcpp/grpcpp.h"'),
                ("worker/runtime/a.h", '"proto/v1/job.pb.h"'),
                ("worker/model/a.cc", '"worker/runtime/stage.h"'),
                ("kernels/cpu/a.cc", '"cuda_runtime.h"'),
                ("proto/a.cc", '"worker/link/link.h"')]:
            self.assert_found(tidy.includes, path, f"#include {include}\n")
            (self.root / path).unlink()

    def test_wrong_guards(self):
        self.assert_found(tidy.include_guards, "proto/a.h", "#ifndef A_H\n")

    def test_types_of_one_name(self):
        good = "namespace penstock {\nstruct Twin {\n};\n}\n"
        self.write("kernels/twin.h", good)
        other = good.replace("penstock", "penstock::cuda")
        self.write("proto/twin.h", other)
        self.write("proto/user.h", "namespace penstock {\nstruct Twin;\n}\n")
        self.assertEqual(self.violations(tidy.type_names), [])
        self.assert_found(tidy.type_names, "worker/twin.h", good)

    def test_conditional_code(self):
        self.assert_found(tidy.conditional_code, "proto/a.cc",
                          "#ifdef WITH_CUDA\n#endif\n")

    def test_files_that_nothing_builds(self):
        self.assert_found(tidy.files_in_build, "proto/dead.cc", "")

    def test_formatting(self):
        self.assert_found(tidy.formatting, "proto/a.cc", "int  a ;\n")


if __name__ == "__main__":
    unittest.main()
