"""`python -m local.stop`: end the services, tasks and JVMs that `make run` started here, and nothing else."""

from __future__ import annotations

from local import processes
from local.places import ends_in_one_line, out


def main() -> None:
    count = processes.stop()
    out.print(f"stopped: {count} processes ended" if count else "stopped: nothing was running")


if __name__ == "__main__":
    ends_in_one_line(main)
