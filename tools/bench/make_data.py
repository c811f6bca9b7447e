"""Makes what the benchmarks read, in a folder of the benchmark's own.

usage: make_data.py runs DIR | stopped DIR | state DIR | checkpoint DIR | weights DIR | metrics DIR

runs     200 runs of 50 checkpoints of 6 files under DIR/experiments (small files: a scan reads names and JSON only)
stopped  100 stopped runs of one real checkpoint under DIR/experiments, and a training script
state    DIR/training_state.pt of about 600 MB, as an optimizer of that size is saved
checkpoint  DIR/checkpoint-1000 as a 1B model's would be: 16 layers of rank 64, hidden size 2048, MLP size 8192 (150 MB)
weights  DIR/npt_weights.pt of about 600 MB: 16 layers of triple modulation, rank 256, of a 1B model
metrics  DIR/metrics.jsonl with 200,000 rows of 12 metrics
"""

import json
import pathlib
import shutil
import sys

FILES = ("npt_weights.pt", "training_state.pt", "multi_layer_state.pt", "config.json")


def make_runs(folder: pathlib.Path) -> None:
    for run_number in range(200):
        run = folder / "experiments" / f"run_{run_number:03d}"
        run.mkdir(parents=True)
        config = json.dumps(
            {"schema": 1, "max_steps": 10_000, "curriculum_stages": "teacher:4000,mixed:3000:0.5,student:3000"}
        )
        (run / "config.json").write_text(config)
        (run / "run.json").write_text(
            json.dumps({"schema": 1, "id": f"id-{run_number}", "created": 1.7e9 + run_number})
        )
        for number in range(1, 51):
            checkpoint = run / "checkpoints" / f"checkpoint-{number * 200}"
            checkpoint.mkdir(parents=True)
            for name in FILES:
                (checkpoint / name).write_text("{}")
            files = {name: {"bytes": 2, "sha256": ""} for name in FILES}
            manifest = {
                "schema": 1,
                "step": number * 200,
                "stage": "mixed",
                "time": 1.7e9,
                "metrics": {"loss/total": 2.0},
                "files": files,
            }
            (checkpoint / "manifest.json").write_text(json.dumps(manifest))
            (checkpoint / "notes.md").write_text("")


def make_stopped(folder: pathlib.Path) -> None:
    fixture = pathlib.Path(__file__).parents[2] / "test/fixtures/checkpoints/ours-dual/checkpoint-30"
    for number in range(100):
        run = folder / "experiments" / f"run_{number:03d}"
        shutil.copytree(fixture, run / "checkpoints" / fixture.name)
        shutil.copy(fixture / "config.json", run)
        (run / "run.json").write_text(json.dumps({"schema": 1, "id": f"id-{number}", "created": 1.7e9 + number}))
        ended = {"schema": 1, "why": "stopped", "step": 30, "segment": 1, "signal": None, "error": None, "time": 1.7e9}
        (run / "exit.json").write_text(json.dumps(ended))
    (folder / "scripts").mkdir()
    (folder / "scripts/train_multi_layer_npt.py").write_text("from npt.main import main\n")


def make_state(folder: pathlib.Path) -> None:
    import torch

    tensors = {
        index: {"step": torch.tensor(1000.0), "exp_avg": torch.randn(12_500_000), "exp_avg_sq": torch.rand(12_500_000)}
        for index in range(6)
    }
    state = {"global_step": 1000, "batch_count": 4000, "optimizer_state_dict": {"state": tensors, "param_groups": []}}
    state |= {"scheduler_state_dict": {}, "scaler_state_dict": None}
    torch.save(state, folder / "training_state.pt")


def make_checkpoint(folder: pathlib.Path) -> None:
    import torch

    target = folder / "checkpoint-1000"
    target.mkdir()
    shapes = {"W_down": (2048, 64), "W_a_up": (64, 2048), "W_b_up": (64, 8192)}
    weights = {f"layer_{layer}_np.{name}": torch.zeros(shape) for layer in range(16) for name, shape in shapes.items()}
    moments = {
        index: {"step": torch.tensor(1000.0), "exp_avg": torch.zeros_like(value), "exp_avg_sq": torch.zeros_like(value)}
        for index, value in enumerate(weights.values())
    }
    groups = [{"lr": 1e-4, "params": list(range(len(weights)))}]
    state = {
        "global_step": 1000,
        "batch_count": 4000,
        "optimizer_state_dict": {"state": moments, "param_groups": groups},
    }
    state |= {"scheduler_state_dict": {"last_epoch": 1000, "base_lrs": [1e-4]}, "scaler_state_dict": None}
    stages = [("teacher", 400, 0.0), ("mixed", 2000, 0.5), ("student", 3000, 0.0)]
    curriculum = [{"name": n, "until_step": u, "mixing_ratio": m, "mlp_mixing_ratio": 0.0} for n, u, m in stages]
    layers = {"layers_to_train": list(range(16)), "curriculum_schedule": curriculum, "current_stage_index": 1}
    layers |= {"layer_weights": dict.fromkeys(range(16), 1.0), "teacher_cache_hits": 0, "teacher_cache_misses": 0}
    torch.save(weights, target / "npt_weights.pt")
    torch.save(state, target / "training_state.pt")
    torch.save(layers, target / "multi_layer_state.pt")
    (target / "config.json").write_text(json.dumps({"model_name": "1b", "max_steps": 3000}))


def make_weights(folder: pathlib.Path) -> None:
    import torch

    d, f, r = 2048, 8192, 256
    weights = {}
    for layer in range(16):
        for suffix, into, out in (("_gate", d, f), ("_up", d, f), ("_down", f, d)):
            for name, shape in (("W_down", (d, r)), ("W_a_up", (r, into)), ("W_b_up", (r, out))):
                weights[f"layer_{layer}_np.{name}{suffix}"] = torch.randn(shape) * 0.02
    torch.save(weights, folder / "npt_weights.pt")


def make_metrics(folder: pathlib.Path) -> None:
    names = ["loss/total", "loss/fidelity", "training/grad_norm", "training/learning_rate"]
    names += [f"mlp_direct_loss/layer_{layer}" for layer in range(8)]
    with open(folder / "metrics.jsonl", "w") as log:
        log.write(json.dumps({"event": "start", "segment": 1, "resume_step": 0, "changed": {}, "time": 1.7e9}) + "\n")
        for step in range(1, 200_001):
            metrics = {name: (step % 977) / 977 + index for index, name in enumerate(names)}
            log.write(
                json.dumps({"event": "metrics", "segment": 1, "step": step, "time": 1.7e9 + step, "metrics": metrics})
                + "\n"
            )


if __name__ == "__main__":
    kind, target = sys.argv[1], pathlib.Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    {
        "runs": make_runs,
        "stopped": make_stopped,
        "state": make_state,
        "checkpoint": make_checkpoint,
        "weights": make_weights,
        "metrics": make_metrics,
    }[kind](target)
