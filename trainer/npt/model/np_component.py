"""The NP component: low-rank updates of the MLP's projections, made from the attention output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from npt.model.precision import at_least_fp32, matching

MODULATIONS: dict[str, tuple[str, ...]] = {
    "single": ("",),
    "dual": ("_gate", "_up"),
    "triple": ("_gate", "_up", "_down"),
}


@dataclass(frozen=True)
class NPShape:
    """What an NP component looks like: d hidden size, f MLP size, r rank of each of ``num_ranks`` rank-one updates."""

    hidden_size: int
    mlp_size: int
    np_rank: int
    num_ranks: int
    modulation: str

    def widths(self, suffix: str) -> tuple[int, int]:
        """The sizes of v_a (the input of the modulated projection) and v_b (its output)."""
        if suffix == "_down":
            return self.mlp_size, self.hidden_size
        return self.hidden_size, self.mlp_size


class Modulation(nn.Module):
    """The updates of one projection: y(x) gains Σ_j v_b_j (v_a_j · x) with v_a_j = a·W_down_j·W_a_up_j, v_b alike.

    The ``num_ranks`` matrices of each kind are stacked into one parameter, so that a single product serves all ranks:
    ``W_down`` (d, k·r) by columns, ``W_a_up`` (k·r, in) and ``W_b_up`` (k·r, out) by rows. Neither v_a nor v_b is ever
    materialised: v_a·x = z·(W_a_up x) and s·v_b = (s z)·W_b_up, exactly, at a fraction of the work and memory.
    """

    def __init__(self, shape: NPShape, suffix: str) -> None:
        super().__init__()
        self.rank, self.num_ranks = shape.np_rank, shape.num_ranks
        self.in_width, self.out_width = shape.widths(suffix)
        stacked = self.rank * self.num_ranks
        self.W_down = nn.Parameter(torch.empty(shape.hidden_size, stacked))
        self.W_a_up = nn.Parameter(torch.empty(stacked, self.in_width))
        self.W_b_up = nn.Parameter(torch.empty(stacked, self.out_width))

    @torch.no_grad()
    def initialise(self, strategy: str, scale: float, generator: torch.Generator) -> None:
        """Fills the matrices from ``generator`` (on CPU, so that every device starts alike).

        ``improved``: z has the size of a feature of a, v_a the size of a, and v_b is small (``scale``): the component
        starts as a small disturbance with full-size gradients for W_b_up. ``conservative``: everything is small.
        """
        d = self.W_down.shape[0]
        stds = (
            {"W_down": d**-0.5, "W_a_up": self.rank**-0.5, "W_b_up": scale * self.rank**-0.5}
            if strategy == "improved"
            else {"W_down": scale, "W_a_up": scale, "W_b_up": scale}
        )
        for name, std in stds.items():
            parameter = getattr(self, name)
            for rank in range(self.num_ranks):
                # Rank by rank, so that the first ranks do not depend on how many follow.
                piece = self.piece(parameter, name, rank)
                piece.copy_(torch.randn(piece.shape, generator=generator) * std)

    def piece(self, stacked: Tensor, name: str, rank: int) -> Tensor:
        """The view of one rank's matrix in a stacked one (a parameter, or its optimizer state)."""
        part = slice(rank * self.rank, (rank + 1) * self.rank)
        return stacked[:, part] if name == "W_down" else stacked[part]

    def code(self, a: Tensor) -> Tensor:
        """z = a·W_down for all ranks, of shape (…, k·r)."""
        z: Tensor = matching(a, self.W_down) @ self.W_down
        return z

    def _by_rank(self, z: Tensor) -> Tensor:
        """(…, k·r) as (…, k, r)."""
        return z.view(*z.shape[:-1], self.num_ranks, self.rank)

    def modulate_(self, projected: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """projected += Σ_j v_b_j (v_a_j · x), for projected (tokens, out), codes z (tokens, k·r), inputs (tokens, in).

        In place, by one product that also sums over ranks: the update never exists by itself.
        """
        u = matching(x, self.W_a_up) @ self.W_a_up.t()
        s = self._by_rank(at_least_fp32(z) * at_least_fp32(u)).sum(-1, keepdim=True)
        scaled = (s * self._by_rank(z)).flatten(-2)
        return projected.addmm_(scaled.to(projected.dtype), self.W_b_up.to(projected.dtype))

    def _grams(self, weight: Tensor) -> Tensor:
        ranks = weight.view(self.num_ranks, self.rank, -1)
        return torch.bmm(ranks, ranks.transpose(1, 2))

    def regularization(self, z: Tensor) -> Tensor:
        """mean(v_a²) + mean(v_b²) over tokens, features and ranks, from r×r Gram matrices; z is (tokens, k·r)."""
        tokens = z.shape[0]
        ranks = self._by_rank(z).permute(1, 2, 0)
        moments = torch.bmm(ranks, ranks.transpose(1, 2))
        v_a = (self._grams(self.W_a_up) * moments).sum() / self.in_width
        v_b = (self._grams(self.W_b_up) * moments).sum() / self.out_width
        mean: Tensor = (v_a + v_b) / (tokens * self.num_ranks)
        return mean

    @torch.no_grad()
    def norms(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean length of v_a and of v_b over tokens and ranks; z is (tokens, k·r)."""
        ranks = self._by_rank(z).transpose(0, 1)

        def mean_length(weight: Tensor) -> Tensor:
            squares = (torch.bmm(ranks, self._grams(weight)) * ranks).sum(-1)
            length: Tensor = squares.clamp_min(0.0).sqrt().mean()
            return length

        return mean_length(self.W_a_up), mean_length(self.W_b_up)

    @torch.no_grad()
    def similarity(self, z: Tensor, a: Tensor) -> Tensor:
        """Mean over tokens of cos(v_a, a) for the first rank; z is (tokens, k·r), a is (tokens, d)."""
        first, weight = z[:, : self.rank], self.W_a_up[: self.rank]
        if weight.shape[1] != a.shape[1]:
            return a.new_zeros(())
        dots = (first * (a @ weight.t())).sum(-1)
        squares = ((first @ (weight @ weight.t())) * first).sum(-1).clamp_min(0.0)
        lengths = squares.sqrt() * torch.linalg.vector_norm(a, dim=-1)
        mean: Tensor = (dots / lengths.clamp_min(1e-12)).mean()
        return mean


class NPComponent(nn.Module):
    """The NP component of one layer: one ``Modulation`` for each modulated projection of its MLP."""

    def __init__(self, shape: NPShape) -> None:
        super().__init__()
        self.shape = shape
        self.suffixes = MODULATIONS[shape.modulation]
        self.modulations = nn.ModuleDict({suffix or "_gate": Modulation(shape, suffix) for suffix in self.suffixes})

    def modulation(self, suffix: str) -> Modulation:
        """The modulation of ``_gate``, ``_up`` or ``_down``."""
        module = self.modulations[suffix]
        assert isinstance(module, Modulation)
        return module

    def initialise(self, strategy: str, scale: float, generator: torch.Generator) -> None:
        """Fills every modulation; see ``Modulation.initialise``."""
        for suffix in self.modulations:
            self.modulation(suffix).initialise(strategy, scale, generator)

    def named_pieces(self) -> Iterator[tuple[str, Modulation, str, int]]:
        """Every matrix in a checkpoint's order: its name there, its modulation, its parameter, its rank."""
        for suffix in self.suffixes:
            for parameter in ("W_down", "W_a_up", "W_b_up"):
                for rank in range(self.shape.num_ranks):
                    end = f".{rank}" if self.shape.num_ranks > 1 else ""
                    yield f"{parameter}{suffix}{end}", self.modulation(suffix or "_gate"), parameter, rank

    def codes(self, a: Tensor) -> dict[str, Tensor]:
        """The code z of each modulation for attention outputs a (…, d)."""
        return {suffix: self.modulation(suffix).code(a) for suffix in self.modulations}

    def regularization(self, codes: dict[str, Tensor]) -> Tensor:
        """The regularization, summed over modulations."""
        parts = [self.modulation(suffix).regularization(at_least_fp32(z.flatten(0, -2))) for suffix, z in codes.items()]
        return torch.stack(parts).sum()
