"""Counter-based noise: seeds in, the same numbers out, in every runtime.

A sampler is a deterministic function of noise, so the noise must be one too. Everything here is
philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"),
written in plain integer operations: they give the same bits eagerly, in a graph, under XLA and in
ONNX Runtime, and no random operation is left in an exported graph.

The key is a sample's own 64-bit seed and the counter counts through its noise, so that sample *i*
depends on seed *i* alone, never on the batch that it came in. What must never overlap is kept apart
by words of the counter: what the noise is for, which part of a model asks, the turn of its loop.
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import tensorflow as tf

from keras_gen import checks

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10

# The fourth counter word is a draw's stream, or says that new seeds are made.
_SEED_STREAM = 0xFFFFFFFF

# Seeds made here stay below 2**53, so that they survive JSON and JavaScript unharmed.
_SEED_BITS = 53

_TABLE_SIZE = 1 << 16

# Gumbel numbers have 23 random bits. Of so many choices, all equally likely, two share the greatest
# number in one draw of 60, where the first one wins: more would bend a distribution.
MOST_CHOICES = 1 << 18

# Purposes take the low bits of the third counter word, the parts of a purpose the others.
_PURPOSE_BITS = 8


class Purpose(enum.IntEnum):
    """What noise is for: equal seeds give other numbers for another purpose."""

    SAMPLE = 0
    COMPLETE = 1
    BOUND = 2
    TRAIN = 3
    EVALUATE = 4
    DROPOUT = 5


def _multiply_high_low(a: tf.Tensor, b: int) -> tuple[tf.Tensor, tf.Tensor]:
    product = tf.cast(a, tf.uint64) * tf.constant(b, tf.uint64)
    high = tf.bitwise.right_shift(product, tf.constant(32, tf.uint64))
    return tf.cast(high, tf.uint32), _low_word(product)


def _low_word(x: tf.Tensor) -> tf.Tensor:
    # The mask comes first: casts that drop set bits need not agree between runtimes.
    return tf.cast(tf.bitwise.bitwise_and(x, tf.constant(0xFFFFFFFF, tf.uint64)), tf.uint32)


def philox4x32(key: Sequence[tf.Tensor], counter: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Encrypts a counter with a key by ten rounds of philox4x32.

    Args:
        key: two uint32 tensors.
        counter: four uint32 tensors; all six broadcast against each other.

    Returns:
        Four uint32 tensors of independent uniform bits.

    Example:
        >>> zero = tf.constant(0, tf.uint32)
        >>> hex(int(philox4x32([zero] * 2, [zero] * 4)[0]))
        '0x6627e8d5'

    Salmon, Moraes, Dror, Shaw 2011, SC'11, doi:10.1145/2063384.2063405.
    """
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(_ROUNDS):
        high0, low0 = _multiply_high_low(c0, _MULTIPLIERS[0])
        high1, low1 = _multiply_high_low(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = (
            tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(high1, c1), k0),
            low1,
            tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(high0, c3), k1),
            low0,
        )
        k0 = k0 + tf.constant(_KEY_INCREMENTS[0], tf.uint32)
        k1 = k1 + tf.constant(_KEY_INCREMENTS[1], tf.uint32)
    return [c0, c1, c2, c3]


def _words(seeds: tf.Tensor) -> list[tf.Tensor]:
    """Splits 64-bit seeds into their low and high uint32 words."""
    bits = tf.cast(seeds, tf.uint64)
    return [_low_word(bits), _low_word(tf.bitwise.right_shift(bits, tf.constant(32, tf.uint64)))]


def spread(
    seed: int | tf.Tensor,
    num: int | tf.Tensor,
    stream: int | tf.Tensor = 0,
    start: int | tf.Tensor = 0,
) -> tf.Tensor:
    """Spreads one seed into as many per-sample seeds as are asked for.

    Args:
        seed: int64 scalar.
        num: how many seeds; an int32 scalar tensor will do, inside a graph.
        stream: int64 scalar, at least 0; other streams of the same seed share no seed, but by the
            accident of one chance in 2**53.
        start: the index of the first seed; `spread(s, n)[k:]` equals `spread(s, n - k, start=k)`.

    Returns:
        int64 tensor `[num]` in `[0, 2**53)`.

    Example:
        >>> random.spread(7, 3).shape
        TensorShape([3])
    """
    index = tf.cast(tf.range(num) + start, tf.uint32)
    low, high = _words(tf.cast(stream, tf.int64))
    key = _words(tf.cast(seed, tf.int64))
    b0, b1, _, _ = philox4x32(key, [index, low, high, tf.constant(_SEED_STREAM, tf.uint32)])
    high_bits = tf.bitwise.right_shift(b1, tf.constant(64 - _SEED_BITS, tf.uint32))
    return tf.cast(high_bits, tf.int64) * tf.constant(2**32, tf.int64) + tf.cast(b0, tf.int64)


def new_seed() -> int:
    """A seed that nobody chose: of NumPy's generator, which `keras.utils.set_random_seed` sets."""
    return int(np.random.randint(2**31))


def seeds_for(seed: int | None, num: int) -> np.ndarray:
    """The seeds of `num` examples, from one that a user gave.

    Args:
        seed: any 64-bit integer; `None` draws one.
        num: how many.

    Returns:
        int64 `[num]`.

    Raises:
        ValueError: `seed` is no such integer.
    """
    seed = new_seed() if seed is None else checks.seed(seed)
    return spread(seed, num).numpy()


def seeds_of(x: tf.Tensor) -> tf.Tensor:
    """Derives a seed from each example's content.

    A bound that is estimated with noise of such seeds is a function of the example alone: of no
    batch, order or replica.

    Args:
        x: `[n, ...]` of any integer or float dtype; floats count to three decimal places.

    Returns:
        int64 tensor `[n]`.
    """
    if x.dtype.is_floating:
        x = tf.round(tf.cast(x, tf.float32) * 1000.0)
    flat = tf.reshape(tf.cast(x, tf.int64), [tf.shape(x)[0], math.prod(x.shape[1:])])
    weights = np.random.default_rng(0).integers(1, 2**40, size=flat.shape[1], dtype=np.int64)
    return tf.reduce_sum(flat * tf.constant(weights | 1), axis=1)


@functools.cache
def _half_normal_quantiles() -> np.ndarray:
    """The means of N(0, 1) within 65536 equally likely bins, scaled to variance one half."""
    normal = NormalDist()
    edges = np.array([normal.inv_cdf(i / _TABLE_SIZE) for i in range(1, _TABLE_SIZE)])
    density = np.concatenate([[0.0], np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi), [0.0]])
    means = (density[:-1] - density[1:]) * _TABLE_SIZE
    means = (means - means[::-1]) / 2
    return (means / math.sqrt(2 * np.mean(means**2))).astype(np.float32)


class Noise:
    """The noise of n samples: each sample's numbers follow from its own seed.

    A draw is named by a `stream` (which part of a model asks) and a `step` (which turn of its
    loop); different names give independent numbers, the same name the same numbers again.

    Args:
        seeds: int64 tensor `[n]`, any values.
        purpose: what the noise is for.
        part: which of several that share a purpose, such as the players of a game; in
            `[0, 2**24)`.

    Example:
        >>> noise = Noise(tf.constant([1, 2], tf.int64))
        >>> noise.uniform((28, 28)).shape
        TensorShape([2, 28, 28])
    """

    def __init__(self, seeds: tf.Tensor, purpose: Purpose = Purpose.SAMPLE, part: int = 0) -> None:
        self.seeds = tf.convert_to_tensor(seeds, tf.int64)
        if not 0 <= part < 1 << (32 - _PURPOSE_BITS):
            raise ValueError(f"part must be in [0, 2**24), received {part}.")
        self.purpose = purpose
        self._use = int(purpose) | part << _PURPOSE_BITS

    def of_part(self, part: int) -> Noise:
        """Other noise of the same seeds and purpose: of another part of a model."""
        return Noise(self.seeds, self.purpose, part)

    def bits(self, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0) -> tf.Tensor:
        """Uniform bits: uint32 `[n, *shape]`.

        Args:
            shape: of one sample's numbers.
            stream: in `[0, 2**32 - 1)`.
            step: int scalar, at least 0; may be a tensor, as in a loop.
        """
        if not 0 <= stream < _SEED_STREAM:
            raise ValueError(f"stream must be in [0, {_SEED_STREAM}), received {stream}.")
        size = math.prod(shape)
        blocks = -(-size // 4)
        key = [word[:, None] for word in _words(self.seeds)]
        index = tf.constant(np.arange(blocks, dtype=np.uint32)[None])
        step = tf.cast(step, tf.uint32)
        counter = [index, step, tf.constant(self._use, tf.uint32), tf.constant(stream, tf.uint32)]
        words = tf.stack(philox4x32(key, counter), axis=-1)
        return tf.reshape(tf.reshape(words, [-1, blocks * 4])[:, :size], [-1, *shape])

    def uniform(
        self, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0
    ) -> tf.Tensor:
        """Uniform numbers, exact multiples of 2**-24: float32 `[n, *shape]` in (0, 1)."""
        bits = tf.bitwise.right_shift(self.bits(shape, stream, step), tf.constant(9, tf.uint32))
        return tf.cast(bits * 2 + 1, tf.float32) * 2.0**-24

    def gumbel(self, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0) -> tf.Tensor:
        """Standard Gumbel numbers: float32 `[n, *shape]`; argmax(logits + gumbel) is a draw."""
        return -tf.math.log(-tf.math.log(self.uniform(shape, stream, step)))

    def logistic(
        self, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0
    ) -> tf.Tensor:
        """Standard logistic numbers, differences of two Gumbels: float32 `[n, *shape]`."""
        u = self.uniform(shape, stream, step)
        return tf.math.log(u) - tf.math.log(1.0 - u)

    def normal(self, shape: Sequence[int], stream: int = 0, step: int | tf.Tensor = 0) -> tf.Tensor:
        """Standard normal numbers: float32 `[n, *shape]`.

        Each is the sum of two look-ups in a table of quantile means: only a gather and an
        addition, so the bits agree in every runtime, as no logarithm's would. They end at 6.1.
        """
        bits = self.bits(shape, stream, step)
        table = tf.constant(_half_normal_quantiles())
        low = tf.bitwise.bitwise_and(bits, tf.constant(_TABLE_SIZE - 1, tf.uint32))
        high = tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32))
        return tf.gather(table, tf.cast(low, tf.int32)) + tf.gather(table, tf.cast(high, tf.int32))
