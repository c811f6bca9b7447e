"""The pure parts: curriculum, learning rate, arguments, layers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npt import curriculum
from npt.arguments import Arguments, parse_typed, resolve
from npt.curriculum import Curriculum
from npt.errors import UsageError
from npt.layer_selection import parse_layers, parse_weights
from npt.schedule import Schedule
from npt.storage.canonical_json import canonical, number


def test_the_contracts_example() -> None:
    parsed = curriculum.parse("teacher:20000,mixed:30000:0.5,student:40000")
    ends = [(stage.name, stage.until_step) for stage in parsed.stages]
    assert ends == [("teacher", 20000), ("mixed", 50000), ("student", 90000)]
    at = {step: parsed.stage_at(step).name for step in (0, 19999, 20000, 25000, 49999, 50000, 10**6)}
    assert list(at.values()) == ["teacher", "teacher", "mixed", "mixed", "mixed", "student", "student"]
    assert parsed.describe() == "teacher 0–20000, mixed 20000–50000 (ratio 0.5), student 50000–90000"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", "empty"), ("teacher", "stage 1 ('teacher')"), ("teacher:5,pupil:3", "stage 2 ('pupil:3')"),
        ("teacher:5,mixed:5", "stage 2 ('mixed:5')"), ("mixed:5:1.5", "stage 1"), ("mixed:5:nan", "stage 1"),
        ("teacher:0", "stage 1"), ("teacher:-3", "stage 1"), ("teacher:1.5", "stage 1"), ("teacher:5,", "stage 2"),
        ("student:5:0.5", "stage 1"), ("mixed:5:0.5:2", "stage 1"), ("mixed:5:0.5:0.5:1", "stage 1"),
    ],
)  # fmt: skip
def test_bad_curricula_name_the_part_and_its_position(text: str, position: str) -> None:
    with pytest.raises(UsageError) as caught:
        curriculum.parse(text)
    assert position in str(caught.value)
    assert "\n" not in str(caught.value)


ratios = st.none() | st.floats(0, 1)


@given(
    st.lists(
        st.tuples(st.sampled_from(["teacher", "mixed", "student"]), st.integers(1, 99), st.floats(0, 1), ratios),
        min_size=1,
        max_size=6,
    )
)
def test_curricula_survive_their_text_and_list_forms(parts: list[tuple[str, int, float, float | None]]) -> None:
    fixed = {"teacher": 0.0, "student": 1.0}
    text = ",".join(
        f"{name}:{steps}:{fixed.get(name, ratio)!r}" + ("" if mlp is None else f":{mlp!r}")
        for name, steps, ratio, mlp in parts
    )
    parsed = curriculum.parse(text)
    assert curriculum.parse(parsed.as_text()).stages == parsed.stages
    assert Curriculum.from_list(parsed.as_list()).stages == parsed.stages
    for step in range(0, parsed.end + 2, 7):
        index = parsed.index_at(step)
        assert index == len(parsed.stages) - 1 or step < parsed.stages[index].until_step
        assert index == 0 or step >= parsed.stages[index - 1].until_step


def test_a_fresh_schedule() -> None:
    schedule = Schedule.fresh(1e-3, 100, 1000)
    assert schedule.rate(1) == pytest.approx(1e-5)
    assert schedule.rate(100) == 1e-3
    assert schedule.rate(550) == pytest.approx(5e-4)
    assert schedule.rate(1000) == 0.0


def test_a_smaller_max_steps_only_stops_earlier() -> None:
    schedule = Schedule.fresh(1e-3, 100, 1000)
    assert schedule.extended(500, 700, 100) == schedule
    assert schedule.extended(500, 1000, 100) == schedule


def test_extending_from_the_middle_is_a_cosine_from_there() -> None:
    longer = Schedule.fresh(1e-3, 100, 1000).extended(550, 2000, 100)
    assert longer.rate(550) == pytest.approx(5e-4)
    assert longer.rate(551) == pytest.approx(5e-4, rel=1e-3)
    assert longer.rate((550 + 2000) // 2) == pytest.approx(2.5e-4)
    assert longer.rate(2000) == 0.0


def test_extending_a_finished_cosine_ramps_to_a_tenth() -> None:
    longer = Schedule.fresh(1e-3, 100, 1000).extended(1000, 1400, 100)
    assert longer.rate(1001) == pytest.approx(1e-4 / 20)
    assert longer.rate(1020) == pytest.approx(1e-4)
    assert longer.rate(1400) == 0.0
    short_warmup = Schedule.fresh(1e-3, 5, 1000).extended(1000, 1400, 5)
    assert short_warmup.rate(1005) == pytest.approx(1e-4)


def test_extending_during_the_warm_up_finishes_it() -> None:
    longer = Schedule.fresh(1e-3, 100, 1000).extended(20, 2000, 100)
    assert longer.rate(21) == pytest.approx(2.1e-4)
    assert longer.rate(100) == 1e-3
    assert longer.rate(2000) == 0.0


def test_a_new_learning_rate_is_the_next_steps() -> None:
    changed = Schedule.fresh(1e-3, 100, 1000).restarted(400, 2e-4, 1000)
    assert changed.rate(401) == 2e-4
    assert changed.rate(1000) == 0.0


@given(st.integers(0, 50), st.integers(1, 400), st.integers(1, 400), st.integers(1, 800))
def test_a_rate_never_jumps_when_training_is_extended(warmup: int, end: int, at: int, new_end: int) -> None:
    schedule = Schedule.fresh(1.0, warmup, end)
    at = min(at, end)
    longer = schedule.extended(at, max(new_end, at + 1), warmup)
    assert longer.rate(at) == pytest.approx(schedule.rate(at), abs=1e-9)
    # The steepest that a ramp (one step at least) or a cosine over what is left may be.
    left = max(longer.end_step - longer.peak_step, 1)
    ramp = 1.0 / max(warmup, 1) if at < warmup else 0.1
    limit = max(ramp, math.pi / 2 / left) * 1.01 + 1e-9
    if longer.end_step > at + 1 and longer.peak_step < longer.end_step:
        assert abs(longer.rate(at + 1) - longer.rate(at)) <= limit
    assert Schedule.from_state(longer.state_dict()) == longer


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--train_layers", "1", "--np_rank", "0"], "--np_rank"),
        (["--train_layers", "1", "--learning_rate", "fast"], "'fast' is not a number"),
        (["--train_layers", "1", "--learning_rate", "nan"], "--learning_rate"),
        (["--train_layers", "1", "--model_size", "2b"], "--model_size"),
        (["--train_layers", "1", "--device", "tpu"], "'tpu' is not a device"),
        (["--train_layers", "1", "--lr", "1"], "--lr"),
        (["--max_steps", "5"], "--train_layers is required"),
        (["--train_layers", "1", "--dataset_preset", "custom"], "--train_file"),
        (["--train_layers", "1", "--curriculum_stages", "mixed:3"], "stage 1"),
    ],
)
def test_bad_arguments_are_one_line(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(parse_typed(argv))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_typed_wins_over_checkpoint_demo_and_defaults() -> None:
    typed = parse_typed(["--demo_mode", "--np_rank", "8", "--no-async_save"])
    resolved = resolve(typed, {"np_rank": 32, "num_ranks": 2, "train_layers": [3, 1], "output_dir": "elsewhere"})
    assert (resolved.np_rank, resolved.num_ranks, resolved.train_layers) == (8, 2, [3, 1])
    assert resolved.max_length == 128 and resolved.weight_decay == Arguments().weight_decay
    assert resolved.output_dir is None and not resolved.async_save
    assert resolve(parse_typed(["--train_layers", "1", "--triple_modulation"])).dual_modulation


def test_layers_and_weights() -> None:
    assert parse_layers("15,13-14", 16) == [15, 13, 14]
    assert parse_layers("upper_half", 4) == [2, 3]
    assert parse_weights("linear", [15, 14, 13]) == {15: 1.0, 14: 0.75, 13: 0.5}
    assert parse_weights("1,0.5", [3, 2]) == {3: 1.0, 2: 0.5}
    for bad in ("4", "1,1", "x", "", "3-1", "-1"):
        with pytest.raises(UsageError):
            parse_layers(bad, 4)
    for bad in ("1", "a,b", "1,-1", "1,nan"):
        with pytest.raises(UsageError):
            parse_weights(bad, [1, 2])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"), (1e-05, "0.00001"), (1e-06, "0.000001"), (1e-07, "1e-7"), (1.5e-9, "1.5e-9"), (1e21, "1e+21"),
        (1e20, "100000000000000000000"), (123456.789, "123456.789"), (-0.0, "0"), (-2.5e-05, "-0.000025"),
        (0.1, "0.1"), (1.2345e22, "1.2345e+22"), (5e-324, "5e-324"), (1795469486.12436, "1795469486.12436"),
    ],
)  # fmt: skip
def test_numbers_as_ecmascript_prints_them(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_numbers_round_trip(value: float) -> None:
    assert float(number(value)) == value


def test_canonical_json() -> None:
    assert canonical({"b": [1, 2.0, None], "a": {"é": True, "\n": "x"}}) == '{"a":{"\\n":"x","é":true},"b":[1,2,null]}'
