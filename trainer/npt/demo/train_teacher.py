"""Trains the demo's teacher: a byte-level Llama of about 0.85 M parameters, on the text that ships beside it.

Run as ``python -m npt.demo.train_teacher --seconds 300`` from the trainer's folder. The cosine schedule follows the
clock, so the result is as good as the time it gets; it is written in the layout of Hugging Face
(``config.json``, ``model.safetensors``) with weights in fp16, which halves the file and costs nothing measurable.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F

HERE = Path(__file__).resolve().parent
BATCH, LENGTH, PEAK_RATE = 16, 256, 4e-3


def tokens(name: str) -> torch.Tensor:
    """The bytes of one of the demo's texts, as int64 token ids of shape (bytes,)."""
    return torch.frombuffer(bytearray((HERE / "text" / name).read_bytes()), dtype=torch.uint8).long()


@torch.no_grad()
def held_out_cross_entropy(model: torch.nn.Module, text: torch.Tensor) -> float:
    """Mean next-byte cross-entropy in nats over the whole held-out text, in windows of ``LENGTH``."""
    count = (len(text) - 1) // LENGTH
    inputs = text[: count * LENGTH].view(count, LENGTH)
    targets = text[1 : count * LENGTH + 1].view(count, LENGTH)
    total = 0.0
    for start in range(0, count, 32):
        logits = model(input_ids=inputs[start : start + 32]).logits
        total += F.cross_entropy(logits.flatten(0, 1), targets[start : start + 32].flatten(), reduction="sum").item()
    return total / targets.numel()


def main() -> None:
    """Trains for ``--seconds`` and writes ``teacher/``."""
    from safetensors.torch import save_file
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    parser = argparse.ArgumentParser(description="train the demo's teacher")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--out", type=Path, default=HERE / "teacher")
    options = parser.parse_args()

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=256,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    model = LlamaForCausalLM(config)
    train, held = tokens("train.txt"), tokens("heldout.txt")
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(train)} bytes to train on")
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=PEAK_RATE,
        betas=(0.9, 0.98),
    )
    started = time.monotonic()
    step = 0
    while (share := (time.monotonic() - started) / options.seconds) < 1:
        rate = PEAK_RATE * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(0, len(train) - LENGTH - 1, (BATCH, 1))
        window = train[starts + torch.arange(LENGTH + 1)]
        logits = model(input_ids=window[:, :-1]).logits
        loss = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 200 == 0:
            print(f"step {step}: training {loss.item():.3f}, held out {held_out_cross_entropy(model, held):.3f}")
    model.half().float()
    print(f"{step} steps; held out, from fp16 weights: {held_out_cross_entropy(model, held):.3f}")
    options.out.mkdir(exist_ok=True)
    model.half().config.save_pretrained(options.out)
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        options.out / "model.safetensors",
        metadata={"format": "pt"},
    )


if __name__ == "__main__":
    main()
