#!/usr/bin/env bash
# A full training run with good settings, into experiments/npt_new_arch; further flags are passed on and win.
# What stands before the lone -- are settings: --demo_mode, --model_size and a checkpoint to resume from win over them.
# PYTHON names the interpreter to use.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
if ! command -v "$python" > /dev/null; then
  echo "error: $python is not there; set PYTHON to the interpreter that has PyTorch" >&2
  exit 2
fi

# The upper half of Llama 3.2 1B. Several ranks reach the teacher where one cannot; dual modulation gives the
# component both inputs of the MLP's product to work with.
exec "$python" "$here/scripts/train_multi_layer_npt.py" \
  --model_name meta-llama/Llama-3.2-1B \
  --train_layers 8-15 \
  --layer_weights uniform \
  --curriculum_stages teacher:10000,mixed:15000:0.5,student:25000 \
  --max_steps 50000 \
  --np_rank 64 \
  --num_ranks 4 \
  --dual_modulation \
  --init_strategy improved \
  --dataset_preset medium \
  --batch_size 4 \
  --gradient_accumulation_steps 8 \
  --learning_rate 1e-4 \
  --warmup_steps 2000 \
  --mixed_precision \
  --save_steps 2000 \
  --eval_steps 500 \
  --output_dir experiments/npt_new_arch \
  --wandb_name npt_new_arch \
  -- "$@"
