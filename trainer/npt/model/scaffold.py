"""One pass of student and teacher through the model: what the losses are made of.

The teacher is the same model with its NPT layers off. Both are the same up to the first NPT layer, so that part runs
once; in the teacher stage an NPT layer's attention output is the teacher's, and for the first NPT layer it always is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from npt.curriculum import Stage
from npt.model.attention import Positions, Projections, attention
from npt.model.functions import rms_norm
from npt.model.llama import npt_layers
from npt.model.npt_layer import NPTDecoderLayer, frozen_mlp
from npt.model.precision import at_least_fp32
from npt.model.products import PLAIN, Products

STUDENT = Stage("student", 0, 1.0)


@dataclass
class LayerPass:
    """What one NPT layer did in a pass; everything (batch, tokens, …)."""

    attention: Tensor
    codes: dict[str, Tensor]
    output: Tensor
    target: Tensor


@dataclass
class Pass:
    """A pass of student and teacher: the NPT layers' parts and the final normed states (batch, tokens, d), fp32."""

    student: Tensor
    teacher: Tensor
    layers: dict[int, LayerPass] = field(default_factory=dict)
    teacher_results_computed: int = 0
    teacher_results_reused: int = 0


class Scaffold:
    """Runs a model that has NPT layers as student and as teacher.

    ``autocast`` makes the context for the matrix products; the residual stream and the final norm stay fp32.
    ``compiled`` is ``torch.compile`` or the like; a layer at a time, so that equal layers are compiled once. With
    ``recomputes`` a backward pass computes what lies inside the student's layers again, and only results are kept.
    """

    def __init__(
        self,
        model: nn.Module,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
        products: Products = PLAIN,
        compiled: Callable[[Any], Any] | None = None,
        *,
        recomputes: bool = False,
    ) -> None:
        self.model = model
        self.autocast = autocast
        self.products = products
        decoder: Any = model.model
        self._decoder = decoder
        self._npt = npt_layers(model)
        self._first = min(self._npt)
        self._projections = {layer: Projections(layer.self_attn) for layer in decoder.layers}
        if compiled and torch.__version__.startswith("2.4."):
            # It would make a graph of each layer that it meets; later ones know no other way than this.
            torch._dynamo.config.inline_inbuilt_nn_modules = True
        self._run_block = compiled(self._block) if compiled else self._block
        self._run_npt_layer = compiled(self._npt_layer) if compiled else self._npt_layer
        self._recomputes = recomputes

    @property
    def student_layers(self) -> int:
        """How many layers a backward pass goes through."""
        return len(self._decoder.layers) - self._first

    @contextmanager
    def plain(self, *, recomputes: bool) -> Iterator[None]:
        """Within it passes are not compiled: for samples of another length than those that are trained on."""
        before = self._run_block, self._run_npt_layer, self._recomputes
        self._run_block, self._run_npt_layer, self._recomputes = self._block, self._npt_layer, recomputes
        try:
            yield
        finally:
            self._run_block, self._run_npt_layer, self._recomputes = before

    def _attention(self, layer: Any, projections: Projections, hidden: Tensor, positions: Positions) -> Tensor:
        x = rms_norm(layer.input_layernorm, hidden)
        return attention(projections, x, positions, self.products)

    # What is compiled takes all of a layer as arguments: one that it looked up would make a graph of that layer alone.
    def _block(
        self, layer: Any, projections: Projections, hidden: Tensor, positions: Positions
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The original layer: its output, its attention output and its MLP output."""
        a = self._attention(layer, projections, hidden, positions)
        middle = hidden + a
        m = frozen_mlp(layer.mlp, rms_norm(layer.post_attention_layernorm, middle), self.products)
        return middle + m, a, m

    def _npt_layer(
        self,
        layer: NPTDecoderLayer,
        projections: Projections,
        student: Tensor,
        teacher: Tensor,
        teacher_attention: Tensor,
        stage: Stage,
        positions: Positions,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor], bool]:
        same = student is teacher
        # Not asked where nothing is mixed: a graph of the first layer is then one of every stage.
        ratio = 0.0 if same else stage.mixing_ratio
        if ratio == 0.0:
            a = teacher_attention
        else:
            mixed = student if ratio == 1.0 else torch.lerp(teacher, student, ratio)
            a = self._attention(layer, projections, mixed, positions)
        mlp_ratio = None if same else stage.mlp_mixing_ratio
        if mlp_ratio is None or mlp_ratio == 1.0:
            m = student
        else:
            m = teacher if mlp_ratio == 0.0 else torch.lerp(teacher, student, mlp_ratio)
        codes = layer.np_component.codes(a)
        out = layer.modulated_mlp(rms_norm(layer.post_attention_layernorm, m), codes, self.products)
        return a, out, codes, ratio == 0.0

    def _kept(self, layer: Callable[..., Any], *given: Any) -> Any:
        """A layer of the student; whether a backward pass finds its intermediate values or computes them again."""
        if not self._recomputes or not torch.is_grad_enabled():
            return layer(*given)
        # Nothing in a layer draws random numbers.
        return checkpoint(layer, *given, use_reentrant=False, preserve_rng_state=False)

    def run(self, input_ids: Tensor, stage: Stage) -> Pass:
        """Student and teacher on ``input_ids`` (batch, tokens) in the given stage."""
        with self.autocast():
            with torch.no_grad():
                hidden = at_least_fp32(self._decoder.embed_tokens(input_ids))
                positions = Positions.of(self.model, hidden)
                for layer in self._decoder.layers[: self._first]:
                    hidden = self._run_block(layer, self._projections[layer], hidden, positions)[0]
            student = teacher = hidden
            result = Pass(student, teacher)
            for index, layer in enumerate(self._decoder.layers[self._first :], start=self._first):
                projections = self._projections[layer]
                with torch.no_grad():
                    teacher_next, a, m = self._run_block(layer, projections, teacher, positions)
                if isinstance(layer, NPTDecoderLayer):
                    used, out, codes, reused = self._kept(
                        self._run_npt_layer, layer, projections, student, teacher, a, stage, positions
                    )
                    result.layers[index] = LayerPass(used, codes, out, at_least_fp32(a) + at_least_fp32(m))
                    result.teacher_results_reused += reused
                    result.teacher_results_computed += 1
                    student = student + out
                else:
                    student = self._kept(self._run_block, layer, projections, student, positions)[0]
                teacher = teacher_next
        with torch.no_grad():
            result.teacher = rms_norm(self._decoder.norm, teacher)
        result.student = rms_norm(self._decoder.norm, student)
        return result

    @torch.no_grad()
    def teacher_attention(self, input_ids: Tensor) -> dict[int, Tensor]:
        """The teacher's attention output (batch, tokens, d) in every NPT layer."""
        found: dict[int, Tensor] = {}
        with self.autocast():
            hidden = at_least_fp32(self._decoder.embed_tokens(input_ids))
            positions = Positions.of(self.model, hidden)
            for index, layer in enumerate(self._decoder.layers):
                hidden, a, _ = self._run_block(layer, self._projections[layer], hidden, positions)
                if index in self._npt:
                    found[index] = at_least_fp32(a)
        return found

    @torch.no_grad()
    def teacher_logits(self, input_ids: Tensor) -> Tensor:
        """The teacher's logits (batch, tokens, vocabulary)."""
        with self.autocast():
            hidden = at_least_fp32(self._decoder.embed_tokens(input_ids))
            positions = Positions.of(self.model, hidden)
            for layer in self._decoder.layers:
                hidden = self._run_block(layer, self._projections[layer], hidden, positions)[0]
        head: Any = self.model.lm_head
        return F.linear(rms_norm(self._decoder.norm, hidden), at_least_fp32(head.weight), head.bias)
