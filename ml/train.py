"""Trains the behaviour Transformer on a snapshot, by one process or by several:

python -m ml.train --snapshot DIR
torchrun --standalone --nproc-per-node 2 --max-restarts 3 -m ml.train --snapshot DIR [--epochs N] [--seed S]
TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --nnodes 2 --nproc-per-node 8 --max-restarts 3 --rdzv-backend c10d \
    --rdzv-endpoint HOST:PORT --rdzv-id ID -m ml.train --snapshot DIR

Leaves DIR/checkpoints/last.pt after each epoch, DIR/model/ and an MLflow run. A training that broke goes on from its
last checkpoint: started again by hand, or by torchrun (--max-restarts) where a rank died. Several nodes share DIR.
The number of ranks does not change what is learned: steps are composed globally, see ml/data/batches.py.
"""

from __future__ import annotations

from ml.common.cli import entry, parser
from ml.data.snapshot import Snapshot
from ml.training.processes import joined
from ml.training.run import train
from ml.training.trainer import Speed


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "snapshot")
    args.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    args.add_argument("--epochs", type=int, help="default: the snapshot's")
    args.add_argument("--seed", type=int, help="default: the snapshot's")
    args.add_argument("--bf16", action="store_true", help="matmuls of the blocks in bfloat16 (for GPUs)")
    args.add_argument("--compile", action="store_true", help="the blocks through torch.compile (for GPUs)")
    said = args.parse_args(argv)
    snapshot = Snapshot.open(said.snapshot)
    speed = Speed(said.bf16, "inductor" if said.compile else None)
    with joined(said.device) as ranks:
        train(snapshot, snapshot.config.with_train(epochs=said.epochs, seed=said.seed), ranks, speed)


if __name__ == "__main__":
    entry(main)
