#!/usr/bin/env python3
"""The verdicts of speed_table.py, on made-up figures."""

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import speed_table  # noqa: E402


def ours(stages, rate, **overrides):
    return {"stages": stages, "tokens_per_second": rate, "arena_bytes": 1000,
            "forecast_bytes": 1010, "mfu_causal": 0.5, "mfu_full": 0.6,
            "share_of_ceiling": 0.7, "used_bytes": 2000, **overrides}


def compiled(rate):
    return {"arm": "compiled", "tokens_per_second": rate}


class SpeedTableTest(unittest.TestCase):
    def broken(self, runs, others=(), device="NVIDIA H200"):
        workload = {"name": "gpt2-124m", "h200_tokens_per_second": 530e3,
                    "runs": list(runs)}
        return list(speed_table.broken_claims(workload, list(others), device))

    def test_what_holds_is_not_complained_about(self):
        self.assertEqual(self.broken([ours(1, 540e3), ours(2, 530e3)],
                                     [compiled(500e3)]), [])

    def test_each_claim_is_complained_about_when_it_is_broken(self):
        for runs, others, complaint in (
                ([ours(1, 520e3)], [], "520000 tokens/s, not 530000"),
                ([ours(1, 540e3), ours(2, 520e3)], [], "lose 3.7 %"),
                ([ours(1, 540e3)], [compiled(600e3)], "0.90 of PyTorch"),
                ([ours(1, 540e3, arena_bytes=1040)], [], "forecast"),
                ([{"stages": 1, "error": "INTERNAL: gone"}], [], "gone")):
            broken = self.broken(runs, others)
            self.assertEqual(len(broken), 1, broken)
            self.assertIn(complaint, broken[0])

    def test_other_devices_need_not_be_as_fast(self):
        self.assertEqual(self.broken([ours(1, 100e3)], device="NVIDIA L4"), [])

    def test_an_arm_that_failed_is_not_compared_with(self):
        failed = {"arm": "compiled", "error": "out of time"}
        self.assertEqual(self.broken([ours(1, 540e3)], [failed]), [])
        self.assertIn("out of time", speed_table.row("PyTorch", failed))


if __name__ == "__main__":
    program = unittest.main(exit=False)
    if "XML_OUTPUT_FILE" in os.environ:
        Path(os.environ["XML_OUTPUT_FILE"]).write_text(
            '<testsuite><testcase name="speed_table" status="run"/></testsuite>')
    sys.exit(0 if program.result.wasSuccessful() else 1)
