"""The processes of a training: one, or the ranks that torchrun started; gloo on CPU, nccl on GPU, one code path."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from ml.cli import UsageError

MEET, WAIT = datetime.timedelta(seconds=60), datetime.timedelta(minutes=30)


@dataclass(frozen=True)
class Ranks:
    """This process among `world` processes."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """Each value summed over the ranks; all ranks must call it equally often."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def share(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over the ranks."""
        if self.world == 1:
            return module
        return nn.parallel.DistributedDataParallel(module)


def _device(wanted: str) -> torch.device:
    found = torch.cuda.is_available()
    if wanted == "cuda" and not found:
        raise UsageError("--device cuda: expected a CUDA device, found none; use --device cpu or auto")
    if wanted == "cpu" or not found:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def joined(wanted: str) -> Iterator[Ranks]:
    """Joins the process group where torchrun started one, and always leaves it."""
    device = _device(wanted)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
    if "WORLD_SIZE" not in os.environ:
        yield Ranks(0, 1, device)
        return
    # Ranks that are started again now and then fail to meet, and would wait for half an hour: rather fail, so that
    # torchrun starts them once more. In a training they may wait longer: the first one validates, saves and logs.
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=MEET)
    dist.set_timeout(WAIT)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), device)
        dist.barrier()  # only after success: a rank that failed must not wait for the others
    finally:
        dist.destroy_process_group()
