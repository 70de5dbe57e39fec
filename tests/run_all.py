#!/usr/bin/env python3
"""Runs the style rules and the bazel tests, and adds their cases up."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import xml.etree.ElementTree as ElementTree


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def fail(self, what, count=1):
        self.failed += count
        self.failures.append(what)


def run_python(script, tally):
    """A script that prints `N passed, N failed`, or a unittest."""
    done = subprocess.run([sys.executable, script], capture_output=True,
                          text=True)
    output = done.stdout + done.stderr
    counts = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M)
    ran = re.search(r"^Ran (\d+) tests", output, re.M)
    if counts:
        tally.passed += int(counts[1])
        if int(counts[2]):
            tally.fail(script, int(counts[2]))
    elif ran and done.returncode == 0:
        tally.passed += int(ran[1])
    else:
        tally.fail(script)
    if done.returncode != 0:
        print(output)


def count_cases(path, tally):
    """Cases of one test.xml; True if one failed."""
    failed = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.get("result") == "skipped" or case.find("skipped") is not None:
            tally.skipped += 1
            print(f"skipped: {case.get('classname')}.{case.get('name')}")
        elif case.get("status") != "notrun":
            tally.passed += 1
    tally.failed += failed
    return failed > 0


def count_events(events_path, tally):
    """Counts from bazel's build events: each target's last test.xml, and what
    did not build, crashed or timed out as one failure each."""
    results = {}
    for line in open(events_path, encoding="utf-8"):
        event = json.loads(line)
        name = event.get("id", {})
        if "testResult" in name:
            outputs = event["testResult"].get("testActionOutput", [])
            uri = next((o["uri"] for o in outputs if o["name"] == "test.xml"),
                       None)
            key = name["testResult"]
            results[(key["label"], key.get("shard", 0))] = (
                uri, event["testResult"].get("status", ""))
        elif "targetCompleted" in name:
            skipped = event.get("aborted", {}).get("reason") == "SKIPPED"
            if not skipped and not event.get("completed", {}).get("success"):
                tally.fail(name["targetCompleted"]["label"] + " did not build")
    for (label, _), (uri, status) in sorted(results.items()):
        case_failed = False
        if uri:
            path = urllib.parse.unquote(urllib.parse.urlparse(uri).path)
            case_failed = count_cases(path, tally)
        if case_failed:
            tally.failures.append(label)
        elif status not in ("PASSED", "FLAKY"):
            tally.fail(f"{label} {status}")


# No target on the left may depend on one on the right, however far away.
FORBIDDEN_PATHS = [
    ("//coordinator/...", "//worker/..."),
    ("//worker/...", "//coordinator/..."),
    ("//kernels/...", "//coordinator/... + //worker/..."),
    ("//proto/...", "//coordinator/... + //worker/... + //kernels/..."),
    ("//coordinator/core/... + //coordinator/planner/..."
     " + //coordinator/schedule/...", "//:grpc + //:spdlog + //:thread"),
    ("//worker/agent/...", "//:grpc + //:spdlog + //:thread"),
    ("//worker/runtime/... + //worker/model/... + //kernels/...", "//:grpc"),
    ("//worker/model/...", "//worker/runtime/... + //worker/link/..."),
]


def run_layers(tally):
    """DESIGN's layers, held by the dependency graph itself."""
    for above, below in FORBIDDEN_PATHS:
        done = subprocess.run(
            ["bazel", "query", f"somepath({above}, {below})"],
            capture_output=True, text=True)
        if done.returncode == 0 and not done.stdout.strip():
            tally.passed += 1
            continue
        tally.fail(f"a path from {above} to {below}")
        print(done.stdout or done.stderr)


def run_bazel(arguments, tally):
    if not any(a.startswith("//") for a in arguments):
        arguments = [*arguments, "//..."]
    run_targets(arguments, tally)


# What CUDA changes: kernels, what runs on them, links. Everything else is what
# it is without.
CUDA_TARGETS = ["//kernels/...", "//tests/conformance/...",
                "//tests/gpu:attention_memory_test", "//worker/link/..."]


def has_cuda():
    """As deploy/bazel/cuda_configure.bzl looks for the toolkit."""
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(variable):
            return os.path.exists(os.environ[variable] + "/bin/nvcc")
    return bool(shutil.which("nvcc")) or os.path.exists(
        "/usr/local/cuda/bin/nvcc")


def run_cuda(arguments, tally):
    """The checks that need the CUDA toolkit; most need no device."""
    if any(a.startswith(("//", "--config")) for a in arguments):
        return
    if not has_cuda():
        tally.skipped += 1
        print("skipped: CUDA: there is no toolkit (nvcc) on this machine")
        return
    run_targets(["--config=cuda", *arguments, *CUDA_TARGETS], tally)


def run_targets(arguments, tally):
    with tempfile.TemporaryDirectory() as directory:
        events = os.path.join(directory, "events.json")
        code = subprocess.run(
            ["bazel", "test", "--keep_going",
             f"--build_event_json_file={events}", *arguments]).returncode
        if os.path.exists(events):
            count_events(events, tally)
    if code not in (0, 4) and tally.failed == 0:
        tally.fail(f"bazel ended with {code}")


def main():
    tally = Tally()
    run_python("tests/tidy/tidy_test.py", tally)
    run_python("tests/tidy/tidy.py", tally)
    run_layers(tally)
    run_bazel(sys.argv[1:], tally)
    run_cuda(sys.argv[1:], tally)
    for failure in tally.failures:
        print(f"FAILED: {failure}")
    if tally.skipped:
        print(f"{tally.skipped} skipped")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
