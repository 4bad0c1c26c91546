"""What a warehouse's model and experiments are called in MLflow, which several warehouses may share."""

from __future__ import annotations

TRAINED = "huaxiang-behaviour"  # the registered model, and the experiment of its trainings
NIGHTLY = "huaxiang-nightly"  # the experiment of the nights


def named(name: str, warehouse_id: str | None) -> str:
    """`name` for a warehouse; as it was before warehouses had ids where it has none."""
    return f"{name}-{warehouse_id}" if warehouse_id else name
