"""Layers of games: equalised rates, pixel norm, the deviation of a minibatch."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.adversarial.layers.equalized import EqualizedConv2D, EqualizedDense
from keras_gen.adversarial.layers.minibatch_deviation import MinibatchDeviation
from keras_gen.adversarial.layers.pixel_norm import PixelNorm, pixel_norm

RNG = np.random.default_rng(0)


def built(layer, *shape):
    layer.build((None, *shape))
    return layer


LAYERS = {
    "narrow": lambda **options: built(EqualizedDense(2000, **options), 4),
    "wide": lambda **options: built(EqualizedDense(20, **options), 900),
    "convolution": lambda **options: built(EqualizedConv2D(50, 3, **options), 8, 8, 40),
}
FAN_IN = {"narrow": 4, "wide": 900, "convolution": 360}


@pytest.mark.parametrize("name", LAYERS)
def test_kernels_are_stored_as_unit_normals_and_read_as_he_has_them(name):
    layer = LAYERS[name]()
    assert np.std(layer._kernel) == pytest.approx(1.0, rel=0.05)
    scale = math.sqrt(2.0 / FAN_IN[name])
    np.testing.assert_allclose(layer.kernel, scale * np.array(layer._kernel), rtol=1e-6)
    linear = LAYERS[name](gain=1.0)
    scale = math.sqrt(1.0 / FAN_IN[name])
    np.testing.assert_allclose(linear.kernel, scale * np.array(linear._kernel), rtol=1e-6)


def test_rectified_outputs_keep_their_size():
    x = RNG.standard_normal((64, 900)).astype(np.float32)
    layer = LAYERS["wide"]()
    # He: half of what comes out is cut off, and the mean square stays.
    assert np.mean(np.maximum(layer(x), 0.0) ** 2) == pytest.approx(1.0, rel=0.15)


def test_a_step_of_adam_is_as_great_in_every_layer():
    moved = []
    for make in LAYERS.values():
        layer = make()
        before = np.array(layer.kernel)
        optimizer = keras.optimizers.Adam(0.01)
        gradient = RNG.standard_normal(layer._kernel.shape).astype(np.float32)
        optimizer.apply([gradient], [layer._kernel])
        moved.append(np.abs(layer.kernel - before).mean() / before.std())
    np.testing.assert_allclose(moved, 0.01, rtol=0.05)


def test_a_rate_slows_a_layer_and_changes_nothing_else():
    layer = LAYERS["wide"](rate=0.01)
    assert np.std(layer._kernel) == pytest.approx(100.0, rel=0.05)
    assert np.std(layer.kernel) == pytest.approx(math.sqrt(2.0 / 900), rel=0.05)
    layer._bias.assign(np.ones(20))
    x = np.zeros((1, 900), np.float32)
    np.testing.assert_allclose(layer(x), 0.01 * np.ones((1, 20)), rtol=1e-6)


def test_what_is_saved_is_what_is_stored(tmp_path):
    networks = [keras.Sequential([keras.Input((5,)), EqualizedDense(3)]) for _ in range(2)]
    networks[0].save_weights(tmp_path / "a.weights.h5")
    networks[1].load_weights(tmp_path / "a.weights.h5")
    for x, y in zip(*(network.get_weights() for network in networks), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_pixels_have_a_mean_square_of_one(dtype):
    x = (300.0 * RNG.standard_normal((2, 3, 4, 16))).astype(dtype)
    normed = np.array(PixelNorm(dtype=dtype)(x), np.float64)
    np.testing.assert_allclose(np.mean(normed**2, axis=-1), 1.0, rtol=2e-3)
    np.testing.assert_allclose(pixel_norm(tf.zeros((1, 4))), 0.0)
    # Only lengths change.
    ratio = normed / x.astype(np.float64)
    np.testing.assert_allclose(ratio, ratio[..., :1] * np.ones(16), rtol=1e-2)


def deviation_of(group):
    """The paper's: of each feature and place over the group, and the mean of these."""
    return np.sqrt(np.var(group, axis=0) + 1e-8).mean()


def test_the_deviation_is_that_of_groups():
    x = RNG.standard_normal((10, 2, 3, 5)).astype(np.float32)
    y = MinibatchDeviation(4)(x, training=True).numpy()
    assert y.shape == (10, 2, 3, 6)
    np.testing.assert_array_equal(y[..., :5], x)
    for begin in (0, 4, 8):  # the last group has two examples
        group = slice(begin, begin + 4)
        np.testing.assert_allclose(y[group, ..., 5], deviation_of(x[group]), rtol=1e-5)


def test_in_evaluation_each_example_stands_alone():
    x = RNG.standard_normal((3, 2, 2, 4)).astype(np.float32)
    y = MinibatchDeviation(4)(x, training=False).numpy()
    np.testing.assert_allclose(y[..., 4], 1e-4, rtol=1e-5)


def test_the_deviation_has_finite_gradients_twice():
    x = tf.ones((4, 2, 2, 3))  # equal examples deviate by nothing
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(MinibatchDeviation(4)(x * x, training=True) ** 2)
        slope = tf.reduce_sum(inner.gradient(y, x) ** 2)
    assert np.isfinite(outer.gradient(slope, x)).all()
