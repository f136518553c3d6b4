"""Self-attention against a loop in NumPy."""

import numpy as np

from keras_gen.layers.self_attention import SelfAttention


def test_against_a_loop():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 4, 8)).astype(np.float32)  # an odd side, pooled with a rest
    layer = SelfAttention()
    layer.build(x.shape)
    layer.gain.assign(0.7)
    query, key, value, out = (
        np.array(each.kernel)[0, 0]
        for each in (layer.query, layer.key, layer.value, layer.output_projection)
    )
    expected = np.empty_like(x)
    for n, picture in enumerate(x):
        keys, values = (
            [
                (picture[i : i + 2, j : j + 2] @ kernel).max(axis=(0, 1))
                for i in (0, 2)
                for j in (0, 2)
            ]
            for kernel in (key, value)
        )
        for i in range(3):
            for j in range(4):
                likeness = np.array([picture[i, j] @ query @ each for each in keys])
                weights = np.exp(likeness) / np.exp(likeness).sum()
                seen = sum(w * each for w, each in zip(weights, values, strict=True))
                expected[n, i, j] = picture[i, j] + 0.7 * seen @ out
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_it_starts_as_nothing():
    x = np.random.default_rng(0).standard_normal((2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(SelfAttention()(x), x)
