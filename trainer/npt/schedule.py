"""The learning rate as a pure function of the step, and how it changes when training is extended."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

FLOOR = 0.1
RAMP_SHARE = 0.05


@dataclass(frozen=True)
class Schedule:
    """A linear ramp from ``origin_rate`` at ``origin_step`` to ``peak_rate``, then a cosine to 0 at ``end_step``.

    ``rate(n)`` is the rate that step ``n`` uses, with steps counted from 1; a fresh run ramps from 0 at step 0. The
    last step's rate is exactly 0. ``base_rate`` is the ``--learning_rate`` that the schedule belongs to.
    """

    base_rate: float
    origin_step: int
    origin_rate: float
    peak_rate: float
    warmup_steps: int
    end_step: int

    @staticmethod
    def fresh(base_rate: float, warmup_steps: int, max_steps: int) -> Schedule:
        """The schedule of a run that starts at step 0."""
        return Schedule(base_rate, 0, 0.0, base_rate, warmup_steps, max_steps)

    @property
    def peak_step(self) -> int:
        """The step at which the ramp is over."""
        return self.origin_step + self.warmup_steps

    def rate(self, step: int) -> float:
        """The rate that step ``step`` (from 1) uses."""
        if step < self.peak_step:
            share = max(step - self.origin_step, 0) / self.warmup_steps
            return self.origin_rate + (self.peak_rate - self.origin_rate) * share
        length = self.end_step - self.peak_step
        if step == self.peak_step or length <= 0:
            return self.peak_rate
        share = min((step - self.peak_step) / length, 1.0)
        return 0.0 if share == 1.0 else self.peak_rate * 0.5 * (1.0 + math.cos(math.pi * share))

    def climbs(self, step: int, max_steps: int) -> bool:
        """Whether ``extended`` to ``max_steps`` first climbs from below 10 % of the base rate, with a warm-up."""
        warming_up = self.origin_step == 0 and step < self.peak_step
        return max_steps > self.end_step and not warming_up and self.rate(step) < FLOOR * self.base_rate

    def extended(self, step: int, max_steps: int, warmup_steps: int) -> Schedule:
        """The schedule from ``step`` on when training now goes to ``max_steps``.

        Up to the present end nothing changes: a smaller ``max_steps`` only stops earlier. Beyond it the rate goes on
        where it is, as a cosine to 0 at the new end; from below 10 % of the base rate it first climbs to 10 %. A
        schedule that is still in its warm-up finishes it, and only its end moves.
        """
        if max_steps <= self.end_step:
            return self
        rate = self.rate(step)
        if self.origin_step == 0 and step < self.peak_step:
            return replace(self, end_step=max_steps)
        if not self.climbs(step, max_steps):
            return replace(self, origin_step=step, origin_rate=rate, peak_rate=rate, warmup_steps=0, end_step=max_steps)
        ramp = max(1, min(warmup_steps, int(RAMP_SHARE * (max_steps - step))))
        return replace(
            self,
            origin_step=step,
            origin_rate=rate,
            peak_rate=FLOOR * self.base_rate,
            warmup_steps=ramp,
            end_step=max_steps,
        )

    def restarted(self, step: int, base_rate: float, max_steps: int) -> Schedule:
        """The schedule for a new ``--learning_rate`` at ``step``: that rate at the next step, then a cosine to 0."""
        return Schedule(base_rate, step + 1, base_rate, base_rate, 0, max(self.end_step, max_steps))

    def state_dict(self) -> dict[str, Any]:
        """The schedule as plain numbers, as ``training_state.pt`` stores it."""
        return asdict(self)

    @staticmethod
    def from_state(state: dict[str, Any]) -> Schedule:
        """The inverse of ``state_dict``; raises ``KeyError`` for a scheduler of another kind."""
        return Schedule(
            base_rate=float(state["base_rate"]),
            origin_step=int(state["origin_step"]),
            origin_rate=float(state["origin_rate"]),
            peak_rate=float(state["peak_rate"]),
            warmup_steps=int(state["warmup_steps"]),
            end_step=int(state["end_step"]),
        )
