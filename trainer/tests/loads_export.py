"""What a user does with an export, in an interpreter that has torch and transformers and not our package.

``python -I loads_export.py <scratch folder> (<export> <expected.pt>)…``; run by ``test_export.py``, and by hand in a
venv of its own (docs/benchmarks.md says how).
"""

import importlib.util
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def check(folder: Path, expected: Path, scratch: Path) -> None:
    known = torch.load(expected, weights_only=True)
    ids, logits = known["ids"], known["logits"]
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=True, dtype=torch.float32, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"], report
    with torch.no_grad():
        _same(model(ids).logits, logits)

        # With a cache: a beginning at once, then token by token.
        past, cached = None, []
        for part in (ids[:, :5], *ids[:, 5:].split(1, dim=1)):
            out = model(input_ids=part, past_key_values=past, use_cache=True)
            past = out.past_key_values
            cached.append(out.logits)
        _same(torch.cat(cached, dim=1), logits)

        # A batch that is padded on the left.
        pad = torch.zeros(ids.shape[0], 3, dtype=ids.dtype)
        mask = torch.cat([torch.zeros_like(pad), torch.ones_like(ids)], dim=1)
        positions = (mask.cumsum(1) - 1).clamp_min(0)
        padded = model(torch.cat([pad, ids], dim=1), attention_mask=mask, position_ids=positions).logits
        _same(padded[:, 3:], logits)
        states = model(ids, output_hidden_states=True).hidden_states
        assert len(states) == model.config.num_hidden_layers + 1

    made = model.generate(ids[:1, :8], max_new_tokens=6, do_sample=False)
    step = ids[:1, :8]
    for _ in range(6):
        step = torch.cat([step, model(step).logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(made, step), (made, step)

    model.save_pretrained(scratch / "again")
    again, report = AutoModelForCausalLM.from_pretrained(
        scratch / "again", trust_remote_code=True, dtype=torch.float32, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    before, after = model.state_dict(), again.state_dict()
    assert list(before) == list(after) and all(torch.equal(before[name], after[name]) for name in before)
    assert any("np_component" in name for name in after)
    with torch.no_grad():
        _same(again(ids).logits, logits)

    # Trained on from there: gradients reach the NP weights.
    again(ids, labels=ids).loss.backward()
    assert all(p.grad is not None for name, p in again.named_parameters() if "np_component" in name)

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    assert tokenizer(known["text"], add_special_tokens=False)["input_ids"] == known["text_ids"]
    assert tokenizer.decode(known["text_ids"]) == known["text"]
    print("loaded:", folder.name, type(model).__name__)


def _same(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert found.shape == expected.shape
    worst = (found - expected).abs().max().item()
    assert worst <= 1e-5 * max(1.0, expected.abs().max().item()), worst


if __name__ == "__main__":
    assert importlib.util.find_spec("npt") is None, "our package is to be hidden"
    torch.set_num_threads(1)
    place, *named = map(Path, sys.argv[1:])
    for number, pair in enumerate(zip(named[::2], named[1::2], strict=True)):
        check(*pair, place / str(number))
