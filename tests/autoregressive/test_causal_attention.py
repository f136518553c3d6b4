"""Attention to the past alone, against its formula in float64."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.autoregressive.causal_attention import attention


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
