"""One seed into many, in NumPy: the same as `keras_gen.random.spread`.

philox4x32-10: Salmon, Moraes, Dror, Shaw 2011, doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

import numpy as np

_LOW = np.uint64(0xFFFFFFFF)


def spread(seed: int, num: int) -> np.ndarray:
    """Spreads one seed into as many per-sample seeds as are asked for.

    Args:
        seed: any 64-bit integer.
        num: how many seeds.

    Returns:
        int64 `[num]` in `[0, 2**53)`: those that `model.sample(num, seed=seed)` draws from.

    Example:
        >>> artefact.run("sample", seeds=spread(0, 16))["samples"]
    """
    c0: np.ndarray = np.arange(num, dtype=np.uint64)
    c1: np.ndarray = np.zeros(num, np.uint64)
    c2 = c1
    c3 = np.full(num, _LOW)
    k0, k1 = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32 & 0xFFFFFFFF)
    for _ in range(10):
        product0, product1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c2 = (product1 >> 32) ^ c1 ^ k0, (product0 >> 32) ^ c3 ^ k1
        c1, c3 = product1 & _LOW, product0 & _LOW
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & _LOW, (k1 + np.uint64(0xBB67AE85)) & _LOW
    return ((c1 >> 11) << 32 | c0).astype(np.int64)
