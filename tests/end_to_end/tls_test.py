#!/usr/bin/env python3
"""A cluster whose daemons and clients know each other by certificates."""

import json
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from end_to_end import PROGRAMS, TEXT, main, spec

HOST = "127.0.0.1"


class Authority:
    """Signs certificates with openssl, in `directory`."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = name
        self.openssl("req", "-x509", *self.new_key(name), "-out",
                     f"{name}.pem", "-days", "2")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True,
                       capture_output=True, timeout=60)

    def new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}")

    def sign(self, name):
        """A certificate for HOST, signed by this authority."""
        self.openssl("req", *self.new_key(name), "-out", f"{name}.csr")
        (self.directory / f"{name}.ext").write_text(
            f"subjectAltName=IP:{HOST}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA",
                     f"{self.name}.pem", "-CAkey", f"{self.name}.key",
                     "-CAcreateserial", "-out", f"{name}.pem", "-days", "2",
                     "-extfile", f"{name}.ext")


def flags(name, authority="cluster"):
    return ("--tls-certificate", f"{name}.pem", "--tls-key", f"{name}.key",
            "--tls-authority", f"{authority}.pem")


class TlsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="penstock-")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        for authority, name in (("cluster", "node"), ("stranger", "thief")):
            Authority(self.path, authority).sign(name)
        self.start("penstock-coordinator", "--state-dir", "state")
        self.address = self.wait_for(
            lambda: (self.path / "state/address").read_text().strip())

    def start(self, program, *arguments, tls=flags("node")):
        process = subprocess.Popen(
            [str(PROGRAMS / program), "--root", str(self.path), *arguments,
             *tls], cwd=self.path, stderr=subprocess.PIPE, text=True)

        def end():
            process.terminate()
            process.communicate(timeout=60)

        self.addCleanup(end)
        return process

    def start_worker(self, name, tls=flags("node")):
        (self.path / name).mkdir()
        return self.start("penstock-worker", "--coordinator", self.address,
                          "--state-dir", name, "--name", name, tls=tls)

    def run_as(self, tls, *arguments):
        return subprocess.run(
            [str(PROGRAMS / "penstock"), *arguments, "--address",
             self.address, *tls], cwd=self.path, capture_output=True,
            text=True, timeout=60)

    def ask(self, *arguments):
        done = self.run_as(flags("node"), *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def wait_for(self, answer, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                found = answer()
            except FileNotFoundError:
                found = None
            if found:
                return found
            time.sleep(0.05)
        self.fail("no answer in time")

    def ready_workers(self):
        workers = json.loads(
            self.ask("worker", "list", "-o", "json")).get("workers", [])
        return sorted(worker["name"] for worker in workers)

    def test_a_job_trains_between_those_who_have_certificates(self):
        for name in ("worker-0", "worker-1"):
            self.start_worker(name)
        self.wait_for(lambda: len(self.ready_workers()) == 2)
        (self.path / "text.txt").write_text(TEXT * 40)
        subprocess.run([str(PROGRAMS / "penstock"), "data", "prepare",
                        "text.txt", "-o", "text.bin"], cwd=self.path,
                       check=True, capture_output=True, timeout=60)
        job = spec(name="secret")
        job["data"]["tokens"] = str(self.path / "text.bin")
        (self.path / "job.json").write_text(json.dumps(job))
        self.ask("job", "submit", "-f", "job.json")
        state = self.wait_for(lambda: self.final_state("secret"))
        self.assertEqual(state, "JOB_STATE_SUCCEEDED")

    def final_state(self, name):
        state = json.loads(self.ask("job", "get", name, "-o", "json"))["state"]
        return state if state in ("JOB_STATE_SUCCEEDED",
                                  "JOB_STATE_FAILED") else None

    def test_who_has_no_certificate_of_the_authority_gets_no_answer(self):
        for tls, hint in (((), "without TLS"),
                          (flags("thief"), "trust this certificate")):
            done = self.run_as(tls, "worker", "list")
            self.assertEqual(done.returncode, 1)
            self.assertIn(hint, done.stderr)

    def test_a_client_refuses_a_coordinator_of_another_authority(self):
        done = self.run_as(flags("node", "stranger"), "worker", "list")
        self.assertEqual(done.returncode, 1)

    def test_a_stranger_s_worker_does_not_join(self):
        self.start_worker("stranger", tls=flags("thief"))
        self.start_worker("friend")
        self.assertEqual(
            self.wait_for(lambda: self.ready_workers()), ["friend"])


if __name__ == "__main__":
    main()
