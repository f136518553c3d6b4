"""The discretised logistic mixture against the paper's formula, and whole pixels against parts."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.ancestral_sampling import Given
from keras_gen.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogisticMixture,
    PerChannel,
    pixel_likelihood_of,
)
from keras_gen.random import Noise, spread


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_256_levels_sum_to_one_for_any_parameters(scale):
    likelihood = DiscretizedLogisticMixture(256, channels=1, num_components=5)
    parameters = scale * np.random.default_rng(0).standard_normal((200, likelihood.num_parameters))
    levels = np.broadcast_to(np.arange(256)[:, None, None], (256, 200, 1))
    log_probs = likelihood.log_prob(tf.constant(parameters[None], tf.float32), levels)
    np.testing.assert_allclose(np.exp(log_probs[..., 0]).sum(axis=0), 1.0, atol=1e-5)


def test_all_pixels_sum_to_one():
    likelihood = DiscretizedLogisticMixture(5, channels=3, num_components=2)
    parameters = np.random.default_rng(0).standard_normal(likelihood.num_parameters)
    pixels = np.array(list(itertools.product(range(5), repeat=3)))
    log_probs = likelihood.log_prob(tf.constant(parameters, tf.float32), pixels)
    assert np.exp(log_probs.numpy().sum(axis=-1)).sum() == pytest.approx(1.0, abs=1e-5)


# The second is as far from its mean as float32 has numbers.
@pytest.mark.parametrize("far", [1e7, 3e38])
def test_a_channel_after_a_very_unlikely_one_keeps_its_probability(far):
    likelihood = DiscretizedLogisticMixture(5, channels=2, num_components=2)
    logits, log_scale, coupling = [0.0, 0.0], [[-3.0, 0.0]] * 2, [0.0, 0.0]
    loc = [[far, 0.3], [far, 0.3]]
    parameters = tf.constant(np.concatenate([logits, np.ravel(loc), np.ravel(log_scale), coupling]))
    levels = tf.stack([tf.zeros(5, tf.int32), tf.range(5)], axis=-1)
    rows = tf.repeat(tf.cast(parameters, tf.float32)[None], 5, axis=0)
    log_prob = likelihood.log_prob(rows, levels).numpy()
    assert (log_prob[:, 0] < -1e7).all()
    assert np.isfinite(log_prob).all()
    np.testing.assert_allclose(np.exp(log_prob[:, 1]).sum(), 1.0, atol=1e-5)
    # What is known of the first channel takes nothing from the second's mode either.
    known = Given(values=tf.constant([[0, 0]]), mask=tf.constant([[True, False]]))
    mode = likelihood.mode(rows[:1], known)[0, 1]
    assert mode == np.argmax(log_prob[:, 1]) == 4


def test_a_component_is_drawn_after_a_very_unlikely_channel_too():
    # Two are equally unlikely under the first channel: one half each of the second's ends.
    likelihood = DiscretizedLogisticMixture(5, channels=2, num_components=2)
    loc, log_scale = [[1e8, -1.0], [1e8, 1.0]], [[-3.0, -3.0]] * 2
    raw = np.concatenate([[0.0, 0.0], np.ravel(loc), np.ravel(log_scale), [0.0, 0.0]])
    num = 2000
    noise = likelihood.noise(Noise(spread(0, 1)), (num,))[0]
    known = Given(values=tf.zeros([num, 2], tf.int32), mask=tf.constant([[True, False]] * num))
    parameters = tf.repeat(tf.cast(raw, tf.float32)[None], num, axis=0)
    drawn = likelihood.draw(parameters, noise, tf.ones([num]), known).numpy()[:, 1]
    assert np.mean(drawn < 2) == pytest.approx(0.5, abs=0.06)


def test_agrees_with_the_formula_of_the_paper():
    # Salimans et al. 2017, equations 1 to 3, in float64 and as plainly as may be.
    likelihood = DiscretizedLogisticMixture(256, channels=3, num_components=4)
    rng = np.random.default_rng(0)
    raw = rng.standard_normal((50, likelihood.num_parameters))
    pixels = rng.integers(0, 256, (50, 3))
    pixels[:10] = rng.choice([0, 255], (10, 3))
    expected = np.zeros(50)

    def sigmoid(x):
        return 1.0 / (1.0 + np.exp(-x))

    for n in range(50):
        logits, loc, log_scale, coupling = np.split(raw[n], np.cumsum([4, 12, 12]))
        loc, log_scale, coupling = (part.reshape(4, 3) for part in (loc, log_scale, coupling))
        weights = np.exp(logits) / np.exp(logits).sum()
        alpha, beta, gamma = np.tanh(coupling).T
        x = pixels[n] / 127.5 - 1.0
        for k in range(4):
            means = [
                loc[k, 0],
                loc[k, 1] + alpha[k] * x[0],
                loc[k, 2] + beta[k] * x[0] + gamma[k] * x[1],
            ]
            mass = 1.0
            for channel in range(3):
                s = np.exp(log_scale[k, channel])
                upper = sigmoid((x[channel] + 1 / 255 - means[channel]) / s)
                lower = sigmoid((x[channel] - 1 / 255 - means[channel]) / s)
                upper = 1.0 if pixels[n, channel] == 255 else upper
                lower = 0.0 if pixels[n, channel] == 0 else lower
                mass *= upper - lower
            expected[n] += weights[k] * mass
    log_probs = likelihood.log_prob(tf.constant(raw, tf.float32), pixels).numpy().sum(axis=-1)
    np.testing.assert_allclose(log_probs, np.log(expected), rtol=1e-4)


def test_agrees_with_tfp():
    likelihood = DiscretizedLogisticMixture(8, channels=3, num_components=2)
    rng = np.random.default_rng(0)
    parameters = tf.constant(rng.standard_normal((20, likelihood.num_parameters)), tf.float32)
    pixels = rng.integers(0, 8, (20, 3))
    log_probs = likelihood.log_prob(parameters, pixels).numpy().sum(axis=-1)
    distribution = likelihood.distribution(parameters)
    np.testing.assert_allclose(distribution.log_prob(pixels.astype(np.float32)), log_probs, 1e-3)
    samples = distribution.sample(7, seed=(0, 1)).numpy()
    assert samples.shape == (7, 20, 3)
    assert set(np.unique(samples)) <= set(range(8))


def test_no_scale_is_without_a_gradient():
    likelihood = DiscretizedLogisticMixture(256, channels=1, num_components=1)
    parameters = tf.constant([[0.0, -0.9, -50.0], [0.0, 3.0, 90.0]])
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_probs = likelihood.log_prob(parameters, np.array([[255], [7]]))
    assert np.isfinite(log_probs).all()
    assert np.isfinite(tape.gradient(log_probs, parameters)).all()


@pytest.mark.parametrize(
    "likelihood",
    [DiscretizedLogisticMixture(3, 2, 2), PerChannel(Categorical(3), 2)],
    ids=["mixture", "per channel"],
)
def test_draws_follow_the_probabilities(likelihood):
    num = 20_000
    raw = np.random.default_rng(0).standard_normal(likelihood.num_parameters)
    parameters = tf.constant(np.broadcast_to(raw, (num, len(raw))), tf.float32)
    noise = likelihood.noise(Noise(tf.range(num, dtype=tf.int64)), ())
    drawn = likelihood.draw(parameters, noise, tf.ones([num])).numpy()
    assert drawn.dtype == likelihood.dtype == "int32"
    pixels = np.array(list(itertools.product(range(3), repeat=2)))
    expected = np.exp(likelihood.log_prob(parameters[:1], pixels).numpy().sum(axis=-1))
    observed = np.bincount(drawn @ [3, 1], minlength=9) / num
    assert np.abs(observed - expected).max() < 5 * np.sqrt(0.25 / num)
    # At temperature 0, or as good as that, each draw is the mode, however wide its distribution.
    wide = tf.constant(raw + 6.0, tf.float32)[None] + tf.zeros([50, 1])
    temperatures = tf.constant([0.0, 1.0, 1e-30, 1.0, 1e-38] * 10)
    drawn = likelihood.draw(wide, noise[:50], temperatures).numpy()
    is_cold = temperatures < 1e-4
    np.testing.assert_array_equal(drawn[is_cold], likelihood.mode(wide[is_cold]))
    assert len(np.unique(drawn[~is_cold], axis=0)) > 1


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("mask", itertools.product([False, True], repeat=3))
def test_draws_take_what_is_known_of_a_pixel_into_account(mask, temperature):
    likelihood, num = DiscretizedLogisticMixture(3, 3, 3), 20_000
    raw = 2.0 * np.random.default_rng(1).standard_normal(likelihood.num_parameters)
    raw[12:21] -= 2.0  # log scales: components that differ
    known = Given(tf.constant([[2, 0, 2]], tf.uint8), tf.constant([mask]))
    noise = likelihood.noise(Noise(tf.range(num, dtype=tf.int64)), ())
    parameters = tf.constant(np.broadcast_to(raw, (num, len(raw))), tf.float32)
    drawn = likelihood.draw(parameters, noise, tf.fill([num], temperature), known).numpy()
    # A tempered mixture is the mixture of other parameters.
    raw[:3] /= temperature
    raw[12:21] += np.log(temperature)
    pixels = np.array(list(itertools.product(range(3), repeat=3)))
    parameters = tf.constant(raw[None], tf.float32)
    log_probs = likelihood.log_prob(parameters, pixels).numpy()
    agrees = ((pixels == [2, 0, 2]) | ~np.array(mask)).all(axis=-1)
    expected = agrees * np.exp((log_probs * ~np.array(mask)).sum(axis=-1))
    observed = np.bincount(drawn @ [9, 3, 1], minlength=27) / num
    assert np.abs(observed - expected).max() < 5 * np.sqrt(0.25 / num)
    coldest = likelihood.draw(parameters, noise[:1], tf.zeros([1]), known)
    np.testing.assert_array_equal(coldest, likelihood.mode(parameters, known))
    assert (coldest.numpy()[0][np.array(mask)] == np.array([2, 0, 2])[np.array(mask)]).all()


@pytest.mark.parametrize(
    "likelihood",
    [DiscretizedLogisticMixture(5, 3, 3), PerChannel(Categorical(5), 3)],
    ids=["mixture", "per channel"],
)
def test_the_mode_is_each_channels_likeliest_value_after_those_before(likelihood):
    raw = np.random.default_rng(0).standard_normal((40, likelihood.num_parameters))
    raw[:, 12:21] -= 2.0  # of the mixture, the log scales: else the ends of the range win
    parameters = tf.constant(raw, tf.float32)
    mode = likelihood.mode(parameters)
    assert mode.dtype == tf.int32
    pixels = np.zeros((40, 3), np.int32)
    for channel in range(3):
        log_probs = []
        for level in range(5):
            pixels[:, channel] = level
            log_probs.append(likelihood.log_prob(parameters, pixels).numpy()[:, channel])
        pixels[:, channel] = np.argmax(log_probs, axis=0)
    np.testing.assert_array_equal(mode, pixels)
    assert len(np.unique(pixels, axis=0)) > 10


def test_the_mode_of_one_channel_has_the_greatest_probability():
    # Among 300 mixtures are some whose components lie outside of the levels.
    likelihood = DiscretizedLogisticMixture(256, channels=1, num_components=4)
    raw = 2.0 * np.random.default_rng(0).standard_normal((300, likelihood.num_parameters))
    levels = np.broadcast_to(np.arange(256)[:, None, None], (256, 300, 1))
    log_probs = likelihood.log_prob(tf.constant(raw[None], tf.float32), levels)[..., 0]
    mode = likelihood.mode(tf.constant(raw, tf.float32))[:, 0]
    of_mode = log_probs.numpy()[mode, np.arange(300)]
    np.testing.assert_allclose(of_mode, np.max(log_probs, axis=0), rtol=1e-5)


def test_the_likelihood_that_fits():
    assert isinstance(pixel_likelihood_of(2, 1).likelihood, Bernoulli)
    assert isinstance(pixel_likelihood_of(256, 1), DiscretizedLogisticMixture)
    assert pixel_likelihood_of(2, 3).channels == 3
    assert pixel_likelihood_of(4, 3, Categorical(4)).num_parameters == 12
    assert pixel_likelihood_of(4, 3).event_shape == (3,)
    # Codes have no order, and there may be more of them than a mixture has levels.
    of_codes = pixel_likelihood_of(300, 2, codes=True)
    assert isinstance(of_codes.likelihood, Categorical)
    assert (of_codes.levels, of_codes.event_shape) == (300, (2,))
    config = pixel_likelihood_of(4, 3, Categorical(4)).get_config()
    assert PerChannel.from_config(config).num_parameters == 12
    with pytest.raises(ValueError, match="likelihood must be of 4 levels and 3 channels"):
        pixel_likelihood_of(4, 3, DiscretizedLogisticMixture(4, 1))
    with pytest.raises(ValueError, match="num_components must be at least 1, received 0"):
        DiscretizedLogisticMixture(256, 3, 0)


def test_draws_and_probabilities_have_the_same_masses():
    """Draws go by cells with edges at infinity, `log_prob` by a formula with a gradient there."""
    likelihood = DiscretizedLogisticMixture(17, 1, num_components=1)
    levels = np.arange(17)
    for mean, log_scale in ((-1.5, -2.0), (0.1, -4.0), (0.97, 0.0), (3.0, 1.0)):
        place = tf.constant([[mean]]), tf.constant([[np.exp(-log_scale)]], tf.float32)
        by_cells = likelihood._cells(levels, levels).log_mass(*place)[0]
        parameters = tf.constant([[0.0, mean, log_scale]]) * tf.ones([17, 1])
        log_probs = likelihood.log_prob(parameters, tf.constant(levels[:, None], tf.int32))
        np.testing.assert_allclose(by_cells, log_probs[:, 0], rtol=1e-4, atol=1e-4)
