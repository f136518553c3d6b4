"""Each likelihood: it sums to one, its draws follow it, and its mode is what is likeliest."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_gen.formats import Images
from keras_gen.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogisticMixture,
    Normal,
    PerChannel,
    likelihood_of,
)
from keras_gen.random import Noise, spread

DISCRETE = [(Bernoulli(), 2), (Categorical(2), 2), (Categorical(7), 7), (Categorical(256), 256)]


def name(value):
    return str(value) if isinstance(value, int | float) else type(value).__name__


def parameters_of(likelihood, num=5):
    rng = np.random.default_rng(1)
    return tf.constant(2 * rng.standard_normal((num, likelihood.num_parameters)), tf.float32)


@pytest.mark.parametrize(("likelihood", "levels"), DISCRETE, ids=name)
def test_probabilities_sum_to_one(likelihood, levels):
    parameters = parameters_of(likelihood)
    log_probs = [likelihood.log_prob(parameters, tf.fill([5], x)) for x in range(levels)]
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=0), 1.0, atol=1e-5)


def test_bernoulli_agrees_with_its_distribution():
    logits = tf.constant([[-30.0], [-1.0], [0.0], [2.0], [40.0]])
    for x in (0, 1):
        np.testing.assert_allclose(
            Bernoulli().log_prob(logits, tf.fill([5], x)),
            Bernoulli().distribution(logits).log_prob(x),
            rtol=1e-6,
        )


def test_what_can_not_be_leaves_the_other_levels_as_they_are():
    parameters = tf.constant([[0.0, -np.inf, 0.0]] * 3)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        log_prob = Categorical(3).log_prob(parameters, tf.range(3))
    np.testing.assert_allclose(log_prob, [-np.log(2), -np.inf, -np.log(2)], rtol=1e-6)
    assert np.isfinite(tape.gradient(log_prob, parameters)[0]).all()


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize(("likelihood", "levels"), DISCRETE[:3], ids=name)
def test_draws_follow_the_distribution(likelihood, levels, temperature):
    num = 40_000
    parameters = parameters_of(likelihood, 1)
    noise = likelihood.noise(Noise(spread(0, 1)), (num,))[0]
    draws = likelihood.draw(
        tf.repeat(parameters, num, axis=0), noise, tf.fill([num], temperature)
    ).numpy()
    cold = parameters / temperature
    probabilities = np.exp([likelihood.log_prob(cold, tf.constant([x])) for x in range(levels)])
    expected = probabilities[:, 0].astype(np.float64)
    observed = np.bincount(draws, minlength=levels)
    assert stats.chisquare(observed, num * expected / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize(("likelihood", "levels"), DISCRETE, ids=name)
def test_temperature_zero_gives_the_mode(likelihood, levels):
    parameters = parameters_of(likelihood)
    noise = likelihood.noise(Noise(spread(0, 5)), ())
    draws = likelihood.draw(parameters, noise, tf.zeros([5]))
    assert draws.numpy().dtype == likelihood.dtype == "int32"
    log_probs = [likelihood.log_prob(parameters, tf.fill([5], x)) for x in range(levels)]
    np.testing.assert_array_equal(draws, np.argmax(log_probs, axis=0))
    np.testing.assert_array_equal(likelihood.mode(parameters), draws)


@pytest.mark.parametrize(
    "likelihood", [Normal(17, scale=0.2), Normal(17)], ids=["fixed", "learned"]
)
def test_normal_is_a_density_of_stored_values(likelihood):
    parameters = tf.constant([[0.25, -1.0][: likelihood.num_parameters]])
    x = np.linspace(-40, 60, 20_001)
    log_prob = likelihood.log_prob(tf.repeat(parameters, len(x), axis=0), tf.constant(x))
    assert np.trapezoid(np.exp(log_prob), x) == pytest.approx(1.0, abs=1e-4)
    # The mean lies at 0.25 of [-1, 1], which is 10 of [0, 16].
    assert x[np.argmax(log_prob)] == pytest.approx(10.0, abs=1e-2)
    assert float(likelihood.mode(parameters)[0]) == pytest.approx(10.0)


def test_normal_draws():
    likelihood = Normal(256, scale=0.1)
    num = 20_000
    noise = likelihood.noise(Noise(spread(0, 1)), (num,))[0]
    draws = likelihood.draw(tf.zeros([num, 1]), noise, tf.ones([num])).numpy()
    assert draws.dtype == likelihood.dtype == "float32"
    assert draws.mean() == pytest.approx(127.5, abs=0.3)
    assert draws.std() == pytest.approx(12.75, rel=0.03)
    mean = likelihood.draw(tf.zeros([num, 1]), noise, tf.zeros([num]))
    np.testing.assert_array_equal(mean, likelihood.mode(tf.zeros([num, 1])))
    # A format makes them stored values, far out too.
    images = Images((1, 1, 1), 256)
    assert set(images.store(mean).numpy()) == {128}
    for far, stored in ((9.0, 255), (-9.0, 0)):
        drawn = likelihood.draw(tf.constant([far]), noise[0], tf.constant(1.0))
        assert int(images.store(drawn)) == stored


def test_a_likelihood_of_other_levels_is_refused():
    with pytest.raises(ValueError, match=r"likelihood must be of 256 levels, .* one of 2"):
        likelihood_of(256, Bernoulli())


def test_a_likelihood_of_whole_pixels_is_refused():
    with pytest.raises(ValueError, match="likelihood must be of single values, received PerCh"):
        likelihood_of(7, PerChannel(Categorical(7), 3))


def test_the_default_assumes_nothing():
    assert isinstance(likelihood_of(2), Bernoulli)
    assert likelihood_of(17).levels == 17


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Categorical(1), "levels must be 2 to 262144, received 1"),
        # So many share the noise's 23 bits that the first of equals would win too often.
        (lambda: Categorical(2**18 + 1), "levels must be 2 to 262144, received 262145"),
        (lambda: Normal(300), "levels must be 2 to 256, received 300"),
        (lambda: Normal(2.5), "levels must be an integer, received 2.5"),
        (lambda: Normal(scale=-1.0), "scale must be a number from 1e-06 to 1e[+]06, received -1"),
        (lambda: Normal(scale=np.nan), "scale must be a number from .* received nan"),
        (lambda: Normal(scale=np.inf), "scale must be a number from .* received inf"),
        (lambda: Normal(scale=1e-46), "scale must be a number from .* received 1e-46"),
        (lambda: Normal(scale="a"), "scale must be a number from .* received 'a'"),
        (lambda: Normal(min_scale=np.nan), "min_scale must be a number from .* received nan"),
        (lambda: DiscretizedLogisticMixture(2.5), "levels must be an integer, received 2.5"),
        (lambda: PerChannel(Bernoulli(), 1.5), "channels must be an integer, received 1.5"),
        (lambda: DiscretizedLogisticMixture(256, 1.5), "channels must be an integer, received 1"),
    ],
    ids=range(13),
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()
