#!/usr/bin/env python3
"""The main job on real processes: plan, steps, metrics, trace, checkpoints."""

import json
import os
import unittest

from end_to_end import Cluster, CommandError, main, prepare_text, spec

METRIC_FIELDS = {
    "step", "loss", "grad_norm", "tokens_per_second",
    "bubble_fraction_measured", "bubble_fraction_predicted", "step_seconds",
    "step_seconds_predicted", "prediction_error", "plan_revision"}


class TrainingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(workers=4)
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        prepare_text(cls.cluster)

    def train(self, name, job):
        return self.cluster.train(name, job)

    def hash_of(self, job):
        return self.cluster.run_local("checkpoint", "hash",
                                      job["checkpoint"]).strip()

    def test_processes_give_the_same_bits_at_every_width(self):
        expected, job = self.train("width-1", spec(pipeline=1))
        hash_1 = self.hash_of(job)
        self.assertEqual(len(hash_1), 32)
        for width, schedule in ((2, "gpipe"), (3, "1f1b"), (4, "naive")):
            metrics, job = self.train(
                f"width-{width}",
                spec(parallelism={"pipeline": width, "schedule": schedule}))
            for key in ("loss", "grad_norm"):
                self.assertEqual([m[key] for m in metrics],
                                 [m[key] for m in expected])
            self.assertEqual(self.hash_of(job), hash_1)

    def test_ranks_of_several_stages_give_the_bits_of_one_process(self):
        expected, job = self.train("one-stage", spec(pipeline=1))
        hash_1 = self.hash_of(job)
        for parallelism in (
                {"pipeline": 2, "schedule": "zbv"},
                {"pipeline": 2, "schedule": "interleaved-1f1b"},
                {"pipeline": 2, "schedule": "dualpipev"},
                {"pipeline": 4, "schedule": "zb-h1", "recompute": "always"},
                {"pipeline": 2, "schedule": "zbv", "recompute": "by_memory"}):
            name = "-".join(["bits", parallelism["schedule"],
                             parallelism.get("recompute", "")]).strip("-")
            with self.subTest(parallelism=parallelism):
                metrics, job = self.train(name, spec(parallelism=parallelism))
                for key in ("loss", "grad_norm"):
                    self.assertEqual([m[key] for m in metrics],
                                     [m[key] for m in expected])
                self.assertEqual(self.hash_of(job), hash_1)

    def test_both_directions_give_the_bits_of_two_replicas(self):
        _, replicas = self.train("halves", spec(
            parallelism={"pipeline": 1, "data": 2},
            batch={"micro_batch_size": 2, "micro_batches": 2}))
        for schedule in ("dualpipe", "chimera"):
            with self.subTest(schedule=schedule):
                _, job = self.train(f"both-{schedule}", spec(
                    parallelism={"pipeline": 2, "schedule": schedule}))
                self.assertEqual(self.hash_of(job), self.hash_of(replicas))

    def test_metrics_tell_of_every_step(self):
        metrics, _ = self.train("metrics", spec())
        self.assertEqual([m["step"] for m in metrics], list(range(1, 9)))
        for step in metrics:
            self.assertEqual(set(step), METRIC_FIELDS)
            self.assertGreater(step["tokens_per_second"], 0)
            self.assertGreater(step["bubble_fraction_predicted"], 0)
            self.assertLess(step["bubble_fraction_measured"], 1)
        self.assertLess(metrics[-1]["loss"], metrics[0]["loss"])

    def test_replicas_train_as_one(self):
        one, _ = self.train("replicas-1", spec(pipeline=2))
        two, job = self.train("replicas-2", spec(
            parallelism={"pipeline": 2, "data": 2},
            batch={"micro_batch_size": 2, "micro_batches": 2}))
        self.assertEqual(len(job["peak_bytes"]), 4)
        for a, b in zip(one, two):
            self.assertAlmostEqual(a["loss"], b["loss"], delta=1e-5 * a["loss"])

    def test_pause_and_resume_at_another_width_change_nothing(self):
        _, whole = self.train("whole", spec(steps=3000))
        self.cluster.submit("paused", spec(steps=3000))
        self.cluster.wait("paused", lambda j: int(j.get("step", 0)) >= 2)
        self.cluster.run("job", "pause", "paused")
        job = self.cluster.wait(
            "paused", lambda j: j["state"] in ("JOB_STATE_PAUSED",
                                               "JOB_STATE_SUCCEEDED"))
        self.assertEqual(job["state"], "JOB_STATE_PAUSED", job["reason"])
        self.assertLess(int(job["step"]), 3000)
        self.cluster.run("job", "resume", "paused", "--pipeline", "3")
        job = self.cluster.wait_for_end("paused")
        self.assertEqual(job["state"], "JOB_STATE_SUCCEEDED", job["reason"])
        self.assertEqual(self.hash_of(job), self.hash_of(whole))

    def test_an_export_starts_another_job(self):
        _, job = self.train("source", spec())
        checkpoint = job["checkpoint"]
        self.cluster.run_local("checkpoint", "verify", checkpoint)
        self.cluster.run_local("checkpoint", "export", checkpoint, "--format",
                               "hf", "-o", "exported")
        self.assertEqual(
            self.cluster.run_local("checkpoint", "hash", "exported").strip(),
            self.hash_of(job))
        metrics, _ = self.train("sequel", spec(
            model={"init_from": "exported"}, steps=2))
        source, _ = self.train("source-again", spec())
        self.assertLess(metrics[0]["loss"], source[0]["loss"])

    def test_a_llama_trains_and_its_export_starts_another_job(self):
        model = {"llama": {"layers": 3, "hidden": 32, "heads": 4,
                           "kv_heads": 2, "intermediate": 48,
                           "sequence_length": 32, "vocabulary": 256}}
        metrics, job = self.train("llama", spec(model=model, pipeline=2))
        self.assertLess(metrics[-1]["loss"], metrics[0]["loss"])
        _, wide = self.train("llama-wide", spec(
            model=model, parallelism={"pipeline": 4, "schedule": "zb-h1"}))
        self.assertEqual(self.hash_of(wide), self.hash_of(job))
        self.cluster.run_local("checkpoint", "export", job["checkpoint"],
                               "--format", "hf", "-o", "llama-exported")
        self.assertEqual(
            self.cluster.run_local("checkpoint", "hash",
                                   "llama-exported").strip(),
            self.hash_of(job))
        sequel, _ = self.train("llama-sequel", spec(
            model={"init_from": "llama-exported"}, steps=2))
        self.assertLess(sequel[0]["loss"], metrics[0]["loss"])

    def test_a_damaged_checkpoint_is_found(self):
        _, job = self.train("damaged", spec())
        shard = next(f for f in os.listdir(job["checkpoint"])
                     if f.startswith("model-"))
        with open(os.path.join(job["checkpoint"], shard), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([byte ^ 1]))
        with self.assertRaises(CommandError) as error:
            self.cluster.run_local("checkpoint", "verify", job["checkpoint"])
        self.assertIn(shard, error.exception.stderr)

    def test_the_trace_opens_as_chrome_json(self):
        self.train("traced", spec())
        self.cluster.run("job", "trace", "traced", "-o", "trace.json")
        trace = json.loads((self.cluster.path / "trace.json").read_text())
        names = {e["name"] for e in trace["traceEvents"] if e["ph"] == "X"}
        self.assertIn("0F0", names)
        self.assertIn("1B3", names)
        tracks = " ".join(e["args"]["name"] for e in trace["traceEvents"]
                          if e["ph"] == "M" and "name" in e.get("args", {}))
        self.assertIn("planned", tracks)
        self.assertIn("measured", tracks)

    def test_what_cannot_start_is_refused_at_once_and_in_words(self):
        cases = [
            (spec(pipeline=9), ["parallelism.pipeline", "9"]),
            (spec(steps=-1), ["steps", "-1"]),
            (spec(data={"tokens": "none.bin"}), ["none.bin"]),
            (spec(data={"tokens": "/etc/passwd"}), ["/etc/passwd", "root"]),
            (spec(model={"gpt2": {"layers": 3, "hidden": 32, "heads": 3,
                                  "sequence_length": 32, "vocabulary": 256}}),
             ["heads", "3"]),
            (spec(model={"llama": {"layers": 3, "hidden": 32, "heads": 4,
                                   "kv_heads": 3, "intermediate": 48,
                                   "sequence_length": 32,
                                   "vocabulary": 256}}),
             ["model.llama.kv_heads", "3"]),
            (spec(model={"gpt2": {"layers": 3, "hiden": 32}}),
             ["hiden", "hidden"]),
            (spec(model={"gpt2": {"layers": 3, "hidden": 32, "heads": 2,
                                  "sequence_length": 32, "vocabulary": 64}}),
             ["text.bin", "64"]),
        ]
        for number, (job, words) in enumerate(cases):
            with self.subTest(words=words):
                with self.assertRaises(CommandError) as error:
                    self.cluster.submit(f"refused-{number}", job)
                for word in words:
                    self.assertIn(word, error.exception.stderr)
        self.train("twice", spec(steps=1))
        with self.assertRaises(CommandError) as error:
            self.cluster.submit("twice", spec())
        self.assertIn("twice", error.exception.stderr)
        with self.assertRaises(CommandError) as error:
            self.cluster.run("job", "get", "twicf")
        self.assertEqual(error.exception.code, 3)
        self.assertIn("twice", error.exception.stderr)


if __name__ == "__main__":
    main()
