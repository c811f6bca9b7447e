"""NPT training written the obvious way: what the trainer is measured against.

A full teacher pass and a full student pass through Hugging Face's own layers with eager attention, a Python loop over
the ranks with v_a and v_b in full, the logits of both passes, and every metric read every step. The same losses as the
trainer's (the contract's section 3), so both must print the same numbers from the same weights and texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Rank = dict[str, nn.Parameter]


@dataclass(frozen=True)
class LossWeights:
    """The weights of the three losses."""

    direct_mlp: float
    fidelity: float
    regularization: float


class ReferenceLoop:
    """One optimizer step at a time over a frozen Llama and, for each NPT layer, a list of ranks of plain matrices.

    ``matrices`` maps a layer's index to its modulations (``_gate``, ``_up``) and those to their ranks, each with
    ``W_down`` (d, r), ``W_a_up`` (r, in) and ``W_b_up`` (r, out).
    """

    def __init__(
        self, model: nn.Module, matrices: dict[int, dict[str, list[Rank]]], weights: LossWeights, rate: float
    ) -> None:
        self.model: Any = model
        layers: Any = model.model.layers  # type: ignore[union-attr]
        self.matrices = matrices
        self.weights = weights
        self.parameters = [
            p for layer in matrices.values() for ranks in layer.values() for rank in ranks for p in rank.values()
        ]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=rate)
        self._last_output: Tensor = torch.empty(0)

        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._last_output = output[0] if isinstance(output, tuple) else output

        # Hugging Face's hidden states hold the last layer's output only after the final norm.
        layers[-1].register_forward_hook(keep)

    def _attend(self, layer: Any, x: Tensor, rope: Any, mask: Tensor) -> Tensor:
        out: Tensor = layer.self_attn(layer.input_layernorm(x), position_embeddings=rope, attention_mask=mask)[0]
        return out

    def _student(self, ids: Tensor, teacher_states: Any, ratio: float) -> tuple[Tensor, dict[int, Any]]:
        decoder = self.model.model
        hidden = decoder.embed_tokens(ids)
        tokens = ids.shape[1]
        rope = decoder.rotary_emb(hidden, torch.arange(tokens).unsqueeze(0))
        mask = torch.full((tokens, tokens), float("-inf"), dtype=hidden.dtype).triu(1)[None, None]
        parts: dict[int, Any] = {}
        for index, layer in enumerate(decoder.layers):
            if index not in self.matrices:
                middle = hidden + self._attend(layer, hidden, rope, mask)
                hidden = middle + layer.mlp(layer.post_attention_layernorm(middle))
                continue
            a = self._attend(layer, (1 - ratio) * teacher_states[index] + ratio * hidden, rope, mask)
            x = layer.post_attention_layernorm(hidden)
            projected = {"_gate": layer.mlp.gate_proj(x), "_up": layer.mlp.up_proj(x)}
            vectors = []
            for suffix, ranks in self.matrices[index].items():
                for rank in ranks:
                    z = a @ rank["W_down"]
                    v_a, v_b = z @ rank["W_a_up"], z @ rank["W_b_up"]
                    projected[suffix] = projected[suffix] + v_b * (v_a * x).sum(-1, keepdim=True)
                    vectors.append((v_a, v_b))
            out = layer.mlp.down_proj(F.silu(projected["_gate"]) * projected["_up"])
            parts[index] = (a, out, vectors, len(ranks))
            hidden = hidden + out
        return self.model.lm_head(decoder.norm(hidden)), parts

    def step(self, ids: Tensor, ratio: float) -> dict[str, float]:
        """One step on ``ids`` (batch, tokens), with the attention fed by (1 − ratio) · teacher + ratio · student."""
        with torch.no_grad():
            teacher = self.model(input_ids=ids, output_hidden_states=True, use_cache=False)
            states = [*teacher.hidden_states[:-1], self._last_output]
        logits, parts = self._student(ids, states, ratio)
        fidelity = F.mse_loss(logits, teacher.logits)
        total = self.weights.fidelity * fidelity
        metrics: dict[str, float] = {"loss/fidelity": fidelity.item()}
        for index, (a, out, vectors, num_ranks) in parts.items():
            direct = F.mse_loss(out, states[index + 1] - states[index])
            reg = sum((v_a.pow(2).mean() + v_b.pow(2).mean()) / num_ranks for v_a, v_b in vectors)
            total = total + self.weights.direct_mlp * direct + self.weights.regularization * reg
            v_a, v_b = vectors[0]
            metrics[f"mlp_direct_loss/layer_{index}"] = direct.item()
            metrics[f"regularization/layer_{index}"] = reg.item()
            metrics[f"v_a_norm/layer_{index}"] = v_a.norm(dim=-1).mean().item()
            metrics[f"v_b_norm/layer_{index}"] = v_b.norm(dim=-1).mean().item()
            metrics[f"v_a_attention_similarity/layer_{index}"] = F.cosine_similarity(v_a, a, dim=-1).mean().item()
        total.backward()  # type: ignore[no-untyped-call]
        metrics["training/grad_norm"] = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0).item()
        self.optimizer.step()
        self.optimizer.zero_grad()
        metrics["loss/total"] = total.item()
        return metrics
