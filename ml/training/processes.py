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

from ml.common.cli import UsageError

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
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise UsageError("--device cuda: expected a CUDA device, found none; use --device cpu or auto")
    if wanted == "cpu" or not available:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def _of_this_start(store: dist.Store) -> dist.Store:
    """The store without what earlier starts left there. On one node torchrun keeps its store over restarts, in which
    ranks may find the addresses of the dead. Several nodes count their restarts apart: there torchrun has to make a new
    store, which TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 in its environment asks for.
    """
    if os.environ.get("GROUP_WORLD_SIZE") != "1":
        return store
    return dist.PrefixStore(f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)


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
    # Ranks meet quickly or fail, so that torchrun starts them once more; in a training they may wait longer: the first
    # one validates, saves and logs.
    store, rank, world = next(dist.rendezvous("env://", timeout=MEET))
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=_of_this_start(store), rank=rank, world_size=world, timeout=MEET)
    dist.set_timeout(WAIT)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), device)
        dist.barrier()  # only after success: a rank that failed must not wait for the others
    finally:
        dist.destroy_process_group()
