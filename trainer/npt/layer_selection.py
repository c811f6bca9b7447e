"""Which layers become NPT layers, and how much each one's loss weighs."""

from __future__ import annotations

from npt.errors import UsageError


def parse_layers(text: str | list[int], num_layers: int) -> list[int]:
    """The layers in the order typed: ``13,14,15``, ``8-15``, ``all``, ``upper_half`` or ``lower_half``.

    Raises ``UsageError`` for anything else, a layer the model does not have, or a layer named twice.
    """
    if isinstance(text, list):
        layers = [int(layer) for layer in text]
    else:
        named = {
            "all": range(num_layers),
            "upper_half": range(num_layers // 2, num_layers),
            "upper": range(num_layers // 2, num_layers),
            "lower_half": range(num_layers // 2),
            "lower": range(num_layers // 2),
        }
        layers = []
        for part in text.replace(" ", ",").split(","):
            if not part:
                continue
            first, dash, last = part.partition("-")
            if part in named:
                layers.extend(named[part])
            elif first.isdigit() and not dash:
                layers.append(int(first))
            elif first.isdigit() and last.isdigit() and int(first) <= int(last):
                layers.extend(range(int(first), int(last) + 1))
            else:
                raise UsageError(
                    f"--train_layers: '{part}' is not a layer; write 13,14,15 or 8-15 or all, upper_half, lower_half"
                )
    if not layers:
        raise UsageError("--train_layers names no layer")
    for layer in layers:
        if not 0 <= layer < num_layers:
            raise UsageError(f"--train_layers: the model has layers 0 to {num_layers - 1}, there is no layer {layer}")
    if len(set(layers)) != len(layers):
        twice = next(layer for layer in layers if layers.count(layer) > 1)
        raise UsageError(f"--train_layers names layer {twice} twice")
    return layers


def parse_weights(text: str, layers: list[int]) -> dict[int, float]:
    """The weight of each layer's losses: ``uniform`` 1; ``linear`` 1.0 to 0.5 in the order typed; or a list."""
    if text == "uniform":
        return dict.fromkeys(layers, 1.0)
    if text == "linear":
        last = max(len(layers) - 1, 1)
        return {layer: 1.0 - 0.5 * index / last for index, layer in enumerate(layers)}
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--layer_weights: '{text}' is not uniform, linear or a list of numbers") from None
    if len(weights) != len(layers):
        raise UsageError(f"--layer_weights has {len(weights)} numbers for {len(layers)} layers")
    if not all(0.0 <= weight < float("inf") for weight in weights):
        raise UsageError(f"--layer_weights: weights must be 0 or more, not '{text}'")
    return dict(zip(layers, weights, strict=True))
