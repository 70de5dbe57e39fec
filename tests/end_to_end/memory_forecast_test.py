#!/usr/bin/env python3
"""What a plan forecasts for each rank is what its process comes to hold."""

import unittest

from end_to_end import Cluster, main, prepare_text

TOLERANCE = 0.05  # Of the measured peak.
CHECKPOINT_STEPS = 8


def job(pipeline, schedule, hidden=192, layers=4):
    """So large that its tensors outweigh what every process needs anyway."""
    return {
        "model": {"gpt2": {"layers": layers, "hidden": hidden, "heads": 4,
                           "sequence_length": 64, "vocabulary": 512}},
        "data": {"tokens": "text.bin"},
        "optimizer": {"adamw": {"learning_rate": 1e-3}},
        "batch": {"micro_batch_size": 2, "micro_batches": 4},
        "parallelism": {"pipeline": pipeline, "schedule": schedule},
        "checkpoint": {"every_steps": CHECKPOINT_STEPS},
        "steps": 1000000,
    }


class MemoryForecastTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(workers=4)
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        prepare_text(cls.cluster)

    def run_past_checkpoints(self, name, spec):
        """The job once two checkpoints were written, each from a copy."""
        self.cluster.submit(name, spec)
        ended = ("JOB_STATE_FAILED", "JOB_STATE_SUCCEEDED")
        return self.cluster.wait(
            name, lambda j: j["state"] in ended
            or (j["checkpoint"] and int(j["step"]) > 4 * CHECKPOINT_STEPS),
            seconds=300)

    def check(self, name, spec):
        job = self.run_past_checkpoints(name, spec)
        try:
            self.assertEqual(job["state"], "JOB_STATE_RUNNING", job["reason"])
            for rank, plan in zip(job["ranks"], job["plan"]["ranks"]):
                forecast = sum(int(v) for k, v in plan["memory"].items()
                               if k != "total")
                peak = int(rank["resident_bytes_peak"])
                print(f"{name} rank {rank.get('rank', 0)}: forecast "
                      f"{forecast / 2**20:.1f} MiB, measured "
                      f"{peak / 2**20:.1f} MiB, {forecast / peak - 1:+.1%}",
                      flush=True)
                self.assertAlmostEqual(forecast / peak, 1, delta=TOLERANCE,
                                       msg=f"{name} rank {rank} {plan}")
        finally:
            self.cluster.run("job", "cancel", name)
            self.cluster.wait_for_end(name)

    def test_one_rank(self):
        self.check("one", job(1, "1f1b"))

    def test_one_large_rank(self):
        self.check("large", job(1, "1f1b", hidden=384))

    def test_two_ranks(self):
        for schedule in ("gpipe", "1f1b", "zb-h1"):
            with self.subTest(schedule):
                self.check("two-" + schedule, job(2, schedule, hidden=256))

    def test_bf16(self):
        spec = job(2, "1f1b", hidden=256, layers=6)
        self.check("bf16", {**spec, "precision": "bf16"})

    def test_four_ranks(self):
        self.check("four", job(4, "1f1b", hidden=256, layers=6))


if __name__ == "__main__":
    main()
