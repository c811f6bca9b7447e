"""What the trainer finds around it, and that what is in a file of variables is nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from pathlib import Path
from typing import Dict, List

import pytest
from conftest import LIMIT, PYTHON, SUPERVISE, Bench

import npt_supervise

SHOW = "say(json.dumps({name: os.environ.get(name) for name in sys.argv[1:]}))"
SECRET = "hunter2-$(id)-`id`-${HOME}"


def shown(bench: Bench) -> Dict[str, str]:
    lines = [line for line in bench.log().splitlines() if line.startswith("{")]
    found: Dict[str, str] = json.loads(lines[-1])
    return found


def test_variables_and_a_file_of_them_reach_the_trainer_and_the_shown_ones_win(bench: Bench) -> None:
    file = bench.folder / "my secrets.env"
    file.write_text(f"TOKEN='{SECRET}'\nBOTH=file\nNPT_SUPERVISED=no\n")
    options = ["--env-file", str(file), "--env", "BOTH=shown", "--env", "EMPTY=", "--env", "EQUALS=a=b c"]
    done = bench.supervised([*bench.trainer(SHOW), "TOKEN", "BOTH", "EMPTY", "EQUALS", "NPT_SUPERVISED"], *options)
    assert done.returncode == 0, done.stderr
    expected = {"TOKEN": SECRET, "BOTH": "shown", "EMPTY": "", "EQUALS": "a=b c", "NPT_SUPERVISED": "1"}
    assert shown(bench) == expected


def test_what_is_in_the_file_is_in_no_log_no_document_and_no_command_line(bench: Bench) -> None:
    secret = "correct-horse-battery-staple"
    file = bench.folder / ".env"
    file.write_text(f"export WANDB_API_KEY={secret}\n")
    body = "ok = os.environ.get('WANDB_API_KEY'); say('ready' if ok else 'lacks it')\nwhile True: time.sleep(0.02)"
    bench.start(bench.trainer(body), "--env-file", str(file))
    bench.process()
    bench.wait(lambda: "ready" in bench.log())
    commands: List[bytes] = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(process.read_bytes())
        except OSError:
            continue  # It has ended.
    # The test itself knows it.
    assert not any(secret.encode() in command for command in commands)
    ours = [process for process in Path("/proc").glob("[0-9]*") if is_supervisor_of(process, bench)]
    assert len(ours) >= 2  # The follower and the supervisor.
    assert bench.call("stop", "--now", "--run-dir", str(bench.run)).returncode == 0
    bench.wait(lambda: bench.json("exit.json") is not None and bench.json("process.json") is None)
    for written in bench.run.rglob("*"):
        if written.is_file():
            assert secret.encode() not in written.read_bytes(), written


def is_supervisor_of(process: Path, bench: Bench) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return str(SUPERVISE).encode() in words and str(bench.run).encode() in words


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("# a comment\n\n  export A = a b  # why\n", {"A": "a b"}),
        ("A=pass#word\nB=\nC= # nothing\n", {"A": "pass#word", "B": "", "C": ""}),
        ('A=\'it"s $HOME \\n\'\r\nB="two\\nlines \\"q\\" \\\\"\r\n', {"A": 'it"s $HOME \\n', "B": 'two\nlines "q" \\'}),
        ('KEY="-----BEGIN\nline\n-----END"\nAFTER=x', {"KEY": "-----BEGIN\nline\n-----END", "AFTER": "x"}),
        ("A=${B}\nB=$(id)\nC=`id`\n", {"A": "${B}", "B": "$(id)", "C": "`id`"}),
        ("\ufeffA=é\nA=second\n", {"A": "second"}),
        ("A=it's\n", {"A": "it's"}),
    ],
)
def test_a_file_of_variables(tmp_path: Path, content: str, expected: Dict[str, str]) -> None:
    (tmp_path / ".env").write_bytes(content.encode())
    assert npt_supervise.variables_in(tmp_path / ".env") == expected


@pytest.mark.parametrize(
    ("content", "line"),
    [("A=1\nhunter2\n", 2), ("1A=hunter2\n", 1), ("A=1\n\nB='hunter2\nC=3\n", 3), ("A='x' hunter2\n", 1), ("A=\0", 1)],
)
def test_a_mistake_in_a_file_of_variables_is_named_by_its_line_alone(bench: Bench, content: str, line: int) -> None:
    file = bench.folder / ".env"
    file.write_text(content)
    done = bench.supervised(bench.trainer("say('started')"), "--env-file", str(file))
    assert done.returncode == 2
    assert f"error: the file of variables {file} has no NAME=VALUE in line {line}" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr and "started" not in done.stdout
    assert not bench.run.exists(), "the folder was made for it"


def test_a_file_of_variables_that_is_not_there_starts_nothing_and_leaves_the_run_as_it_was(bench: Bench) -> None:
    bench.run.mkdir(parents=True)
    (bench.run / "exit.json").write_text('{"schema": 1, "why": "stopped", "step": 7}')
    done = bench.supervised(bench.trainer("say('started')"), "--env-file", str(bench.folder / "none.env"))
    assert done.returncode == 2 and "No such file" in done.stdout
    assert bench.json("exit.json") == {"schema": 1, "why": "stopped", "step": 7}
    assert bench.json("process.json") is None


def test_a_name_that_is_none_is_refused(bench: Bench) -> None:
    done = bench.supervised(bench.trainer("say('started')"), "--env", "A B=1")
    assert done.returncode == 2 and "'A B' is not the name of a variable" in done.stderr


def login_shell(home: Path, body: str) -> None:
    """What a machine's administrator puts into login shells: the function `module`, as the real one is."""
    home.mkdir()
    (home / ".bash_profile").write_text(textwrap.dedent(body))


def modular(bench: Bench, home: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [PYTHON, str(SUPERVISE), "run", "--run-dir", str(bench.run), *options, "--"]
    return subprocess.run(
        [*command, *bench.trainer(SHOW), "LOADED", "LOADEDMODULES", "NPT_ANSWER", "CONDA_PREFIX", "FROM_SCRIPT"],
        env=dict(os.environ, HOME=str(home)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT,
        universal_newlines=True, check=False,
    )  # fmt: skip


def test_modules_are_loaded_in_order_whatever_a_login_shell_prints(bench: Bench) -> None:
    home = bench.folder / "home"
    login_shell(
        home,
        """
        echo "welcome to the cluster"
        module() { shift; for name in "$@"; do LOADED="$LOADED<$name>"; LOADEDMODULES="$LOADEDMODULES:$name/1"; done
                   export LOADED LOADEDMODULES; echo "loading $*"; }
        """,
    )
    done = modular(bench, home, "--module", "cuda", "--module", "a b; touch hacked")
    assert done.returncode == 0, done.stdout
    assert shown(bench)["LOADED"] == "<cuda><a b; touch hacked>" and shown(bench)["NPT_ANSWER"] is None
    assert not list(bench.folder.rglob("hacked"))


@pytest.mark.parametrize("code", [0, 1])
def test_a_module_that_is_not_there_is_one_line_and_starts_nothing(bench: Bench, code: int) -> None:
    home = bench.folder / "home"
    body = (
        f'module() {{ export LOADEDMODULES=gcc/12; echo "Unable to locate a modulefile for $2" >&2; return {code}; }}'
    )
    login_shell(home, body)
    done = modular(bench, home, "--module", "cuda")
    assert done.returncode == 2
    expected = "error: the environment modules cuda cannot be loaded: Unable to locate a modulefile for cuda"
    assert expected in done.stdout.splitlines()


def test_a_conda_environment_is_activated_with_its_own_scripts(bench: Bench) -> None:
    home, prefix = bench.folder / "home", bench.folder / "envs" / "my env"
    login_shell(home, "")
    scripts = prefix / "etc" / "conda" / "activate.d"
    scripts.mkdir(parents=True)
    (scripts / "own.sh").write_text('export FROM_SCRIPT="$CONDA_PREFIX"; echo noise\n')
    done = modular(bench, home, "--conda", str(prefix))
    assert done.returncode == 0, done.stdout
    assert shown(bench)["FROM_SCRIPT"] == shown(bench)["CONDA_PREFIX"] == str(prefix)
    refused = modular(bench, home, "--conda", str(prefix) + "-gone")
    assert refused.returncode == 2 and "there is no conda environment in" in refused.stdout


def test_a_program_on_checkpoints_finds_what_training_finds(bench: Bench) -> None:
    file = bench.folder / "of 100%.env"
    file.write_text("TOKEN=secret\n")
    body = "import json, os, sys; print(json.dumps([os.environ['TOKEN'], os.environ['A'], *sys.argv[1:]])); sys.exit(7)"
    words = ["--env-file", str(file), "--env", "A=${x}", "--", PYTHON, "-c", body, "${command:x}\n 100%"]

    def encoded(word: str) -> str:
        return "".join(f"%{ord(letter):02X}" if letter in "%$\n" else letter for letter in word)

    for escaped, given in (([], words), (["--escaped"], [encoded(word) for word in words])):
        done = subprocess.run(
            [PYTHON, str(SUPERVISE), "exec", *escaped, *given],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert (done.returncode, done.stderr) == (7, "")
        assert json.loads(done.stdout) == ["secret", "${x}", "${command:x}\n 100%"]
    for given, said in (
        (["--"], "exec needs a command after --"),
        (["--", str(bench.folder / "nothing")], "nothing cannot be started: No such file or directory"),
        (["--conda", str(bench.folder / "no"), "--", PYTHON], "there is no conda environment in"),
    ):
        done = subprocess.run([PYTHON, str(SUPERVISE), "exec", *given], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
