"""Distances of sets of vectors: closed forms, no bias, errors that are as stated."""

import math

import numpy as np
import pytest
import scipy.linalg

from keras_gen import metrics

RNG = np.random.default_rng(0)


def test_the_frechet_distance_where_covariances_do_not_commute():
    x = RNG.standard_normal((500, 4)) @ RNG.standard_normal((4, 4)) + 1.0
    y = RNG.standard_normal((300, 4)) @ RNG.standard_normal((4, 4))
    root = scipy.linalg.sqrtm(np.cov(x.T) @ np.cov(y.T))
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2)
    expected += np.trace(np.cov(x.T) + np.cov(y.T) - 2.0 * root).real
    assert metrics.frechet_distance(x, y) == pytest.approx(expected, rel=1e-8)


def test_the_kernel_distance_of_a_block_is_that_of_all_pairs():
    x, y = RNG.standard_normal((7, 3)), RNG.standard_normal((5, 3)) + 1.0

    def kernel(a, b):
        return (sum(a[i] * b[i] for i in range(3)) / 3 + 1) ** 3

    def expected(x, y):
        within = [
            np.mean([kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j])
            for z in (x, y)
        ]
        return sum(within) - 2 * np.mean([kernel(a, b) for a in x for b in y])

    order = np.random.default_rng(0)
    of_x = np.array_split(order.permutation(7), 2)
    of_y = np.array_split(order.permutation(5), 2)
    blocks = [expected(x[i], y[j]) for i, j in zip(of_x, of_y, strict=True)]
    value, error = metrics.kernel_distance(x, y, num_blocks=2)
    assert value == pytest.approx(np.mean(blocks))
    assert error == pytest.approx(abs(blocks[0] - blocks[1]) / 2)


def moments(mean):
    """The first three of a normal variable of variance 1."""
    return np.array([mean, mean**2 + 1.0, mean**3 + 3.0 * mean])


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_the_kernel_distance_has_no_bias(shift):
    """Of numbers, ``E (x y + 1)^3`` is a sum of products of moments."""
    expected = np.sum([3, 3, 1] * (moments(shift) - moments(0.0)) ** 2)
    rng = np.random.default_rng(0)
    trials = [
        metrics.kernel_distance(
            rng.standard_normal((12, 1)) + shift, rng.standard_normal((8, 1)), num_blocks=2
        ).value
        for _ in range(3000)
    ]
    error = np.std(trials) / math.sqrt(len(trials))
    assert abs(np.mean(trials) - expected) < 3.0 * error
    # Pairs of a vector with itself would add (28 - 4) (1 / 6 + 1 / 4) = 10 if nothing is shifted.
    assert error < 1.0


def test_the_standard_error_is_the_spread_of_estimates():
    rng = np.random.default_rng(0)
    trials = [
        metrics.kernel_distance(
            rng.standard_normal((200, 4)) + 0.3, rng.standard_normal((200, 4)), num_blocks=10
        )
        for _ in range(300)
    ]
    values, errors = map(np.array, zip(*trials, strict=True))
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.15)


def test_the_order_of_data_does_not_matter():
    """Sorted by class, one way and the other, a block of each is not of one class."""
    classes = np.repeat(np.arange(10.0), 50)
    x = np.stack([classes, RNG.standard_normal(500)], axis=1)
    y = np.stack([classes[::-1], RNG.standard_normal(500)], axis=1)
    far = metrics.kernel_distance(x[:50], x[-50:]).value
    value, error = metrics.kernel_distance(x, y)
    assert abs(value) < 4.0 * error < 0.2 * far


def test_sets_that_cannot_be_compared_are_refused():
    x = RNG.standard_normal((40, 3))
    for y in (x[:, :2], x[:19], x[0]):
        with pytest.raises(ValueError, match=r"x and y must be \[n, features\] with n at least 20"):
            metrics.kernel_distance(x, y)
    with pytest.raises(ValueError, match="num_blocks must be 2 to"):
        metrics.kernel_distance(x, x, num_blocks=1)
