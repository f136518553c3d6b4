"""Spectral normalisation: singular values against NumPy's, gradients against autodiff's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.adversarial.judgement import Judgement
from keras_gen.adversarial.layers.spectral_normalization import (
    SpectralConv2D,
    SpectralDense,
    power_iterations,
)


def dense():
    layer = SpectralDense(5, kernel_initializer=keras.initializers.RandomNormal(stddev=3.0))
    layer.build((None, 7))
    return layer


def convolution():
    layer = SpectralConv2D(6, 3, kernel_initializer=keras.initializers.RandomNormal(stddev=3.0))
    layer.build((None, 8, 8, 2))
    return layer


def largest_singular_value(kernel):
    kernel = np.array(kernel)
    return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


@pytest.mark.parametrize("make", [dense, convolution])
def test_the_effective_kernel_has_a_norm_of_one(make):
    layer = make()
    for _ in range(100):
        layer.norm.iterate()
    assert largest_singular_value(layer._kernel) > 2.0
    np.testing.assert_allclose(layer.norm.sigma(), largest_singular_value(layer._kernel), rtol=1e-4)
    np.testing.assert_allclose(largest_singular_value(layer.kernel), 1.0, rtol=1e-4)


def test_the_estimate_follows_a_kernel_that_changes():
    layer = dense()
    rng = np.random.default_rng(0)
    for _ in range(100):
        layer._kernel.assign(layer._kernel + 0.01 * rng.standard_normal((7, 5)))
        layer.norm.iterate()
    np.testing.assert_allclose(largest_singular_value(layer.kernel), 1.0, rtol=1e-2)


@pytest.mark.parametrize("make", [dense, convolution])
def test_layers_use_the_effective_kernel(make):
    layer = make()
    x = np.random.default_rng(0).standard_normal((2, *([7] if make is dense else [8, 8, 2])))
    x = x.astype(np.float32)
    kernel = layer._kernel / layer.norm.sigma()
    expected = x @ kernel if make is dense else tf.nn.conv2d(x, kernel, 1, "VALID")
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [dense, convolution])
def test_the_gradient_goes_through_the_singular_value(make):
    layer = make()
    for _ in range(200):
        layer.norm.iterate()
    kernel = tf.constant(layer._kernel)
    weights = np.random.default_rng(0).standard_normal(kernel.shape).astype(np.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(kernel)
        ours = tf.reduce_sum(weights * layer.kernel)
        singular = tf.linalg.svd(tf.reshape(kernel, [-1, kernel.shape[-1]]), compute_uv=False)
        explicit = tf.reduce_sum(weights * kernel / singular[0])
    gradient = tape.gradient(ours, layer._kernel.value)
    np.testing.assert_allclose(gradient, tape.gradient(explicit, kernel), rtol=1e-3, atol=1e-4)
    # No step along the kernel changes its direction.
    assert abs(float(tf.reduce_sum(gradient * kernel))) < 1e-3


def test_a_call_changes_nothing():
    layer = dense()
    before = layer.get_weights()
    layer(np.ones((2, 7), np.float32), training=True)
    for x, y in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("make", [dense, convolution])
def test_what_is_saved_is_the_kernel_that_learns(make, tmp_path):
    shape = (None, 7) if make is dense else (None, 8, 8, 2)
    models = [keras.Sequential([make()]) for _ in range(2)]
    for model in models:
        model.build(shape)
    models[0].save_weights(tmp_path / "model.weights.h5")
    models[1].load_weights(tmp_path / "model.weights.h5")
    for x, y in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_kernel_of_zeros_stays_finite():
    layer = SpectralDense(3, kernel_initializer="zeros")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(np.ones((2, 4), np.float32)))
    layer.norm.iterate()
    assert np.isfinite(tape.gradient(loss, layer._kernel.value)).all()
    assert not np.any(layer.kernel)


@pytest.mark.parametrize("conditioning", ["concatenation", "auxiliary", "projection"])
def test_a_judgement_is_normalised(conditioning):
    start = keras.initializers.RandomNormal(stddev=3.0)
    judgement = Judgement(6, 4, conditioning, start, spectral_normalization=True)
    for _ in range(100):
        power_iterations(judgement)
    kernels = {"concatenation": 1, "auxiliary": 2, "projection": 2}[conditioning]
    assert len(judgement.norms) == kernels
    for norm in judgement.norms.values():
        np.testing.assert_allclose(largest_singular_value(norm.normalized()), 1.0, rtol=1e-4)
    # A logit changes by at most |x| for the kernel, and again for the label's vector.
    features = tf.constant(np.random.default_rng(0).standard_normal((50, 6)), tf.float32)
    labels = tf.zeros([50], tf.int32)
    output = judgement(features, labels)
    logits = output["validity"] if conditioning == "auxiliary" else output
    assert (np.abs(logits) <= 2.0001 * np.linalg.norm(features, axis=1)).all()
