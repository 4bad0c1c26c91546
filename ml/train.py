"""Trains the behaviour Transformer on a snapshot, by one process or by several:

python -m ml.train --snapshot DIR
torchrun --standalone --nproc-per-node 2 --max-restarts 3 -m ml.train --snapshot DIR [--epochs N] [--seed S]
TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --nnodes 2 --nproc-per-node 8 --max-restarts 3 --rdzv-backend c10d \\
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
    flags = parser(__doc__, "snapshot")
    flags.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    flags.add_argument("--epochs", type=int, help="default: the snapshot's")
    flags.add_argument("--seed", type=int, help="default: the snapshot's")
    flags.add_argument("--bf16", action="store_true", help="matmuls of the blocks in bfloat16 (for GPUs)")
    flags.add_argument("--compile", action="store_true", help="the blocks through torch.compile (for GPUs)")
    args = flags.parse_args(argv)
    snapshot = Snapshot.open(args.snapshot)
    speed = Speed(args.bf16, "inductor" if args.compile else None)
    with joined(args.device) as ranks:
        config = snapshot.config.with_train(epochs=args.epochs, seed=args.seed)
        train(snapshot, config, ranks, speed, say=lambda line: print(line, flush=True))


if __name__ == "__main__":
    entry(main)
