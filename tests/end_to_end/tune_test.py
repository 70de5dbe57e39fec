#!/usr/bin/env python3
"""`penstock job tune` on real workers."""

import json
import sys
import time
import unittest
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parent))
from end_to_end import Cluster, CommandError, main  # noqa: E402

FILE = """# tuned below
name: sleep
model: {sim: {layers: 2, forward_us: 1000, input_gradient_us: 500, weight_gradient_us: 500}}
batch:
  micro_batches: 16  # of one sample
parallelism: {pipeline: 2, schedule: 1f1b}
steps: 1000
"""


class TuneTest(unittest.TestCase):
    def test_measures_and_writes_the_best(self):
        with Cluster(workers=2) as cluster:
            path = cluster.path / "job.yaml"
            path.write_text(FILE)
            arguments = ["job", "tune", "-f", str(path), "--steps", "3",
                         "-o", "json"]
            results = json.loads(cluster.run(*arguments, "--sizes", "1,8"))
            self.assertEqual([r["micro_batch_size"] for r in results], [1, 8])
            best = max(results, key=lambda r: r["tokens_per_second"])
            self.assertEqual([r for r in results if r["best"]], [best])
            size = best["micro_batch_size"]
            self.assertEqual(path.read_text(), FILE.replace(
                "  micro_batches: 16",
                f"  micro_batch_size: {size}\n  micro_batches: {16 // size}"))
            ElementTree.parse(cluster.path / "job-tune.svg")
            jobs = json.loads(cluster.run("job", "list", "-o", "json"))["jobs"]
            self.assertEqual(sorted(job["spec"]["name"] for job in jobs),
                             ["sleep-tune-1", "sleep-tune-8"])
            self.assertEqual({job["state"] for job in jobs},
                             {"JOB_STATE_SUCCEEDED"})

    def test_a_pipeline_that_is_too_wide_is_shown_as_such(self):
        with Cluster(workers=1) as cluster:
            path = cluster.path / "job.yaml"
            path.write_text(FILE)
            self.assertEqual(self.code_of_tuning(cluster, path), 5)
            self.assertEqual(path.read_text(), FILE)

    def code_of_tuning(self, cluster, path):
        """A coordinator that has just started waits for workers first."""
        deadline = time.monotonic() + 60
        while True:
            with self.assertRaises(CommandError) as caught:
                cluster.run("job", "tune", "-f", str(path), "--sizes", "4")
            waits = "started a moment ago" in str(caught.exception)
            if not waits or time.monotonic() > deadline:
                return caught.exception.code


if __name__ == "__main__":
    main()
