#!/usr/bin/env bash
# Goes on training from a checkpoint: ./resume_training.sh <checkpoint> [additional_steps]
# Everything but the number of steps comes from the checkpoint. PYTHON names the interpreter to use.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: ./resume_training.sh <checkpoint> [additional_steps = 15000]" >&2
  exit 2
fi
checkpoint=$1
additional=${2:-15000}
case $additional in
  '' | *[!0-9]*)
    echo "error: additional_steps must be a whole number of steps, not '$additional'" >&2
    exit 2
    ;;
esac
if [ ! -e "$checkpoint" ]; then
  echo "error: NPT weights not found: $checkpoint does not exist" >&2
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
if ! command -v "$python" > /dev/null; then
  echo "error: $python is not there; set PYTHON to the interpreter that has PyTorch" >&2
  exit 2
fi

# Not exec'd: where the step cannot be read, the reason is already on stderr and this script ends with its exit code.
step=$(PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" "$python" -m npt.checkpoint.step "$checkpoint")
max_steps=$((step + 10#$additional))
echo "resuming from step $step, training to step $max_steps"
exec "$python" "$here/scripts/train_multi_layer_npt.py" --resume_from "$checkpoint" --max_steps "$max_steps"
