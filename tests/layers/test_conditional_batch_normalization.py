"""Conditional batch normalisation: plain batch normalisation, but for gains and biases."""

import keras
import numpy as np

from keras_gen.layers.conditional_batch_normalization import ConditionalBatchNormalization

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 4, 4, 3)).astype(np.float32) * 2.0 + 1.0


def built():
    layer = ConditionalBatchNormalization()
    layer.build((None, 4, 4, 3), (None, 5))
    return layer


def test_of_a_constant_condition_it_is_plain_batch_normalisation():
    layer = built()
    condition = RNG.standard_normal((1, 5)).astype(np.float32)
    plain = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-4)
    plain.build(X.shape)
    plain.gamma.assign(1.0 + (condition @ np.array(layer.gain.kernel))[0])
    plain.beta.assign((condition @ np.array(layer.bias.kernel))[0])
    conditions = np.repeat(condition, 6, axis=0)
    for training in (True, False):
        ours, theirs = layer(X, conditions, training=training), plain(X, training=training)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert np.abs(np.array(layer.normalization.moving_mean)).max() > 0.01


def test_each_example_has_its_own_gain_and_bias():
    layer = built()
    conditions = RNG.standard_normal((6, 5)).astype(np.float32)
    gain, bias = (conditions @ np.array(each.kernel) for each in (layer.gain, layer.bias))
    normal = (X - X.mean(axis=(0, 1, 2))) / np.sqrt(X.var(axis=(0, 1, 2)) + 1e-4)
    expected = normal * (1.0 + gain[:, None, None]) + bias[:, None, None]
    np.testing.assert_allclose(layer(X, conditions, training=True), expected, rtol=1e-4, atol=1e-4)
