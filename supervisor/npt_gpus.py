"""Which GPUs of this machine are free, as nvidia-smi tells.

The extension reads the same in `src/core/training/gpus`, which has more to show; the recorded machines in
`test/fixtures/nvidia-smi` hold both to one answer. Standard library only, Python 3.8 or later.
"""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set

#: A driver that hangs never answers; one that is being loaded takes seconds.
LIMIT_SECONDS = 15
ROWS = "--format=csv,noheader,nounits"


class Gpu(NamedTuple):
    """What CUDA_VISIBLE_DEVICES names: a GPU, or an instance of one that is divided (MIG). Memory in MiB."""

    uuid: str
    #: As nvidia-smi counts: `0`, and `0:1` for an instance of GPU 0.
    ordinal: str
    total: Optional[float]
    used: Optional[float]
    #: 0 to 1.
    utilisation: Optional[float]
    #: Of the compute processes that are listed.
    pids: List[int]

    def is_free(self, limits: Dict[str, float]) -> bool:
        """Nobody computes on it: processes of other containers show in memory and utilisation alone."""
        if self.pids:
            return False
        if self.total is not None and self.used is not None and self.used > limits["freeMemoryShare"] * self.total:
            return False
        return (self.utilisation or 0) <= limits["freeUtilisation"]

    def left(self) -> float:
        return (self.total or 0) - (self.used or 0)


def limits() -> Dict[str, float]:
    """From which memory and utilisation on a GPU counts as used; data that the extension reads, too."""
    found: Dict[str, float] = json.loads((Path(__file__).with_name("gpus.json")).read_text())
    return found


def ask(*words: str) -> Optional[str]:
    """What nvidia-smi prints; empty where it gives no answer, None where there is no nvidia-smi."""
    try:
        done = subprocess.run(
            ["nvidia-smi", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return None
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def read_gpus() -> Optional[List[Gpu]]:
    """The GPUs that CUDA programs can use; None where this machine has none, an empty list where the driver does not
    say."""
    answer = ask("--query-gpu=uuid,index,name,memory.total,memory.used,utilization.gpu", ROWS)
    if answer is None or "No devices were found" in answer:
        return None
    pids: Dict[str, List[int]] = {}
    for uuid, pid, *_ in rows(ask("--query-compute-apps=gpu_uuid,pid,used_memory", ROWS) or "", 2):
        if pid.isdigit():
            pids.setdefault(uuid, []).append(int(pid))
    gpus = [
        Gpu(uuid, ordinal, number(total), number(used), share(utilisation), pids.get(uuid, []))
        for uuid, ordinal, _, total, used, utilisation, *_ in rows(answer, 6)
    ]
    instances = read_instances(ask("-L") or "")
    if not instances:
        return gpus
    use = instance_use(ask("-q", "-x") or "")
    found: List[Gpu] = []
    for gpu in gpus:
        parts = instances.get(gpu.uuid)
        if parts is None:
            found.append(gpu)
            continue
        for device, uuid in parts.items():
            # Without the long answer, whoever uses the GPU may use each part.
            total, used, own = use.get(gpu.uuid, {}).get(device, (None, None, gpu.pids))
            found.append(Gpu(uuid, f"{gpu.ordinal}:{device}", total, used, None, own))
    return found


def free_gpus(gpus: List[Gpu], taken: Set[str]) -> List[Gpu]:
    """Those to propose, the most memory first."""
    bounds = limits()
    return sorted((gpu for gpu in gpus if gpu.uuid not in taken and gpu.is_free(bounds)), key=lambda gpu: -gpu.left())


def named(gpus: List[Gpu], word: str) -> Optional[Gpu]:
    """The GPU that a word of CUDA_VISIBLE_DEVICES names: its number, its UUID or the beginning of that."""
    for gpu in gpus:
        if gpu.ordinal == word or (len(word) > 4 and gpu.uuid.startswith(word)):
            return gpu
    return None


def rows(text: str, least: int) -> List[List[str]]:
    """Rows of words behind a GPU's UUID: nvidia-smi puts sentences between them."""
    found = [[word.strip() for word in line.split(",")] for line in text.splitlines()]
    return [row for row in found if len(row) >= least and re.match(r"(GPU|MIG)-[0-9a-fA-F]", row[0])]


def number(word: Optional[str]) -> Optional[float]:
    """A figure; None for "[N/A]", "[Insufficient Permissions]" and whatever else stands for none."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\s*(?:MiB|%))?", (word or "").strip())
    return float(found.group(1)) if found else None


def share(word: str) -> Optional[float]:
    percent = number(word)
    return None if percent is None else min(1.0, percent / 100)


def read_instances(text: str) -> Dict[str, Dict[int, str]]:
    """UUIDs of the instances of divided GPUs by their number, by the GPU's UUID, from `nvidia-smi -L`."""
    found: Dict[str, Dict[int, str]] = {}
    parent = ""
    for line in text.splitlines():
        gpu = re.match(r"GPU \d+:.*\(UUID: (GPU-[^)]+)\)", line)
        if gpu:
            parent = gpu.group(1)
        instance = re.match(r"\s+MIG \S+\s+Device\s+(\d+):\s+\(UUID: (MIG-[^)]+)\)", line)
        if instance:
            found.setdefault(parent, {})[int(instance.group(1))] = instance.group(2)
    return found


def instance_use(xml: str) -> Dict[str, Dict[int, Any]]:
    """Total and used memory and the pids of each instance, by the GPU's UUID, from `nvidia-smi -q -x`."""
    try:
        log = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    found: Dict[str, Dict[int, Any]] = {}
    for gpu in log.iter("gpu"):
        processes = [each for each in gpu.iter("process_info") if "C" in (each.findtext("type") or "C")]
        for instance in gpu.iter("mig_device"):
            ids = [instance.findtext(name) for name in ("gpu_instance_id", "compute_instance_id")]
            pids = [
                int(each.findtext("pid") or 0)
                for each in processes
                if [each.findtext(name) for name in ("gpu_instance_id", "compute_instance_id")] == ids
            ]
            memory = "fb_memory_usage/"
            use = (number(instance.findtext(f"{memory}total")), number(instance.findtext(f"{memory}used")), pids)
            found.setdefault(gpu.findtext("uuid") or "", {})[int(instance.findtext("index") or 0)] = use
    return found
