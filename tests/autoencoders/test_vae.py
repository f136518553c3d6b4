"""The VAE: its bound against closed forms, its noise, its networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_gen import VAE
from keras_gen.likelihoods import Normal
from keras_gen_export.walks import great_circle

# A linear decoder with Gaussian noise is factor analysis: its likelihood is known exactly.
LATENT, PIXELS, SCALE, LEVELS = 2, 4, 0.3, 256


def linear(outputs, inputs, shape, seed):
    rng = np.random.default_rng(seed)
    network = keras.Sequential(
        [keras.Input(inputs), keras.layers.Flatten(), keras.layers.Dense(outputs)]
    )
    if shape:
        network.add(keras.layers.Reshape(shape))
    network.set_weights([0.4 * rng.standard_normal(w.shape) for w in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def factor_analysis():
    return VAE(
        (2, 2, 1),
        latent_dim=LATENT,
        likelihood=Normal(LEVELS, scale=SCALE),
        encoder=linear(2 * LATENT, (2, 2, 1), None, seed=0),
        decoder=linear(PIXELS, (LATENT,), (2, 2, 1), seed=1),
        seed=0,
    )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).integers(0, LEVELS, (64, 2, 2, 1), dtype=np.uint8)


def exact_log_prob(model, images):
    weights, bias = model.decoder.get_weights()
    per_level = (LEVELS - 1) / 2
    covariance = weights.T @ weights + SCALE**2 * np.eye(PIXELS)
    gaussian = stats.multivariate_normal((bias + 1) * per_level, covariance * per_level**2)
    return gaussian.logpdf(images.reshape(-1, PIXELS))


def test_the_bounds_lie_under_the_exact_likelihood_and_reach_it(factor_analysis, images):
    exact = exact_log_prob(factor_analysis, images)
    bounds = [
        np.mean(
            [
                factor_analysis.log_prob_bound(images, num_samples=k, seed=seed)
                for seed in range(400 // k + 1)
            ],
            axis=0,
        ).mean()
        for k in (1, 8, 64)
    ]
    assert bounds[0] < bounds[1] < bounds[2] < exact.mean() + 0.05
    elbo = -factor_analysis.objective(tf.constant(images), {}, False)["negative_elbo"]
    assert np.mean(elbo) < exact.mean()
    many = factor_analysis.log_prob_bound(images, num_samples=20_000)
    np.testing.assert_allclose(many, exact, atol=0.3)


def test_the_bound_of_the_exact_posterior_is_the_likelihood(images):
    # The encoder of factor analysis is linear too: q(z|x) = p(z|x) makes every sample exact.
    decoder = linear(PIXELS, (LATENT,), (2, 2, 1), seed=1)
    weights, bias = decoder.get_weights()
    precision = np.eye(LATENT) + weights @ weights.T / SCALE**2
    # A diagonal posterior fits only if the decoder's rows are orthogonal.
    basis, _ = np.linalg.qr(weights.T)
    decoder.set_weights([basis.T * [[0.9], [0.4]], bias])
    weights, bias = decoder.get_weights()
    precision = np.eye(LATENT) + weights @ weights.T / SCALE**2
    assert np.abs(precision - np.diag(np.diag(precision))).max() < 1e-5
    variance = 1 / np.diag(precision)
    encoder = linear(2 * LATENT, (2, 2, 1), None, seed=0)
    to_mean = weights.T / SCALE**2 * variance
    raw = np.log(np.expm1(np.sqrt(variance) - 1e-4)) - np.log(np.e - 1)
    encoder.set_weights(
        [np.hstack([to_mean, np.zeros((PIXELS, LATENT))]), np.concatenate([-bias @ to_mean, raw])]
    )
    model = VAE(
        (2, 2, 1),
        latent_dim=LATENT,
        likelihood=Normal(LEVELS, scale=SCALE),
        encoder=encoder,
        decoder=decoder,
    )
    bound = model.log_prob_bound(images, num_samples=1)
    np.testing.assert_allclose(bound, exact_log_prob(model, images), atol=2e-2)


def test_the_bound_does_not_depend_on_the_batch_size(factor_analysis, images):
    bounds = [
        factor_analysis.log_prob_bound(images, num_samples=3, batch_size=size) for size in (10, 64)
    ]
    np.testing.assert_allclose(*bounds, rtol=1e-5)


def test_kl_and_beta(factor_analysis, images):
    x = tf.constant(images)
    terms = factor_analysis.objective(x, {}, False)
    posterior = factor_analysis.posterior(x, {})
    mean, stddev = posterior.mean().numpy(), posterior.stddev().numpy()
    kl = 0.5 * np.sum(mean**2 + stddev**2 - 1 - 2 * np.log(stddev), axis=-1)
    np.testing.assert_allclose(terms["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(terms["loss"], terms["reconstruction"] + terms["kl"], rtol=1e-5)
    try:
        factor_analysis.beta = 4.0
        heavier = factor_analysis.objective(x, {}, False)
    finally:
        factor_analysis.beta = 1.0
    np.testing.assert_allclose(heavier["loss"] - terms["loss"], 3 * terms["kl"], rtol=1e-3)
    np.testing.assert_allclose(heavier["negative_elbo"], terms["negative_elbo"])


def test_the_posterior_is_reparameterised(factor_analysis, images):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            factor_analysis.objective(tf.constant(images), {}, False)["reconstruction"]
        )
    for gradient in tape.gradient(loss, factor_analysis.encoder.trainable_weights):
        assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("image_shape", [(8, 8, 1), (9, 7, 3), (28, 28, 1)], ids=str)
@pytest.mark.parametrize("likelihood", [None, Normal(5)], ids=["softmax", "normal"])
def test_built_in_networks_fit_any_image(image_shape, likelihood):
    model = VAE(image_shape, levels=5, filters=(4, 4), likelihood=likelihood, num_classes=3)
    images = model.sample(2, labels=[0, 2], seed=0)
    assert images.shape == (2, *image_shape)
    assert images.max() < 5
    latents = model.encode(images, labels=1)
    assert latents.shape == (2, model.latent_dim)
    assert model.reconstruct(images, labels=1).shape == images.shape
    walk = model.interpolate(latents[:1], latents[1:], num_steps=4, labels=1)
    assert walk.shape == (1, 4, *image_shape)
    ends = model.decode(latents, labels=1)
    np.testing.assert_array_equal(walk[0, [0, -1]], ends)


def test_interpolation_between_any_two_vectors():
    start = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [3.0, 0.0]], np.float32)
    end = np.array([[-1.0, 0.0], [1.0, 2.0], [2.0, 2.0], [0.0, 3.0]], np.float32)
    walk = great_circle(start, end, np.linspace(0, 1, 5))
    np.testing.assert_allclose(walk[:, 0], start, atol=1e-6)
    np.testing.assert_allclose(walk[:, -1], end, atol=1e-6)
    # No circle joins the first three: straight lines do. The last stays on its circle.
    np.testing.assert_allclose(walk[:3, 2], (start + end)[:3] / 2, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(walk[3], axis=-1), 3.0, rtol=1e-5)


def test_passed_networks_of_mixed_precision_get_a_twin_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = linear(2 * LATENT, (2, 2, 1), None, seed=0)
    finally:
        keras.config.set_dtype_policy("float32")
    # The model itself computes in float32: only the network that was passed does not.
    model = VAE((2, 2, 1), latent_dim=LATENT, likelihood=Normal(LEVELS), encoder=encoder)
    twin = model.in_float32()
    assert model.encoder.layers[-1].compute_dtype == "bfloat16"
    assert twin.encoder.layers[-1].compute_dtype == "float32"
    assert twin.in_float32() is twin


def test_latents_of_a_seed_are_those_of_its_samples():
    model = VAE((8, 8, 1), levels=2, filters=(4,))
    mode = model.sample(3, seed=5, temperature=0.0)
    np.testing.assert_array_equal(model.decode(model.draw_latents(3, seed=5)), mode)


def test_truncation_moves_latents_to_the_centre():
    model = VAE((8, 8, 1), levels=2, filters=(4,))
    at_centre = model.sample(3, seed=5, temperature=0.0, truncation=0.0)
    centre = model.decode(np.zeros((1, model.latent_dim), np.float32))
    np.testing.assert_array_equal(at_centre, np.repeat(centre, 3, axis=0))


def test_a_walk_between_far_vectors_keeps_to_its_circle():
    start, end = np.array([[1.0, 0.0]], np.float32), np.array([[0.6, 0.8]], np.float32)
    shares = np.linspace(0, 1, 3)
    far = great_circle(start * np.float32(1e20), end * np.float32(1e20), shares)
    np.testing.assert_allclose(far / 1e20, great_circle(start, end, shares), atol=1e-6)


def test_sides_of_one_pixel_learn_in_half_precision():
    model = VAE((1, 1, 1), levels=2, filters=(4, 4, 4), dtype="mixed_bfloat16")
    model.compile("adam")
    model.fit(np.ones((32, 1, 1, 1), np.uint8), batch_size=8, verbose=0)
    for weight in model.weights:
        assert np.isfinite(weight.numpy()).all(), weight.path


def test_passed_networks_are_saved(factor_analysis, images, tmp_path):
    factor_analysis.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.encode(images), factor_analysis.encode(images))
    assert loaded.likelihood.scale == SCALE


def test_a_network_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"encoder must give \[None, 64\], received \[None, 4\]"):
        VAE((2, 2, 1), encoder=linear(4, (2, 2, 1), None, seed=0))
    with pytest.raises(ValueError, match="beta must be at least 0"):
        VAE((2, 2, 1), beta=-1.0)
    for beta in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"beta must be at least 0 and finite, .* {beta}"):
            VAE((2, 2, 1), beta=beta)
    with pytest.raises(ValueError, match="seed must be -9223372036854775808 to 92233720368"):
        VAE((2, 2, 1), seed=2**64)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 3e38}, r"temperature must be floats \[n\] in \[0, 1e\+06\], received"),
        ({"truncation": 1e5}, r"truncation must be floats \[n\] in \[0, 1000\], received"),
    ],
    ids=["temperature", "truncation"],
)
def test_settings_beyond_any_use_are_refused(settings, message):
    model = VAE((2, 2, 1), levels=2, filters=())
    with pytest.raises(ValueError, match=message):
        model.sample(2, **settings)
