#!/usr/bin/env python3
"""CUDA devices behind the whole service: real processes, whose kernels and
whose device's memory are emulated, so that it needs no GPU."""

import json
import os
import signal
import unittest

from end_to_end import Cluster, CommandError, main, prepare_text, spec


def cuda_spec(pipeline, steps=3, **overrides):
    """Small: each thread of a kernel is a fiber."""
    return spec(**{
        "pipeline": pipeline, "steps": steps, "device": "cuda",
        "model": {"gpt2": {"layers": 2, "hidden": 16, "heads": 2,
                           "sequence_length": 16, "vocabulary": 256}},
        "batch": {"micro_batch_size": 1, "micro_batches": 2}, **overrides})


def children_of(process):
    """Of all its threads, whichever started them."""
    children = []
    for task in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{task}/children") as file:
            children += file.read().split()
    return [int(child) for child in children]


class CudaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(workers=2, up=("--cuda", "0"))
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)
        prepare_text(cls.cluster)

    def hash_of(self, job):
        return self.cluster.run_local("checkpoint", "hash",
                                      job["checkpoint"]).strip()

    def train(self, name, job):
        return self.cluster.train(name, job)

    def test_workers_offer_their_devices(self):
        workers = json.loads(self.cluster.run("worker", "list", "-o", "json"))
        kinds = [device["kind"] for worker in workers["workers"]
                 for device in worker["devices"]]
        self.assertEqual(kinds, ["cuda", "cuda"])

    def test_two_ranks_give_the_bits_of_one_by_grpc(self):
        one, job = self.train("one", cuda_spec(1))
        hash_1 = self.hash_of(job)
        self.assertEqual(job["spec"]["device"], "cuda")
        for schedule in ("1f1b", "zb-h1"):
            two, job = self.train(f"two-{schedule}", cuda_spec(
                2, parallelism={"pipeline": 2, "schedule": schedule,
                                "link": "grpc"}))
            self.assertEqual([m["loss"] for m in two],
                             [m["loss"] for m in one])
            self.assertEqual(self.hash_of(job), hash_1)

    def test_replicas_sum_over_devices(self):
        one, _ = self.train("whole", cuda_spec(1))
        two, job = self.train("halves", cuda_spec(
            1, parallelism={"pipeline": 1, "data": 2, "link": "grpc"},
            batch={"micro_batch_size": 1, "micro_batches": 1}))
        self.assertEqual(len(job["peak_bytes"]), 2)
        for a, b in zip(one, two):
            self.assertAlmostEqual(a["loss"], b["loss"], delta=1e-5 * a["loss"])

    def test_a_killed_executor_changes_no_bit(self):
        _, whole = self.train("whole-run", cuda_spec(2, steps=12, parallelism={
            "pipeline": 2, "link": "grpc"}))
        self.cluster.submit("killed", cuda_spec(
            2, steps=12, parallelism={"pipeline": 2, "link": "grpc"},
            checkpoint={"every_steps": 2}))
        self.cluster.wait("killed", lambda j: int(j.get("step", 0)) >= 4)
        os.kill(children_of(self.cluster.pids()["worker-1"])[0],
                signal.SIGKILL)
        job = self.cluster.wait_for_end("killed")
        self.assertEqual(job["state"], "JOB_STATE_SUCCEEDED", job["reason"])
        self.assertGreater(int(job["epoch"]), 1)
        self.assertEqual(self.hash_of(job), self.hash_of(whole))

    def test_a_job_for_cpus_is_refused_where_there_are_none(self):
        job = cuda_spec(1)
        job["device"] = "cpu"
        with self.assertRaises(CommandError) as refused:
            self.cluster.submit("on-cpus", job)
        self.assertIn("needs 1 device; the cluster has 0 cpu and 2 cuda",
                      refused.exception.stderr)


class BadDeviceTest(unittest.TestCase):
    """What an executor tells of a device that fails, most often in the middle
    of a step, and what becomes of the job and the processes."""
    PLACE = r"replica 0 rank 0 step \d+ (\d+[FB]\d+|OPTIMIZER): "

    def line_about(self, fault, wanted, goes_on=True):
        """What the job's log says of it, at most half a minute later. `goes_on`:
        the job tries again, for it could be better then."""
        os.environ["PENSTOCK_EMULATED_FAULT"] = fault
        self.addCleanup(os.environ.pop, "PENSTOCK_EMULATED_FAULT")
        with Cluster(workers=1, up=("--cuda", "0")) as cluster:
            prepare_text(cluster)
            worker = cluster.pids()["worker-0"]
            cluster.submit("job", cuda_spec(1, steps=1000))
            logs = ""

            def is_told(_):
                nonlocal logs
                logs = cluster.run("job", "logs", "job")
                return wanted in logs

            cluster.wait("job", is_told, seconds=30)
            cluster.wait("job", lambda job: int(job["epoch"]) > 1 if goes_on
                         else job["state"] == "JOB_STATE_FAILED", seconds=30)
            cluster.run("job", "cancel", "job")
            cluster.wait_for_end("job")
            cluster.wait("job", lambda _: not children_of(worker), seconds=30)
            self.assertEqual(cluster.pids()["worker-0"], worker)
            self.assertIn(" ready ", cluster.run("worker", "list"))
        return next(line for line in logs.splitlines() if wanted in line)

    def test_one_that_hangs_is_given_up_after_ten_seconds(self):
        line = self.line_about("600:300", "has not finished within 10s")
        self.assertRegex(line, self.PLACE)

    def test_one_that_is_lost_is_named_at_once(self):
        line = self.line_about("214:300", "cudaErrorECCUncorrectable",
                               goes_on=False)
        self.assertRegex(line, self.PLACE)

    def test_a_driver_that_does_not_return_ends_the_process(self):
        line = self.line_about("graph_launch:20", "has not returned from")
        self.assertRegex(line, self.PLACE + "the CUDA driver has not returned "
                         "from replay for 12s")

    def test_one_that_hangs_before_the_first_step_is_found_as_well(self):
        line = self.line_about("malloc:1", "has not returned from")
        self.assertRegex(line, "replica 0 rank 0 preparing: the CUDA driver "
                         "has not returned from allocate for 12s")


if __name__ == "__main__":
    main()
