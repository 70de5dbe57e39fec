"""What the end-to-end tests share: a small model, its data, and a main that
writes the test.xml that bazel reads."""

import os
import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import PROGRAMS, Cluster, CommandError  # noqa: E402,F401

TEXT = ("In the beginning God created the heaven and the earth. And the earth "
        "was without form, and void; and darkness was upon the face of the "
        "deep. And the Spirit of God moved upon the face of the waters.\n")


def prepare_text(cluster):
    (cluster.path / "text.txt").write_text(TEXT * 40)
    cluster.run_local("data", "prepare", "text.txt", "-o", "text.bin")


def spec(pipeline=2, **overrides):
    """A job of some hundred milliseconds a step at most."""
    job = {
        "model": {"gpt2": {"layers": 3, "hidden": 32, "heads": 2,
                           "sequence_length": 32, "vocabulary": 256}},
        "data": {"tokens": "text.bin"},
        "optimizer": {"adamw": {"learning_rate": 3e-3}},
        "batch": {"micro_batch_size": 2, "micro_batches": 4},
        "parallelism": {"pipeline": pipeline, "schedule": "1f1b"},
        "steps": 8,
    }
    job.update(overrides)
    return job


def main():
    program = unittest.main(exit=False, verbosity=2, testRunner=XmlRunner)
    sys.exit(0 if program.result.wasSuccessful() else 1)


class XmlResult(unittest.TextTestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.suite = ElementTree.Element("testsuite")

    def startTest(self, test):
        super().startTest(test)
        ElementTree.SubElement(self.suite, "testcase", name=test.id(),
                               status="run")

    def addError(self, test, error):
        super().addError(test, error)
        self.add_failure(test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.add_failure(test)

    def add_failure(self, test):
        if not len(self.suite):  # setUpClass failed: no case has begun.
            self.startTest(test)
        ElementTree.SubElement(self.suite[-1], "failure")


class XmlRunner(unittest.TextTestRunner):
    resultclass = XmlResult

    def run(self, test):
        result = super().run(test)
        path = os.environ.get("XML_OUTPUT_FILE")
        if path:
            ElementTree.ElementTree(result.suite).write(path)
        return result
