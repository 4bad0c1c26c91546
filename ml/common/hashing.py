"""Hashes that are the same on every machine and in every run."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa


def stable_hash(names: pa.Array) -> np.ndarray:
    """uint32 of each name, the same on every machine and night."""
    return np.fromiter((zlib.crc32(name.encode()) for name in names.to_pylist()), np.uint32, len(names))


def mixed(values: np.ndarray) -> np.ndarray:
    """uint64 well mixed (Steele, Lea and Flood 2014, the finalizer of SplitMix64)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def first_by_hash(names: pa.Array, most: int) -> np.ndarray:
    """Indices of at most `most` names, in the order of their stable hashes: the same sample whenever it is drawn."""
    return np.argsort(stable_hash(names), kind="stable")[:most]
