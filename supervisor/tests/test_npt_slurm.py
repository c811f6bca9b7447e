"""npt_slurm.py with a trainer and Slurm's programs of the test's own; test/slurm/ has a real Slurm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from conftest import end_all

PROGRAM = Path(__file__).resolve().parents[1] / "npt_slurm.py"
LIMIT = 120.0

TRAINER = """
import json, os, pathlib, signal, sys, time
run = pathlib.Path(os.environ["RUN"])
name = sys.argv[1]
with open(run / "started", "a") as started:
    started.write(name + "\\n")
def save(step):
    (run / f"checkpoints/checkpoint-{step}").mkdir(parents=True, exist_ok=True)
    (run / f"checkpoints/checkpoint-{step}/config.json").write_text("{}")
def end(why, code, sent=None):
    (run / "exit.json").write_text(json.dumps({"schema": 1, "why": why, "signal": sent}))
    raise SystemExit(code)
def on_signal(number, frame):
    save(10 * len((run / "started").read_text().split()))
    end("preempted" if number == signal.SIGUSR1 else "stopped", 128 + number, signal.Signals(number).name)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, on_signal)
"""


class Job:
    """A run's folder, and a job in it whose Slurm writes down what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "experiments" / "a run"
        self.run.mkdir(parents=True)
        self.started: "List[subprocess.Popen[str]]" = []
        self.environment: Dict[str, str] = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "RUN": str(self.run),
            "SLURM_JOB_ID": "17",
            "SLURM_CLUSTER_NAME": "here",
            "SLURM_RESTART_COUNT": "0",
        }
        (folder / "bin").mkdir()
        self.says("scontrol", "")
        self.says("squeue", "")

    def says(self, program: str, body: str) -> None:
        """What one of Slurm's programs does; what it is asked is a line of `asked`."""
        path = self.folder / "bin" / program
        draft = path.with_suffix(".draft")
        draft.write_text(f'#!/bin/sh\necho "{program} $*" >> "{self.folder}/asked"\n{body}\n')
        draft.chmod(0o755)
        draft.replace(path)

    def asked(self) -> str:
        path = self.folder / "asked"
        return path.read_text() if path.exists() else ""

    def start(self, body: str, *options: str) -> "subprocess.Popen[str]":
        script = self.folder / "trainer.py"
        script.write_text(TRAINER + body)
        command = [sys.executable, str(script)]
        process = subprocess.Popen(
            [
                *[sys.executable, str(PROGRAM), "job", "--run-dir", str(self.run), *options, "--first", "3", "--"],
                *[*command, "first", *command, "again"],
            ],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
        )
        self.started.append(process)
        return process

    def until_ready(self) -> None:
        """A trainer that was asked to says so in this file, its handlers in place; process.json comes beside that."""
        end = time.monotonic() + LIMIT
        while not all((self.run / name).exists() for name in ("ready", "process.json")):
            assert time.monotonic() < end
            time.sleep(0.02)

    def document(self, name: str) -> Dict[str, Any]:
        document: Dict[str, Any] = json.loads((self.run / name).read_text())
        return document

    def log(self) -> str:
        return (self.run / "train.log").read_text()


WAITS = '(run / "ready").touch()\nwhile True:\n    time.sleep(0.02)\n'


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    made = Job(tmp_path)
    yield made
    # A job whose program is killed leaves its trainer behind, which Slurm would end with it.
    end_all(str(made.run))
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]") -> int:
    return process.wait(LIMIT)


def test_done_stopped_and_failed_end_the_job_for_good(job: Job) -> None:
    assert ended(job.start('end("done", 0)')) == 0
    assert not (job.run / "process.json").exists()
    assert ended(job.start('end("failed", 1)')) == 1
    assert ended(job.start("raise SystemExit(3)")) == 3
    assert job.document("exit.json")["why"] == "failed"
    assert not (job.run / "process.json").exists()
    assert "requeue" not in job.asked()


def test_while_it_trains_process_json_names_the_job(job: Job) -> None:
    process = job.start(WAITS)
    job.until_ready()
    named = job.document("process.json")
    assert (named["launcher"], named["job"], named["cluster"]) == ("slurm", "17", "here")
    assert named["supervisor"]["pid"] == process.pid
    assert named["pid"] > 0


def test_a_task_of_an_array_is_named_as_squeue_names_it(job: Job) -> None:
    job.environment.update(SLURM_ARRAY_JOB_ID="15", SLURM_ARRAY_TASK_ID="2")
    job.start(WAITS)
    job.until_ready()
    assert job.document("process.json")["job"] == "15_2"


@pytest.mark.parametrize("its_own_end", ["", "; kill -TERM $$"], ids=["told", "ended-with-the-job"])
def test_the_warning_saves_and_requeues_and_the_run_stays_the_jobs(job: Job, its_own_end: str) -> None:
    job.says("scontrol", f'[ "$1" = requeue ] && kill -TERM $(cat "{job.folder}/pid"){its_own_end}')
    process = job.start(WAITS)
    (job.folder / "pid").write_text(str(process.pid))
    job.until_ready()
    os.kill(process.pid, signal.SIGUSR1)
    assert ended(process) == 128 + signal.SIGTERM
    assert "scontrol requeue 17" in job.asked()
    assert job.document("exit.json")["why"] == "preempted"
    waiting = job.document("process.json")
    assert (waiting["pid"], waiting["job"]) == (0, "17")
    assert "job 17 is requeued" in job.log()


def test_a_requeue_that_slurm_refuses_is_said_and_the_run_is_nobodys(job: Job) -> None:
    job.says("scontrol", 'echo "Requested operation is presently disabled" >&2; exit 1')
    process = job.start(WAITS)
    job.until_ready()
    os.kill(process.pid, signal.SIGUSR1)
    assert ended(process) == 75
    assert "error: Slurm does not requeue the job: Requested operation is presently disabled" in job.log()
    assert not (job.run / "process.json").exists()


def test_a_requeue_without_progress_would_go_on_for_ever(job: Job) -> None:
    body = 'signal.signal(signal.SIGUSR1, lambda *_: end("preempted", 138))\n' + WAITS
    process = job.start(body)
    job.until_ready()
    os.kill(process.pid, signal.SIGUSR1)
    assert ended(process) == 75
    assert "requeue" not in job.asked()
    assert "not requeued" in job.log()


def test_a_stop_wins_over_the_warning(job: Job) -> None:
    body = "signal.signal(signal.SIGUSR1, lambda *_: (time.sleep(0.5), on_signal(signal.SIGUSR1, None)))\n" + WAITS
    process = job.start(body)
    job.until_ready()
    os.kill(process.pid, signal.SIGUSR1)
    os.kill(process.pid, signal.SIGINT)
    ended(process)
    assert "requeue" not in job.asked()
    assert not (job.run / "process.json").exists()


@pytest.mark.parametrize("restarts, why", [(1, "preempted"), (0, "stopped")])
def test_slurms_own_end_is_a_preemption_where_slurm_requeues(job: Job, restarts: int, why: str) -> None:
    job.says("scontrol", f'echo "JobId=17 Restarts={restarts} BatchFlag=1"')
    process = job.start(WAITS)
    job.until_ready()
    os.kill(process.pid, signal.SIGTERM)
    assert ended(process) == 128 + signal.SIGTERM
    assert job.document("exit.json")["why"] == why
    # Whether the job starts again is squeue's to say.
    assert job.document("process.json")["job"] == "17"


def test_a_question_that_slurms_own_end_cuts_short_is_asked_again(job: Job) -> None:
    asked = job.run / "asked"
    job.says("scontrol", f'[ -e "{asked}" ] || {{ : > "{asked}"; kill -TERM $$; }}; echo "JobId=17 Restarts=1"')
    process = job.start(WAITS)
    job.until_ready()
    os.kill(process.pid, signal.SIGTERM)
    assert ended(process) == 128 + signal.SIGTERM
    assert asked.exists() and job.document("exit.json")["why"] == "preempted"


def test_a_later_start_goes_on_from_the_run_once_it_has_trained_further(job: Job) -> None:
    checkpoint = job.run / "checkpoints" / "checkpoint-20"
    checkpoint.mkdir(parents=True)
    (checkpoint / "config.json").write_text("{}")
    for options in (["--from-step", "20"], ["--from-step", "10"], []):
        assert ended(job.start('end("done", 0)', *options)) == 0
    (job.run / "checkpoints" / "checkpoint-30").mkdir()
    assert ended(job.start('end("done", 0)', "--from-step", "20")) == 0, "one that was never finished is none"
    assert (job.run / "started").read_text().split() == ["first", "again", "again", "first"]


def test_a_run_that_was_deleted_while_the_job_waited_is_not_made_anew(job: Job) -> None:
    job.run.rename(job.run.with_name("elsewhere"))
    process = job.start('end("done", 0)')
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 2
    assert "cannot be opened" in output
    assert not job.run.exists()


#: What a shell in another job, or under torchrun, has in its environment.
LEFT_OVER = {"SLURM_NTASKS": "8", "SBATCH_PARTITION": "p", "CUDA_VISIBLE_DEVICES": "7", "RANK": "0", "PET_NNODES": "2"}


def submit(job: Job, *words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in job.environment.items() if not name.startswith("SLURM")}
    return subprocess.run(
        [sys.executable, str(PROGRAM), "submit", *words],
        env={**environment, **LEFT_OVER, "SLURM_CONF": "/c", "MINE": "x"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        universal_newlines=True,
        check=False,
    )


def test_a_submission_hands_on_the_words_and_leaves_other_jobs_out_of_the_environment(job: Job, tmp_path: Path) -> None:
    job.says("sbatch", f'env > "{tmp_path}/env"\necho "42;here"')
    job.says("squeue", 'echo "COMPLETED|None|2026-01-01T00:00:00|n1"')
    job.says("scontrol", 'echo "ClusterName             = here"')
    run = tmp_path / "experiments" / "new"
    done = submit(job, "--run-dir", str(run), "--", "sbatch", "--wrap=x y; $(z)", folder=tmp_path)
    assert "job 42 was submitted" in done.stdout
    assert "sbatch --wrap=x y; $(z)" in job.asked()
    named = json.loads((run / "process.json").read_text())
    assert (named["pid"], named["launcher"], named["job"], named["cluster"]) == (0, "slurm", "42", "here")
    variables = (tmp_path / "env").read_text().splitlines()
    assert "SLURM_CONF=/c" in variables and "MINE=x" in variables
    assert not [line for line in variables if line.partition("=")[0] in LEFT_OVER]
    for name in ("npt_slurm.py", "npt_supervise.py"):
        assert (tmp_path / ".npt" / "supervisor" / name).read_bytes() == PROGRAM.with_name(name).read_bytes()


def test_a_submission_that_slurm_refuses_leaves_nothing(job: Job, tmp_path: Path) -> None:
    job.says("sbatch", 'echo "sbatch: error: Batch job submission failed: Invalid partition" >&2; exit 1')
    runs = [tmp_path / "experiments" / name for name in ("x", "y")]
    words = [word for run in runs for word in ("--run-dir", str(run))]
    done = submit(job, *words, "--", "sbatch", "x", folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == "error: Slurm did not take the job: Batch job submission failed: Invalid partition\n"
    assert not [run for run in runs if run.exists()]


def test_what_waits_already_is_not_submitted_again_nor_where_slurm_does_not_say(job: Job, tmp_path: Path) -> None:
    folder = job.run.stat()
    named = {"folder": {"device": folder.st_dev, "inode": folder.st_ino, "path": str(job.run)}}
    (job.run / "process.json").write_text(json.dumps({"launcher": "slurm", "job": "9", "pid": 0, **named}))
    job.says("sbatch", "echo 43")
    job.says("squeue", 'echo "PENDING|Resources|2026-01-01T00:00:00|"')
    done = submit(job, "--run-dir", str(job.run), "--", "sbatch", "x", folder=tmp_path)
    assert done.returncode == 2 and "has been submitted already: job 9 is waiting (Resources)" in done.stdout
    job.says("squeue", 'echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1')
    done = submit(job, "--run-dir", str(job.run), "--", "sbatch", "x", folder=tmp_path)
    assert done.returncode == 2 and "may still be waiting" in done.stdout
    assert "sbatch" not in job.asked()
