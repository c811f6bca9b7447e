"""Stop, in any mix of signals and at any moment: nothing that was trained is lost (contract section 5, Signals)."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npt.checkpoint import manifest
from npt.model.llama import DEMO_TEACHER
from tests import streamed_documents
from tests.conftest import SAMPLES, SMALL, Process, check_schema, events, same, series, weights
from tests.holds import held, hold_save, hold_step
from tests.test_prefetch import LONG_STEPS, stream_here
from tests.test_resume_exact import assert_equal

Launch = Callable[..., Process]
ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def hold_last_save(gate: Path) -> None:
    """The save that a stop makes."""
    from npt.checkpoint import save

    held(save, "_fill", lambda folder, content: content.step % 5 != 0, gate)


@pytest.mark.parametrize("hold", [hold_step, hold_save, hold_last_save])
def test_signals_in_any_mix_and_number_never_end_a_run_unsaved(
    hold: Callable[[Path], None], launch: Launch, tmp_path: Path
) -> None:
    run, gate = tmp_path / "run", tmp_path / "gate"
    draw = random.Random(hold.__name__)
    process = launch(*SMALL, "--max_steps", "100000", "--output_dir", str(run), before=lambda: hold(gate))
    if hold is hold_last_save:
        process.wait_for(lambda: "step 7/" in process.output)
        process.send(signal.SIGINT)
    process.wait_for(lambda: "held in" in process.output)
    if hold is hold_save:
        # The save is held beside the training, which may not have begun its next step yet.
        process.wait_for(lambda: "step 6/" in process.output)
    sent = [draw.choice(ASKING) for _ in range(12)]
    for number in sent:
        heard = process.output.count(" again: ") + process.output.count(" received: ")
        process.send(number)
        process.wait_for(lambda n=heard: process.output.count(" again: ") + process.output.count(" received: ") > n)  # type: ignore[misc]
    first = signal.SIGINT if hold is hold_last_save else sent[0]
    again = [line for line in process.output.splitlines() if " again: " in line]
    assert len(again) == len(sent) - (hold is not hold_last_save)
    waited = {hold_step: "step 8", hold_save: "step 6", hold_last_save: "the save of checkpoint-"}[hold]
    assert all(f"again: already stopping, still waiting for {waited}" in line for line in again) or hold is hold_save
    gate.touch()
    assert process.wait() == 128 + first, process.output
    ended = json.loads((run / "exit.json").read_text())
    check_schema("exit", ended)
    assert (ended["why"], ended["signal"]) == (
        "preempted" if first == signal.SIGUSR1 else "stopped",
        signal.Signals(first).name,
    )
    assert ended["step"] >= 6
    assert manifest.problems(run / "checkpoints" / f"checkpoint-{ended['step']}") == []
    assert not (run / "process.json").exists()


def test_sigquit_ends_at_once_and_without_a_save(launch: Launch, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = launch(*SMALL, "--output_dir", str(run), before=lambda: hold_step(tmp_path / "never"))
    process.wait_for(lambda: "held in" in process.output and "saved checkpoint-5" in process.output)
    process.send(signal.SIGINT)
    process.wait_for(lambda: "SIGINT received" in process.output)
    process.send(signal.SIGQUIT)
    assert process.wait() == 128 + signal.SIGQUIT
    ended = json.loads((run / "exit.json").read_text())
    assert (ended["why"], ended["signal"], ended["step"]) == ("killed", "SIGQUIT", 7)
    assert not (run / "process.json").exists()
    assert manifest.problems(run / "checkpoints" / "checkpoint-5") == []
    assert not (run / "checkpoints" / "checkpoint-7").exists()


@pytest.mark.parametrize("number", ASKING)
def test_asked_while_loading(number: signal.Signals, launch: Launch, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def never_loads() -> None:
        from npt.model import llama

        # In one call of the C library, as a read from a network is: no Python line runs meanwhile.
        llama.load_base_model = lambda *_: (print("held in loading", flush=True), time.sleep(600))  # type: ignore[assignment]

    process = launch(*SMALL, "--output_dir", str(run), before=never_loads)
    process.wait_for(lambda: "held in loading" in process.output)
    process.send(number)
    assert process.wait() == 128 + number, process.output
    assert not run.exists()


def test_asked_between_the_segments_start_and_its_first_step(launch: Launch, train: Launch, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def hangs() -> None:
        from npt.run import wandb_log

        wandb_log.start = lambda *_: (print("W&B hangs", flush=True), time.sleep(600))  # type: ignore[assignment]

    process = launch(*SMALL, "--output_dir", str(run), before=hangs)
    process.wait_for(lambda: "W&B hangs" in process.output)
    process.send(signal.SIGTERM)
    assert process.wait() == 143, process.output
    ended = json.loads((run / "exit.json").read_text())
    assert (ended["why"], ended["signal"], ended["step"]) == ("stopped", "SIGTERM", 0)
    assert events(run)[-1]["event"] == "end" and not (run / "process.json").exists()
    assert train(*SMALL, "--output_dir", str(run), "--max_steps", "3").code == 0


def test_asked_while_evaluating(launch: Launch, train: Launch, tmp_path: Path) -> None:
    expected, run = tmp_path / "expected", tmp_path / "run"
    assert train(*SMALL, "--output_dir", str(expected)).code == 0

    def stopped_in_evaluation() -> None:
        from npt import loop, signals

        original = loop.evaluate

        def evaluate(*arguments: Any) -> dict[str, float]:
            print("held in evaluate", flush=True)
            while signals.STOP.signal is None:
                time.sleep(0.01)
            return original(*arguments)

        loop.evaluate = evaluate  # type: ignore[assignment]

    process = launch(*SMALL, "--output_dir", str(run), before=stopped_in_evaluation)
    process.wait_for(lambda: "held in evaluate" in process.output)
    process.send(signal.SIGINT)
    assert process.wait() == 130, process.output
    assert "the evaluation at step 5 is left to the next start" in process.output
    assert not any("eval_loss/total" in name for _, name in series(run))
    assert manifest.problems(run / "checkpoints" / "checkpoint-5") == []
    assert train("--resume_from", str(run)).code == 0
    assert_equal(run, expected)
    best = [json.loads((path / "checkpoints" / "best.json").read_text()) for path in (run, expected)]
    assert best[0] == best[1]


def held_until_asked(name: str) -> None:
    """In a trainer: a call that repeats something long is reached, and goes on once somebody asked to stop."""
    from npt import loop, signals

    original = getattr(loop, name)

    def call(*arguments: Any, **named: Any) -> Any:
        print(f"held in {name}", flush=True)
        while signals.STOP.signal is None:
            time.sleep(0.01)
        return original(*arguments, **named)

    setattr(loop, name, call)


def test_asked_in_the_last_evaluation(launch: Launch, train: Launch, tmp_path: Path) -> None:
    """There is no step left that would make up for it, and still it is."""
    expected, run = tmp_path / "expected", tmp_path / "run"
    words = [*SMALL, "--eval_steps", "20", "--max_steps", "6"]
    assert train(*words, "--output_dir", str(expected)).code == 0
    process = launch(*words, "--output_dir", str(run), before=lambda: held_until_asked("evaluate"))
    process.wait_for(lambda: "held in evaluate" in process.output)
    process.send(signal.SIGTERM)
    assert process.wait() == 143, process.output
    ended = json.loads((run / "exit.json").read_text())
    assert (ended["why"], ended["step"]) == ("stopped", 6)
    assert manifest.problems(run / "checkpoints" / "checkpoint-6") == []
    assert not (run / "checkpoints" / "final").exists()
    resumed = train("--resume_from", str(run))
    assert resumed.code == 0 and "evaluation at step 6" in resumed.output, resumed.output
    assert series(run) == series(expected) and same(weights(run), weights(expected))
    assert json.loads((run / "exit.json").read_text())["why"] == "done"
    best = [json.loads((path / "checkpoints" / "best.json").read_text()) for path in (run, expected)]
    assert best[0] == best[1]


def test_asked_while_generating(launch: Launch, train: Launch, tmp_path: Path) -> None:
    expected, run = tmp_path / "expected", tmp_path / "run"
    words = [*SMALL, *SAMPLES]
    assert train(*words, "--output_dir", str(expected)).code == 0
    process = launch(*words, "--output_dir", str(run), before=lambda: held_until_asked("generate"))
    process.wait_for(lambda: "held in generate" in process.output)
    process.send(signal.SIGUSR1)
    assert process.wait() == 128 + signal.SIGUSR1, process.output
    assert "sample at step 7" not in process.output
    assert manifest.problems(run / "checkpoints" / "checkpoint-7") == []
    assert train("--resume_from", str(run)).code == 0
    assert_equal(run, expected)


def test_asked_while_tokenising(launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a library's own code, which looks for no signal until it is done with a long text."""
    from transformers import PreTrainedTokenizerFast

    model, run, text = tmp_path / "model", tmp_path / "run", tmp_path / "text.jsonl"
    shutil.copytree(DEMO_TEACHER, model)
    PreTrainedTokenizerFast(tokenizer_object=small_tokenizer(), eos_token="<end>").save_pretrained(model)
    # One document, which the library is given as a whole.
    text.write_text(json.dumps("the cat sat " * 2_000_000))
    monkeypatch.setenv("NPT_CACHE_DIR", str(tmp_path / "cache"))

    def saying() -> None:
        from npt.data.tokenizers import PretrainedTokenizer

        encode = PretrainedTokenizer.encode_many
        PretrainedTokenizer.encode_many = lambda self, texts: (  # type: ignore[method-assign]
            print("held in encode", flush=True), encode(self, texts), print("encoded", flush=True)
        )[1]  # fmt: skip

    process = launch(
        *SMALL, "--no-demo_mode", "--model_name", str(model), "--train_layers", "2,3", "--train_file", str(text),
        "--output_dir", str(run), before=saying,
    )  # fmt: skip
    process.wait_for(lambda: "held in encode" in process.output)
    process.send(signal.SIGINT)
    assert process.wait() == 130, process.output
    assert "encoded" not in process.output, "it waited for the text"
    assert "ending; there is nothing to save (loading)" in process.output and not run.exists()


def small_tokenizer() -> Any:
    """A tokenizer of characters with a special token, as a library keeps it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(
        ["the cat sat on the mat"], trainers.BpeTrainer(vocab_size=60, special_tokens=["<end>"], show_progress=False)
    )
    return made


def test_tokens_are_those_of_the_librarys_own_call() -> None:
    from transformers import PreTrainedTokenizerFast

    from npt.data.tokenizers import PretrainedTokenizer

    made = small_tokenizer()
    made.enable_truncation(3)
    made.enable_padding(length=50)
    theirs = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>")
    ours = PretrainedTokenizer(PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>"))
    for text in ("the cat sat on the mat", "cat<end>mat  <end> the", "", " ", "äöü the\n\ncat"):
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False), text


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_asked_while_waiting_for_data(
    workers: int,
    launch: Launch,
    train: Launch,
    long_steps_run: Path,
    tmp_path: Path,
) -> None:
    """Also in the middle of a step's micro-batches: nothing of the step has happened."""
    arguments = [*LONG_STEPS, "--num_workers", str(workers)]
    run, gate = tmp_path / "run", tmp_path / "gate"

    def stalling() -> None:
        import npt.data.sources

        os.environ[streamed_documents.STALLED] = str(gate)
        npt.data.sources.HubSource = streamed_documents.Stalling  # type: ignore[assignment,misc]

    process = launch(*arguments, "--output_dir", str(run), before=stalling)
    process.wait_for(gate.exists)
    process.wait_for(lambda: "step 2/" in process.output)
    process.send(signal.SIGINT)
    assert process.wait() == 130, process.output
    step = events(run)[-1]["step"]
    assert 2 <= step < 20
    assert manifest.problems(run / "checkpoints" / f"checkpoint-{step}") == []
    resumed = train("--resume_from", str(run), before=stream_here)
    assert resumed.code == 0, resumed.output
    assert_equal(run, long_steps_run)


def test_a_hangup_that_is_ignored_stays_ignored(launch: Launch, tmp_path: Path) -> None:
    run = tmp_path / "run"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = launch(*SMALL, "--output_dir", str(run))
    finally:
        signal.signal(signal.SIGHUP, before)
    process.wait_for(lambda: "step 2/" in process.output)
    process.send(signal.SIGHUP)
    assert process.wait() == 0, process.output
    assert "SIGHUP" not in process.output and os.path.isdir(run / "checkpoints" / "final")


def test_sigusr2_shows_where_every_thread_is_and_training_goes_on(launch: Launch, tmp_path: Path) -> None:
    run, gate = tmp_path / "run", tmp_path / "gate"
    process = launch(*SMALL, "--output_dir", str(run), before=lambda: hold_step(gate))
    process.wait_for(lambda: "held in train_step" in process.output)
    process.send(signal.SIGUSR2)
    # The main thread's own place, and that of the thread that listens for signals.
    process.wait_for(lambda: " in train" in process.output and " in _listen" in process.output)
    assert "most recent call first" in process.output
    gate.touch()
    assert process.wait() == 0, process.output
    assert [event["why"] for event in events(run) if event["event"] == "end"] == ["done"]


def test_stacks_asked_for_all_the_time_end_no_run(launch: Launch, tmp_path: Path) -> None:
    """While a checkpoint is written a second thread runs Python: its frames are not to be read as they change."""
    run = tmp_path / "run"
    process = launch(*SMALL, "--save_steps", "1", "--max_steps", "60", "--output_dir", str(run))
    process.wait_for(lambda: "step 2/" in process.output)

    while process.poll() is None:
        process.send(signal.SIGUSR2)
        time.sleep(0.002)
    assert process.wait() == 0, process.output[-2000:]
    assert process.output.count(" in _listen") > 1
    assert [event["why"] for event in events(run) if event["event"] == "end"] == ["done"]
