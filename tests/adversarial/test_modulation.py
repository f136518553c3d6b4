"""Modulated convolutions: what demodulation does, and pictures that are doubled smoothly."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.adversarial.layers.modulation import ModulatedConv2D, StyledConv2D, doubled

RNG = np.random.default_rng(0)


def built(filters, size, channels, **options):
    layer = ModulatedConv2D(filters, size, **options)
    layer.build((None, None, None, channels), (None, 5))
    return layer


@pytest.mark.parametrize("demodulate", [True, False])
def test_each_example_has_a_kernel_of_its_own(demodulate):
    layer = built(7, 3, 4, demodulate=demodulate)
    x = RNG.standard_normal((3, 6, 5, 4)).astype(np.float32)
    style = 3.0 * RNG.standard_normal((3, 5)).astype(np.float32)
    y = layer(x, style).numpy()
    scales = layer.scales(style).numpy()
    for i in range(3):
        # Equations 1 and 3 of the paper.
        kernel = np.array(layer.kernel) / 6.0 * scales[i][:, None]
        if demodulate:
            kernel = kernel / np.sqrt(np.sum(kernel**2, axis=(0, 1, 2)) + 1e-8)
        expected = tf.nn.conv2d(x[i : i + 1], kernel, 1, "SAME")[0]
        np.testing.assert_allclose(y[i], expected, rtol=1e-3, atol=1e-4)


def test_demodulated_weights_give_unit_variance_whatever_the_style():
    layer = built(30, 3, 20)
    x = RNG.standard_normal((8, 32, 32, 20)).astype(np.float32)
    style = 20.0 * RNG.standard_normal((8, 5)).astype(np.float32)
    inside = layer(x, style).numpy()[:, 1:-1, 1:-1]
    np.testing.assert_allclose(np.var(inside, axis=(1, 2, 3)), 1.0, rtol=0.1)
    plain = built(30, 3, 20, demodulate=False)(x, style).numpy()
    assert np.var(plain) > 10.0


def test_a_style_starts_as_no_change():
    np.testing.assert_array_equal(built(3, 1, 6).scales(np.zeros((2, 5))), np.ones((2, 6)))


def test_noise_is_added_for_each_pixel_by_its_strength():
    layer = StyledConv2D(4)
    layer.build((None, None, None, 3), (None, 5))
    x, style = RNG.standard_normal((2, 6, 6, 3)), RNG.standard_normal((2, 5))
    noise = RNG.standard_normal((2, 6, 6, 1))
    x, style, noise = (tf.constant(value, tf.float32) for value in (x, style, noise))
    without = layer(x, style)
    np.testing.assert_array_equal(layer(x, style, noise), without)  # the strength starts at 0
    layer.strength.assign(2.0)

    def before_rectifier(y):
        y = np.array(y) / math.sqrt(2.0)
        return np.where(y < 0, y / 0.2, y)

    added = before_rectifier(layer(x, style, noise)) - before_rectifier(without)
    expected = np.tile(2.0 * noise.numpy(), (1, 1, 1, 4))
    np.testing.assert_allclose(added, expected, rtol=1e-3, atol=1e-4)


def test_doubling_is_the_papers_filter():
    x = RNG.standard_normal((2, 5, 4, 3)).astype(np.float32)
    y = doubled(tf.constant(x)).numpy()
    assert y.shape == (2, 10, 8, 3)
    spread = np.zeros((2, 10, 8, 3), np.float32)
    spread[:, ::2, ::2] = x
    taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16.0
    kernel = np.zeros((4, 4, 3, 3), np.float32)
    kernel[:, :, range(3), range(3)] = taps[:, :, None]
    padded = np.pad(spread, ((0, 0), (2, 1), (2, 1), (0, 0)))
    expected = tf.nn.conv2d(padded, kernel, 1, "VALID").numpy()
    np.testing.assert_allclose(y[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(doubled(tf.ones((1, 3, 3, 1))), 1.0)  # to the edge


def test_doubling_has_second_derivatives():
    x = tf.constant(RNG.standard_normal((1, 3, 3, 1)), tf.float32)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(doubled(x) ** 3)
        slope = tf.reduce_sum(inner.gradient(y, x) ** 2)
    assert np.abs(outer.gradient(slope, x)).min() > 0
