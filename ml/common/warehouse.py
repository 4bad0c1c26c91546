"""Who a warehouse is, and which of its users and products are of one shop: ops.warehouse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import LOADS, WAREHOUSE
from ml.common import lake


def _row(warehouse: str) -> dict:
    if not lake.exists(WAREHOUSE, warehouse):
        return {}
    return lake.open_table(WAREHOUSE, warehouse).to_pyarrow_table().to_pylist()[0]


def warehouse_id(warehouse: str) -> str | None:
    """None where no night of a release with ids was collected yet."""
    return _row(warehouse).get("warehouse_id")


def namespaces(warehouse: str) -> dict[str, str]:
    """The namespace of each source; "" for ids that stay as they are, see jobs/lake/identity.py."""
    if (known := _row(warehouse).get("namespaces")) is not None:
        return dict(known)
    if not lake.exists(LOADS, warehouse):
        return {}
    return dict.fromkeys(
        lake.open_table(LOADS, warehouse).to_pyarrow_dataset().to_table(["source"])["source"].to_pylist(), ""
    )


@dataclass(frozen=True)
class Spaces:
    """The namespaces of a warehouse: a key of one begins with its name and a colon, see jobs/sources/keys.py."""

    names: tuple[str, ...] = ()

    @classmethod
    def read(cls, warehouse: str) -> Spaces:
        return cls(tuple(sorted({name for name in namespaces(warehouse).values() if name})))

    def of(self, keys: pa.Array) -> np.ndarray:
        """A number of the namespace of each key, 0 of those without one."""
        codes = np.zeros(len(keys), np.int64)
        for number, name in enumerate(self.names, start=1):
            codes[pc.starts_with(keys, f"{name}:").to_numpy(zero_copy_only=False).astype(bool)] = number
        return codes

    def code(self, name: str) -> int:
        """The number of a namespace."""
        return self.names.index(name) + 1 if name else 0


ONE_SPACE = Spaces()
