"""What a run's numbers depend on besides its arguments: facts of the machine, and choices that were made for it.

Written to ``config.json`` and read from it here alone; a resume on the same machine takes the choices over, and says
what has changed since.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from npt.arguments import Arguments
from npt.distributed import Group
from npt.errors import UsageError
from npt.gemm_probe import GemmPlan, choose
from npt.launched import launch
from npt.precision_plan import PrecisionPlan, multiplies_bf16

KEY = "environment"


@dataclass(frozen=True)
class RunEnvironment:
    """``facts`` and ``kernels`` by name as they are stored; ``gemm`` and ``autocast`` are choices.

    ``autocast`` is a 16-bit type's name, or None; ``fused`` whether the optimizer's step is one kernel.
    """

    facts: Mapping[str, Any]
    gemm: GemmPlan
    autocast: str | None
    fused: bool = False
    kernels: Mapping[str, Any] = field(default_factory=dict)

    def as_config(self) -> dict[str, Any]:
        """What ``config.json`` stores."""
        choices = {"autocast": self.autocast, "optimizer": _optimizer(self.fused), "gemm": self.gemm.as_config()}
        return {**self.facts, **self.kernels, **choices}

    def differences(self, stored: Mapping[str, Any]) -> list[str]:
        """A line for everything that keeps a resume from being bit-identical to a run that never stopped."""
        now = self.as_config()
        return [
            f"{_NAMES.get(name, name)} was {_shown(stored[name])} and is {_shown(value)}: "
            "the results are not bit-identical"
            for name, value in now.items()
            if name in stored and stored[name] != value
        ]


_NAMES = {
    "gemm": "the way matrices are multiplied",
    "autocast": "the type of autocast",
    "optimizer": "the optimizer's kernel",
    "processor": "the processor",
    "cpu": "the instruction set of PyTorch's CPU kernels",
    "cuda": "PyTorch's CUDA",
    "cudnn": "cuDNN",
}


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and "precision" in value:
        blocks = len(value.get("splits") or {})
        return f"{value['precision']}{f', {blocks} shapes in blocks' if blocks else ''}"
    return "none" if value is None else str(value)


def stored_in(config: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's environment; empty where there is none, or none of ours."""
    found = config.get(KEY)
    return dict(found) if isinstance(found, dict) else {}


def facts(device: torch.device, world_size: int) -> dict[str, Any]:
    """This machine, as far as results depend on it."""
    return {
        "torch": torch.__version__,
        "device": device.type if device.type != "cuda" else torch.cuda.get_device_name(device),
        "threads": torch.get_num_threads(),
        "world_size": world_size,
    }


def kernels(device: torch.device) -> dict[str, Any]:
    """Which of PyTorch's kernels compute on a device: the same build takes others on another machine."""
    if device.type == "cuda":
        cudnn: Any = torch.backends.cudnn
        return {"cuda": torch.version.cuda or torch.version.hip, "cudnn": cudnn.version()}
    if device.type != "cpu":
        return {}
    return {"cpu": torch.backends.cpu.get_cpu_capability(), "processor": _processor()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _unchanged(now: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether everything that is stored of this is as it was; what an older trainer did not store is no change."""
    return all(stored[name] == value for name, value in now.items() if name in stored)


def choose_precision(a: Arguments, device: torch.device, group: Group, stored: Mapping[str, Any]) -> PrecisionPlan:
    """What ``--mixed_precision`` means in this segment: on the same device, what it meant in the one before."""
    same = _unchanged({"device": facts(device, group.world_size)["device"]}, stored)
    before = stored.get("autocast") if same else None
    return PrecisionPlan.choose(a.mixed_precision, device, before if isinstance(before, str) else None, widens=True)


def _optimizer(fused: bool) -> str:
    return "fused" if fused else "plain"


def fuses(device: torch.device, stored: Mapping[str, Any]) -> bool:
    """Whether the optimizer's step is one kernel, which rounds otherwise than many: on GPUs, unless it was not."""
    if device.type != "cuda":
        return False
    before = stored if _unchanged({"device": facts(device, 1)["device"]}, stored) else {}
    # Before it was stored there was none.
    return not before or before.get("optimizer") == _optimizer(fused=True)


#: NVIDIA's first cards with units for 16-bit products (Volta), and for fp32 products with shortened factors (Ampere).
_TENSOR_CORES, _TF32 = (7, 0), (8, 0)


def advice(a: Arguments, device: torch.device) -> str | None:
    """A line about what would train faster on a device, where the arguments leave it to the trainer."""
    if device.type != "cuda" or torch.version.hip is not None or a.mixed_precision or a.matmul_precision != "auto":
        return None
    capability = torch.cuda.get_device_capability(device)
    if capability < _TENSOR_CORES:
        return None
    kind = "bf16" if multiplies_bf16(device) else "fp16"
    shorter = ", --matmul_precision medium fp32 ones with TF32" if capability >= _TF32 else ""
    return (
        f"this GPU is several times as fast at other products than those of full fp32: --mixed_precision takes {kind}"
        f"{shorter}; --matmul_precision highest keeps them as they are"
    )


def settle(
    a: Arguments, base: Any, precision: PrecisionPlan, device: torch.device, group: Group, stored: Mapping[str, Any]
) -> RunEnvironment:
    """The environment of a segment, its choices made and applied; ``base`` is the model's configuration.

    Rank 0 chooses for all, so that every process rounds alike.
    """
    known, computing = facts(device, group.world_size), kernels(device)
    plan: GemmPlan | None = None
    if group.main:
        before = stored if _unchanged(computing, stored) else {}
        plan = choose(a.matmul_precision, a.batch_size * a.max_length, base, precision.dtype, device, before, known)
        if plan.measured:
            print(f"matrix products: {plan.measured}")
    gemm: GemmPlan = group.share(plan)
    gemm.apply()
    autocast = None if precision.dtype is None else str(precision.dtype).removeprefix("torch.")
    return RunEnvironment(known, gemm, autocast, fuses(device, stored), computing)


def prepare(a: Arguments, local_rank: int) -> torch.device:
    """Sets up PyTorch for the arguments; the device to train on. Raises ``UsageError`` where it is not there."""
    device = _choose_device(a.device, local_rank, launch().local_size)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    elif a.compile:
        raise UsageError(f"--compile is for GPUs, and training is on {device}; --no-compile trains without it")
    _choose_threads(a)
    if a.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    return device


def _choose_device(name: str, local_rank: int, local_size: int = 1) -> torch.device:
    """The device for ``--device``; ``auto`` takes CUDA where there is one, and each local process its own."""
    if name.startswith("cuda:") and local_size > 1:
        raise UsageError(
            f"--device {name} is one GPU, and {local_size} processes train on this machine; --device cuda gives each "
            "its own (CUDA_VISIBLE_DEVICES says among which)"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{local_rank}"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"--device {name}: PyTorch sees no CUDA device here; --device auto takes what there is")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(f"--device {name}: there are {count} CUDA devices, from cuda:0; --device auto takes one")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError(f"--device {name}: PyTorch sees no MPS device here; --device auto takes what there is")
    return device


def _choose_threads(a: Arguments) -> None:
    """Gives the demo's small model one thread, unless ``OMP_NUM_THREADS`` says otherwise.

    Its products are too small to share: measured on two cores, a second thread gains a third when they are idle, and
    loses a factor of 5 to 20 when something else uses them too, because the threads then wait for each other.
    """
    if a.demo_mode and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
