#!/usr/bin/env python3
"""Holds the tree against the house style's measurable rules.

    tests/tidy/tidy.py [ROOT]

Prints a line per rule, each violation under it, and `N passed, N failed`.
Reads the files that git knows; needs universal-ctags and clang-format-14.
"""

import re
import statistics
import subprocess
import sys
from pathlib import Path

FILE_LINES_MAX = 500
HEADER_LINES_MAX = 250
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 80
MEDIANS_MAX = {"header lines": 80, "source lines": 150, "function lines": 10}

# What may not be written, and where it may all the same.
BANNED = [
    (r"\bTODO\b", r"$^", "say what is missing in an issue"),
    (r"\bstd::(cout|cerr)\b|\bprintf\(", r"_main\.cc$|/cli/|/benchmark/",
     "log, or return a Status"),
    (r"(?<![\w:>.])(std::)?exit\(", r"_main\.cc$", "return a Status"),
    (r"\bthrow\b(?!\()", r"$^", "return a Status"),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep|absl::SleepFor)\b",
     r"worker/runtime/sim_stage\.cc$|/cli/|/benchmark/", "wait for what happens"),
    (r"\babsl::(string_view|optional|Mutex)\b", r"$^",
     "use std's, or proto/base/mutex.h"),
    (r"\bstd::views::|\bstd::source_location\b", r"$^", "clang 14 fails on it"),
]

# Path of the including file, forbidden include, path that is allowed anyway.
LAYERS = [
    (r"^coordinator/", r"^worker/", r"$^"),
    (r"^worker/", r"^coordinator/", r"$^"),
    (r"^(proto|kernels)/", r"^(coordinator|worker)/", r"$^"),
    (r"^(proto)/", r"^kernels/", r"$^"),
    (r"^kernels/", r"^proto/(?!base/)", r"$^"),
    (r"^coordinator/(core|planner|schedule)/",
     r"^(grpcpp?/|spdlog/|thread$|fstream$|chrono$|.*\.pb\.h$"
     r"|proto/base/(clock|log|file|mutex)\.h|coordinator/(storage|service|cli)/)",
     r"$^"),
    (r"^worker/agent/",
     r"^(grpcpp?/|spdlog/|thread$|fstream$|chrono$|.*\.pb\.h$"
     r"|proto/base/(clock|log|file|mutex)\.h)", r"$^"),
    (r"^(coordinator|worker|kernels|proto)/", r"^grpcpp?/",
     r"/service/|/client/|^worker/link/grpc|^proto/rpc/|/cli/|_main\.cc$"),
    (r"^(coordinator|worker|kernels|proto)/", r"^(cuda|nccl|cudnn|cublas)",
     r"^kernels/cuda/|^worker/link/nccl"),
    (r"^(worker/runtime|worker/model|kernels|coordinator/core)/.*\.h$",
     r"\.pb\.h$", r"$^"),
    (r"^worker/(runtime|model)/", r"^worker/(client|executor|agent)/", r"$^"),
    (r"^worker/model/", r"^worker/(runtime|link)/", r"$^"),
    (r"^worker/link/", r"^worker/(runtime|model)/", r"$^"),
]


class Tree:
    """The files of a checkout, by path relative to its root."""

    def __init__(self, root):
        self.root = Path(root)
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=root, check=True, capture_output=True, text=True).stdout
        self.paths = [p for p in listed.split("\n")
                      if p and (self.root / p).is_file()]

    def code(self, *endings):
        return [p for p in self.paths if p.endswith(endings)]

    def lines(self, path):
        return (self.root / path).read_text(encoding="utf-8").split("\n")


def is_test(path):
    return path.startswith("tests/") or path.endswith("_test.cc")


def without_comments_and_strings(line):
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return re.sub(r"//.*", "", line)


def file_lengths(tree):
    for path in tree.code(".h", ".cc", ".cu", ".bzl", ".proto", ".py", ".sh"):
        length = len(tree.lines(path)) - 1
        limit = HEADER_LINES_MAX if path.endswith(".h") else FILE_LINES_MAX
        if path.endswith(".proto"):
            limit = FILE_LINES_MAX
        if length > limit:
            yield f"{path}: {length} lines; at most {limit}"


def line_lengths(tree):
    for path in tree.code(".h", ".cc", ".cu", ".proto"):
        for number, line in enumerate(tree.lines(path), 1):
            if len(line) > COLUMNS_MAX and "#include" not in line:
                yield f"{path}:{number}: {len(line)} columns"


def functions(tree):
    """(path, name, lines) of every function of our own code."""
    paths = [p for p in tree.code(".h", ".cc", ".cu")]
    out = subprocess.run(
        ["ctags", "-L", "-", "--languages=C++,CUDA", "--map-CUDA=+.cu",
         "--kinds-C++=f", "--kinds-CUDA=f", "--fields=+ne", "-f", "-"],
        input="\n".join(paths), cwd=tree.root, check=True,
        capture_output=True, text=True, errors="replace").stdout
    for row in out.split("\n"):
        begin = re.search(r"\tline:(\d+)", row)
        end = re.search(r"\tend:(\d+)", row)
        if begin and end and not row.startswith("!"):
            name, path = row.split("\t")[:2]
            yield path, name, int(end[1]) - int(begin[1]) + 1


def function_lengths(tree):
    for path, name, length in functions(tree):
        if length > FUNCTION_LINES_MAX:
            yield f"{path}: {name} has {length} lines"


def medians(tree):
    production = [p for p in tree.code(".h", ".cc", ".cu") if not is_test(p)]
    lengths = {
        "header lines": [len(tree.lines(p)) - 1 for p in production
                         if p.endswith(".h")],
        "source lines": [len(tree.lines(p)) - 1 for p in production
                         if not p.endswith(".h")],
        "function lines": [n for p, _, n in functions(tree) if not is_test(p)],
    }
    for what, limit in MEDIANS_MAX.items():
        if not lengths[what]:
            continue
        median = statistics.median(lengths[what])
        print(f"     median {what}: {median:g}")
        if median > limit:
            yield f"median {what} is {median:g}; at most {limit}"


def banned_words(tree):
    for path in tree.code(".h", ".cc", ".cu"):
        for number, line in enumerate(tree.lines(path), 1):
            code = without_comments_and_strings(line)
            for pattern, allowed, instead in BANNED:
                text = line if "TODO" in pattern else code
                if re.search(pattern, text) and not re.search(allowed, path):
                    yield f"{path}:{number}: {line.strip()} ({instead})"


def banned_names(tree):
    for path in tree.paths:
        if re.search(r"(util|manager|helper)", Path(path).name.lower()):
            yield f"{path}: name it by what it is"


def includes(tree):
    for path in tree.code(".h", ".cc", ".cu"):
        if is_test(path):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            match = re.match(r'#include [<"](.+)[>"]', line)
            if not match:
                continue
            for who, what, allowed in LAYERS:
                if (re.search(who, path) and re.search(what, match[1])
                        and not re.search(allowed, path)):
                    yield f"{path}:{number}: may not include {match[1]}"


def include_guards(tree):
    for path in tree.code(".h"):
        if path.endswith("-inl.h"):  # Highway includes it once per target.
            continue
        guard = re.sub(r"[^A-Z0-9]", "_", path.upper()) + "_"
        if f"#ifndef {guard}" not in tree.lines(path):
            yield f"{path}: the guard is not {guard}"


def type_names(tree):
    """Two types of one name in one program make it undefined, silently."""
    headers = {}
    for path in tree.code(".h"):
        namespace = ""
        for number, line in enumerate(tree.lines(path), 1):
            if match := re.match(r"namespace (\S+) {", line):
                namespace = match[1]
            match = re.match(r"(?:enum class|class|struct|enum) (\w+)[^;]*$",
                             line)
            if not match:
                continue
            name = f"{namespace}::{match[1]}"
            first = headers.setdefault(name, path)
            if first != path:
                yield f"{path}:{number}: {name} is also defined in {first}"


def conditional_code(tree):
    for path in tree.code(".h", ".cc", ".cu"):
        for number, line in enumerate(tree.lines(path), 1):
            if (re.match(r"#\s*if(def)?\b", line) and
                    not path.endswith("-inl.h") and
                    not re.search("HWY|__SANITIZE", line)):
                yield f"{path}:{number}: {line} (select a file in BUILD)"


def files_in_build(tree):
    for path in tree.code(".h", ".cc", ".cu", ".proto"):
        directory = Path(path).parent
        build = next((d / "BUILD" for d in [directory, *directory.parents]
                      if (tree.root / d / "BUILD").exists()), None)
        name = str(Path(path).relative_to(build.parent)) if build else path
        if not build or f'"{name}"' not in (tree.root / build).read_text():
            yield f"{path}: named in no BUILD"


def formatting(tree):
    paths = tree.code(".h", ".cc")
    out = subprocess.run(
        ["clang-format-14", "--style=file", "--dry-run", *paths],
        cwd=tree.root, capture_output=True, text=True, check=True).stderr
    for path in sorted(set(re.findall(r"^(\S+?):\d+:\d+: ", out, re.M))):
        yield f"{path}: clang-format-14 -i --style=file {path}"


RULES = [
    file_lengths, line_lengths, function_lengths, medians, banned_words,
    banned_names, includes, include_guards, type_names, conditional_code,
    files_in_build, formatting,
]


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]
    tree = Tree(root)
    failed = 0
    for rule in RULES:
        violations = list(rule(tree)) if tree.code(".h", ".cc") else []
        print(f"{'FAIL' if violations else 'ok  '} {rule.__name__}")
        for violation in violations:
            print(f"     {violation}")
        failed += bool(violations)
    print(f"{len(RULES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
