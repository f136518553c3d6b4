"""CycleGAN: its terms in closed form, its pools, what it refuses."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import CycleGAN, GradientPenalty, data
from keras_gen.random import Noise

TINY = {"image_shape": (8, 8, 1), "levels": 17, "filters": 4, "num_blocks": 1} | {
    "discriminator_filters": 4,
    "pool_size": 6,
    "seed": 0,
}


@pytest.fixture(scope="module")
def digits():
    return data.load_arrays("digits", "train")[0]


@pytest.fixture
def batch(digits):
    return tf.constant(digits[:4]), {"b": tf.constant(digits[4:8])}


def played(model, batch):
    noise = Noise(tf.range(4, dtype=tf.int64))
    return model.play(*batch, noise, training=False)


def with_generators(model, monkeypatch, a_to_b, b_to_a):
    """The model with functions of pictures in [-1, 1] as its generators."""
    generators = {"a_to_b": a_to_b, "b_to_a": b_to_a}
    functions = {name: lambda x, training, f=f: f(x) for name, f in generators.items()}
    monkeypatch.setattr(model, "generators", functions)
    return model


def test_the_cycle_costs_nothing_where_generators_are_inverse(batch, monkeypatch):
    model = with_generators(
        CycleGAN(**TINY), monkeypatch, lambda x: 0.5 * x - 0.25, lambda x: 2.0 * x + 0.5
    )
    terms = model.generator_terms(played(model, batch))
    np.testing.assert_allclose(terms["cycle"], 0.0, atol=1e-6)
    assert (terms["identity"].numpy() > 0.1).all()


def test_terms_are_weighted_mean_errors(batch, monkeypatch):
    model = with_generators(
        CycleGAN(**TINY, cycle_weight=4.0, identity_weight=0.25),
        monkeypatch,
        lambda x: x + 0.5,
        lambda x: x + 0.125,
    )
    terms = model.generator_terms(played(model, batch))
    np.testing.assert_allclose(terms["cycle"], 4.0 * 2 * 0.625, rtol=1e-5)
    np.testing.assert_allclose(terms["identity"], 4.0 * 0.25 * 0.625, rtol=1e-5)


def test_without_the_identity_there_is_no_such_term(batch):
    model = CycleGAN(**TINY, identity_weight=0)
    assert "identity" not in model.terms
    assert "identity" not in model.generator_terms(played(model, batch))


def test_each_generator_is_judged_by_the_discriminator_of_its_side(batch, monkeypatch):
    model = with_generators(
        CycleGAN(**TINY), monkeypatch, lambda x: tf.ones_like(x), lambda x: -tf.ones_like(x)
    )
    play = played(model, batch)
    a, b = tf.split(play.fake, 2, axis=-1)
    np.testing.assert_array_equal(a, -1.0)
    np.testing.assert_array_equal(b, 1.0)
    for side, pictures in (("a", a), ("b", b)):
        expected = model.discriminators[side](pictures, training=False)
        np.testing.assert_allclose(play.fake_output[side], expected, rtol=1e-5, atol=1e-6)


def test_penalties_are_of_each_discriminator_alone(batch, monkeypatch):
    """Slopes of lengths 3 and 1, not of their root mean square or of both together."""
    model = CycleGAN(**TINY, penalties=[GradientPenalty(10.0)])

    def linear(length):
        weights = tf.fill([8, 8, 1], length / 8.0)
        return lambda x, training: tf.reduce_sum(x * weights, axis=[1, 2, 3])[:, None]

    monkeypatch.setattr(model, "discriminators", {"a": linear(3.0), "b": linear(1.0)})
    np.testing.assert_allclose(model._penalty(played(model, batch)), 10.0 * 2.0**2, rtol=1e-4)


def test_fit_fills_the_pools_and_evaluation_leaves_them(digits):
    model = CycleGAN(**TINY)
    model.compile()
    x, y = digits[:4], {"b": digits[4:8]}
    model.evaluate(x, y, verbose=0)
    assert [int(pool.count) for pool in model.pools] == [0, 0]
    model.fit(x, y, batch_size=4, verbose=0)
    assert [int(pool.count) for pool in model.pools] == [4, 4]
    model.fit(x, y, batch_size=4, verbose=0)
    assert [int(pool.count) for pool in model.pools] == [6, 6]


def test_only_the_discriminators_steps_see_the_past(batch):
    model = CycleGAN(**TINY)
    noise = Noise(tf.range(4, dtype=tf.int64))
    model.play(*batch, noise, training=True)
    assert int(model.pools[0].count) == 0
    for _ in range(2):
        model.play(*batch, noise, training=True, past=True)
    assert int(model.pools[0].count) == 6


def test_any_size_both_ways_and_trained_on_any_without_pools():
    model = CycleGAN(**TINY | {"image_shape": (None, None, 3), "pool_size": 0}, num_halvings=1)
    model.compile()
    for sides in ((8, 16), (12, 8)):
        x = np.random.default_rng(0).integers(0, 17, (4, *sides, 3), np.uint8)
        model.fit(x, {"b": x[::-1]}, verbose=0)
        assert model.translate(x, "b_to_a").shape == x.shape
        assert (model.translate(x) != model.translate(x, "b_to_a")).any()
        np.testing.assert_array_equal(model.translate(x, "a_to_b"), model.translate(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (8, 10, 1)}, "sides that 4 divides, from 8 on, received"),
        ({"image_shape": (4, 8, 1)}, "sides that 4 divides, from 8 on, received"),
        ({"image_shape": (None, None, 1)}, "image_shape must have its sides where past pictures"),
        ({"cycle_weight": -1.0}, "cycle_weight must be"),
        ({"identity_weight": -0.5}, "identity_weight must be"),
        ({"pool_size": -1}, "pool_size must be"),
        ({"num_classes": 3}, "num_classes must be None"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        CycleGAN(**TINY | arguments)


def test_bad_calls(digits):
    model = CycleGAN(**TINY)
    model.compile()
    with pytest.raises(
        ValueError, match="direction must be one of a_to_b and b_to_a, received 'back'"
    ):
        model.translate(digits[:2], "back")
    with pytest.raises(ValueError, match="b must have the shape of a"):
        model.fit(digits[:4], {"b": digits[:4].repeat(2, axis=1)}, verbose=0)
    with pytest.raises(ValueError, match="b must be given"):
        model.fit(digits[:4], verbose=0)
    wide = digits[:4].repeat(2, axis=2)
    with pytest.raises(ValueError, match=r"x must have the shape .* where past pictures are kept"):
        model.fit(wide, {"b": wide}, verbose=0)
