"""Penalties: of a linear critic in closed form, lazy ones, twice differentiated."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import DCGAN, DRAGAN, GAN, R1, R2, GradientPenalty, Wasserstein
from keras_gen.adversarial import Play
from keras_gen.random import Noise, spread

PENALTIES = [GradientPenalty, DRAGAN, R1, R2]
SLOPE = np.array([3.0, -4.0], np.float32)  # of length 5
REAL = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
FAKE = REAL + 3.0


def play(real=REAL, fake=FAKE, training=True):
    noise = Noise(spread(0, len(real)))
    real, fake = tf.constant(real), tf.constant(fake)
    return Play(real, {}, real, fake, real, fake, None, None, noise, training)


def linear(x):
    return tf.linalg.matvec(x, tf.constant(SLOPE))


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (GradientPenalty(2.0), 2.0 * (5.0 - 1.0) ** 2),
        (DRAGAN(2.0), 2.0 * (5.0 - 1.0) ** 2),
        (R1(2.0), 2.0 * 25.0 / 2.0),
        (R2(2.0), 2.0 * 25.0 / 2.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_a_linear_critic(penalty, expected):
    np.testing.assert_allclose(penalty(linear, play(), tf.constant(0)), [expected] * 6, rtol=1e-5)


def test_where_each_looks():
    """A critic of |x|^2 / 2 has the slope |x|: it says where a penalty looked."""
    seen = {}
    for penalty in (GradientPenalty(1.0), DRAGAN(1.0, scale=0.1), R1(2.0), R2(2.0)):
        places = []

        def critic(x, places=places):
            places.append(x.numpy())
            return tf.reduce_sum(x**2, axis=1) / 2.0

        given = penalty(critic, play(), tf.constant(0))
        (place,) = places
        lengths = np.linalg.norm(place, axis=1)
        centre = 0.0 if isinstance(penalty, R1) else 1.0
        np.testing.assert_allclose(given, (lengths - centre) ** 2, rtol=1e-4)
        seen[type(penalty)] = place
    np.testing.assert_array_equal(seen[R1], REAL)
    np.testing.assert_array_equal(seen[R2], FAKE)
    assert 0.01 < np.abs(seen[DRAGAN] - REAL).mean() < 0.2
    # On the line from each real example to its generated one, anywhere.
    share = (seen[GradientPenalty] - REAL) / (FAKE - REAL)
    np.testing.assert_allclose(share[:, 0], share[:, 1], rtol=1e-4)
    assert 0.0 < share.min() < share.max() < 1.0


def test_a_lazy_penalty_comes_at_intervals_and_weighs_as_much():
    penalty = R1(2.0, interval=4)

    @tf.function
    def of(steps):
        return penalty(linear, play(), steps)

    @tf.function
    def without_branches(steps):
        return penalty(linear, play(), steps, branches=False)

    values = [of(tf.constant(steps)).numpy() for steps in range(8)]
    for steps, value in enumerate(values):
        np.testing.assert_allclose(without_branches(tf.constant(steps)), value)
    assert [value.mean() for value in values] == pytest.approx([100.0, 0, 0, 0, 100.0, 0, 0, 0])
    # In evaluation there are no intervals.
    assert penalty(linear, play(training=False), tf.constant(1)).numpy() == pytest.approx(25.0)


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda penalty: penalty.__name__)
@pytest.mark.parametrize(
    ("policy", "jit"), [("float32", False), ("float32", True), ("mixed_bfloat16", False)]
)
def test_a_step_differentiates_twice(penalty, policy, jit):
    model = DCGAN((8, 8, 1), filters=4, penalties=[penalty(10.0, interval=2)], seed=0, dtype=policy)
    model.compile(keras.optimizers.SGD(1e-3), jit_compile=jit)
    x = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)
    before = [np.array(weight) for weight in model.discriminator_weights()]
    history = model.fit(x, batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(history["penalty"]).all()
    for weight, old in zip(model.discriminator_weights(), before, strict=True):
        assert np.isfinite(weight).all()
        assert (np.array(weight) != old).any() or "bias" in weight.path or "beta" in weight.path


def test_a_critic_learns_the_slope():
    """Between two clouds at a distance of 3, the best critic rises by about 1 a unit."""
    rng = np.random.default_rng(0)
    x = rng.normal([1.5, 0.0], 0.1, (2000, 2)).astype(np.float32)
    model = GAN(
        2,
        units=(32, 32),
        adversarial_loss=Wasserstein(),
        penalties=[GradientPenalty(10.0)],
        seed=0,
    )
    model.generate = lambda x, *_: x - [[3.0, 0.0]]
    model.generator_weights = lambda: []
    model.compile(keras.optimizers.Adam(3e-3))
    with pytest.warns(UserWarning, match="trainable weights"):
        history = model.fit(x, batch_size=100, epochs=20, verbose=0).history
    distance = history["penalty"][-1] - history["discriminator_loss"][-1]
    # The penalty is soft: 3 s - 10 (s - 1)^2 is greatest at the slope s = 1.15.
    assert distance == pytest.approx(3.0 * 1.15, rel=0.03)


def test_what_is_refused():
    for build, message in (
        (lambda: R1(-1.0), "weight must be at least 0 and finite, received -1.0"),
        (lambda: R1(float("nan")), "weight must be at least 0"),
        (lambda: R1(interval=0), "interval must be at least 1, received 0"),
        (lambda: DCGAN((8, 8, 1), penalties=[10.0]), "penalties must be objects such as R1"),
        (
            lambda: DCGAN((8, 8, 1), penalties=[R1()], discriminator_normalization="batch"),
            "discriminator_normalization must be 'auto', 'layer' or None where there are penalties",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            build()


def test_several_penalties_add_up():
    values = {}
    for names in itertools.chain.from_iterable(
        itertools.combinations((R1, R2), size) for size in (1, 2)
    ):
        model = DCGAN((8, 8, 1), filters=4, penalties=[each(3.0) for each in names], seed=0)
        keras.utils.set_random_seed(0)
        model.set_weights([0.1 * np.ones_like(weight) for weight in model.get_weights()])
        x = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
        values[names] = model.objective(tf.constant(x), {}, False)["penalty"].numpy()
    np.testing.assert_allclose(values[(R1, R2)], values[(R1,)] + values[(R2,)], rtol=1e-4)
