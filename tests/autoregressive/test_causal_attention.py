"""Attention to the past alone, against its formula in float64."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.autoregressive.layers.causal_attention import Entries, attend, attention


def by_formula(query, key, value, strict):
    """softmax(q k / sqrt(d)) v over the past; one position and head after the other."""
    mixed = np.zeros(value.shape)
    for n, t, head in np.ndindex(*query.shape[:3]):
        end = t if strict else t + 1
        if end:
            logits = key[n, :end, head] @ query[n, t, head] / np.sqrt(query.shape[-1])
            weights = np.exp(logits - logits.max())
            mixed[n, t, head] = weights / weights.sum() @ value[n, :end, head]
    return mixed.reshape(*query.shape[:2], -1)


@pytest.mark.parametrize("strict", [False, True])
# Fewer positions than attend at once, as many, and more.
@pytest.mark.parametrize("length", [5, 128, 300])
def test_equals_the_formula_for_any_length(length, strict):
    rng = np.random.default_rng(length)
    query, key, value = (rng.standard_normal((2, length, 3, size)) for size in (4, 4, 5))
    expected = by_formula(query, key, value, strict)
    inputs = [tf.constant(x, tf.float32) for x in (query, key, value)]
    np.testing.assert_allclose(attention(*inputs, strict=strict), expected, atol=1e-5)
    # A graph for any length gives the same.
    specs = [tf.TensorSpec([None, None, *x.shape[2:]]) for x in inputs]
    graph = tf.function(lambda *x: attention(*x, strict=strict), specs, autograph=False)
    np.testing.assert_allclose(graph(*inputs), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_no_logit_is_so_large_that_the_future_is_seen(dtype):
    # The later position is the likelier by far; in half precision its product is infinite.
    size = {"float32": 1e8, "float16": 1e3}[dtype]
    query = tf.constant([[[[size]], [[size]]]], dtype)
    key = tf.constant([[[[1.0]], [[size]]]], dtype)
    value = tf.constant([[[[1.0]], [[2.0]]]], dtype)
    np.testing.assert_array_equal(attention(query, key, value), [[[1.0], [2.0]]])
    np.testing.assert_array_equal(attention(query, key, value, strict=True), [[[0.0], [1.0]]])


def test_from_a_cache_no_logit_is_so_small_that_nothing_is_seen():
    one, size = tf.ones([1, 1, 1, 1]), 1e8
    past = Entries.empty(1, 1, 2, 1, 1).put(tf.constant(0), -size * one, one)
    mixed = attend(size * one[0], past, 1, Entries.empty(1, 1, 2, 1, 1), 0)
    np.testing.assert_array_equal(mixed, [[1.0]])


def test_from_a_cache_equals_the_formula():
    # Two rows of three positions are finished; of the third row, two positions.
    rng = np.random.default_rng(0)
    query, key, value = (rng.standard_normal((2, 9, 3, size)) for size in (4, 4, 5))
    expected = by_formula(query, key, value, strict=True)[:, 8]
    by_head = [tf.constant(np.swapaxes(x, 1, 2), tf.float32) for x in (key, value)]
    past = Entries.empty(2, 3, 9, 4, 5)
    for row in range(2):
        past = past.put(tf.constant(row), *(x[:, :, 3 * row : 3 * row + 3] for x in by_head))
    recent = Entries.empty(2, 3, 3, 4, 5)
    for column in range(2):
        recent = recent.put(
            tf.constant(column), *(x[:, :, 6 + column : 7 + column] for x in by_head)
        )
    last = tf.constant(query[:, 8], tf.float32)
    np.testing.assert_allclose(attend(last, past, 6, recent, 2), expected, atol=1e-5)
    # Where there is no entry, nothing is found.
    assert not attend(last, past, 0, recent, 0).numpy().any()
