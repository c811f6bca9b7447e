"""Between the stacked parameters of NP components and the named matrices that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from npt.model.npt_layer import NPTDecoderLayer


def named_pieces(layers: dict[int, NPTDecoderLayer]) -> Iterator[tuple[str, nn.Parameter, Any]]:
    """Every matrix in a checkpoint's order: its key, the stacked parameter it is in, and how to cut it out."""
    for index, layer in layers.items():
        for name, modulation, parameter, rank in layer.np_component.named_pieces():
            stacked = getattr(modulation, parameter)

            def cut(tensor: Tensor, m: Any = modulation, p: str = parameter, r: int = rank) -> Tensor:
                piece: Tensor = m.piece(tensor, p, r)
                return piece

            yield f"layer_{index}_np.{name}", stacked, cut


def parameters(layers: dict[int, NPTDecoderLayer]) -> list[nn.Parameter]:
    """The stacked parameters in a fixed order: the optimizer's."""
    seen: dict[int, nn.Parameter] = {}
    for _, stacked, _ in named_pieces(layers):
        seen.setdefault(id(stacked), stacked)
    return list(seen.values())


# Makes room for a tensor under a name and returns where its copy will be.
Keep = Callable[[str, Tensor], Tensor]


def weights(layers: dict[int, NPTDecoderLayer], keep: Keep) -> dict[str, Tensor]:
    """The content of ``npt_weights.pt``, each matrix as ``keep`` returns it."""
    return {key: keep(key, cut(stacked)) for key, stacked, cut in named_pieces(layers)}


@torch.no_grad()
def load_weights(layers: dict[int, NPTDecoderLayer], stored: dict[str, Tensor]) -> None:
    """Copies stored matrices into the layers; keys that are not stored leave their matrix as it is."""
    for key, stacked, cut in named_pieces(layers):
        if key in stored:
            cut(stacked).copy_(stored[key])


def optimizer_state(optimizer: torch.optim.Optimizer, layers: dict[int, NPTDecoderLayer], keep: Keep) -> dict[str, Any]:
    """The optimizer's ``state_dict`` as if every named matrix were a parameter, numbered in the weights' order.

    The moments are as ``keep`` returns them; numbers are copied at once.
    """
    state: dict[int, dict[str, Any]] = {}
    count = 0
    for number, (key, stacked, cut) in enumerate(named_pieces(layers)):
        count += 1
        own = optimizer.state.get(stacked)
        if own:
            state[number] = {
                name: value
                if not isinstance(value, Tensor)
                else keep(f"{key}.{name}", cut(value))
                if value.shape == stacked.shape
                else value.detach().to("cpu", torch.float32, copy=True)
                for name, value in own.items()
            }
    group = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
    return {"state": state, "param_groups": [{**group, "params": list(range(count))}]}


@torch.no_grad()
def load_optimizer_state(
    optimizer: torch.optim.Optimizer,
    layers: dict[int, NPTDecoderLayer],
    stored: dict[str, Any],
    stored_keys: list[str],
) -> None:
    """Puts stored moments back; ``stored_keys`` are the keys of the weights that the numbers refer to.

    A matrix without stored moments starts afresh within its stacked parameter, at the stored step count.
    """
    by_key = {key: stored["state"][number] for number, key in enumerate(stored_keys) if number in stored["state"]}
    for key, stacked, cut in named_pieces(layers):
        own = by_key.get(key)
        if own is None:
            continue
        target = optimizer.state[stacked]
        for name, value in own.items():
            if not isinstance(value, Tensor):
                target[name] = value
            elif value.dim() == 0:
                # A fused step counts where it computes.
                fused = optimizer.param_groups[0].get("fused")
                target[name] = value.to(stacked.device if fused else "cpu", copy=True)
            else:
                if name not in target:
                    target[name] = torch.zeros_like(stacked, memory_format=torch.preserve_format)
                cut(target[name]).copy_(value)
