#!/usr/bin/env bash
# Trains the demo in one command: a small teacher and text that ship with the trainer, about a minute on two cores, no
# network. Further flags are passed on and win. PYTHON names the interpreter to use.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
if ! command -v "$python" > /dev/null; then
  echo "error: $python is not there; set PYTHON to the interpreter that has PyTorch" >&2
  exit 2
fi

exec "$python" "$here/scripts/train_multi_layer_npt.py" --demo_mode "$@"
