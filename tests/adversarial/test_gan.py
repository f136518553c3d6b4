"""What all games from latent vectors share: packs, labels, priors; and points of the plane."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import DCGAN, GAN, R1
from keras_gen.adversarial.packing import packed, unpacked

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((24, 2)).astype(np.float32)
LABELS = RNG.integers(0, 3, 24).astype(np.int32)


def gan(**options):
    keras.utils.set_random_seed(0)
    plain = {"penalties": (), "average_decay": None}
    return GAN(2, **(plain | {"latent_dim": 3, "units": (8,), "seed": 0} | options))


def test_packs_are_of_consecutive_examples():
    x = tf.reshape(tf.range(10), [5, 2])
    np.testing.assert_array_equal(
        packed(x, 2, training=True), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]
    )
    np.testing.assert_array_equal(packed(x, 2, training=False)[1], [2, 3, 2, 3])
    said = tf.constant([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(unpacked(said, 2, 5, training=True), [1, 1, 2, 2, 3])


def test_packing_of_one_is_the_plain_game():
    models = [gan(), gan(packing=1)]
    for model in models:
        model.compile()
        model.fit(POINTS, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_packed_discriminator_sees_a_lack_of_variety():
    """Pairs of equal examples, each as probable as data: only packs tell them from data."""
    accuracies = []
    for packing in (1, 2):
        model = gan(packing=packing, units=(64, 64))
        model.compile()
        model.optimizer.discriminator.learning_rate = 3e-3
        model.generator_weights = lambda: []
        # The generator copies the data, each example twice, in a row.
        model.generate = lambda x, *_: tf.repeat(x[::2], 2, axis=0)
        x = np.random.default_rng(1).standard_normal((2000, 2)).astype(np.float32)
        with pytest.warns(UserWarning, match="trainable weights"):
            history = model.fit(x, batch_size=100, epochs=15, verbose=0).history
        accuracies.append((history["real_accuracy"][-1] + history["fake_accuracy"][-1]) / 2)
    assert accuracies[0] < 0.6
    assert accuracies[1] > 0.7


@pytest.mark.parametrize("conditioning", ["concatenation", "auxiliary", "projection"])
def test_labels_reach_both_players(conditioning):
    model = gan(num_classes=3, conditioning=conditioning)
    x, labels = tf.constant(POINTS), tf.constant(LABELS)
    others = (labels + 1) % 3
    of_labels, of_others = (
        model.validity(model.discriminate(x, {"labels": y}, False)) for y in (labels, others)
    )
    differ = bool((of_labels != of_others).numpy().any())
    # An auxiliary classifier guesses labels; it is not told them.
    assert differ == (conditioning != "auxiliary")
    samples = [model.sample(4, labels=y, seed=0) for y in (0, 1)]
    assert (samples[0] != samples[1]).all()
    model.compile()
    history = model.fit(POINTS, LABELS, batch_size=8, epochs=2, verbose=0).history
    assert ("class_loss" in history) == (conditioning == "auxiliary")


def test_an_auxiliary_classifier_teaches_the_generator_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000).astype(np.int32)
    centres = np.array([[2, 0], [-1, 1.7], [-1, -1.7]], np.float32)
    x = (centres[labels] + 0.2 * rng.standard_normal((3000, 2))).astype(np.float32)
    for conditioning in ("auxiliary", "projection", "concatenation"):
        model = gan(num_classes=3, conditioning=conditioning, units=(64, 64))
        model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5))
        model.fit(x, labels, batch_size=100, epochs=20, verbose=0)
        asked = np.repeat([0, 1, 2], 100)
        samples = model.sample(300, labels=asked, seed=0)
        nearest = np.linalg.norm(samples[:, None] - centres[None], axis=2).argmin(axis=1)
        assert (nearest == asked).mean() > 0.9, conditioning


def test_latents_of_either_distribution():
    for name, most, deviation in (("normal", 6.2, 1.0), ("uniform", 1.0, 3**-0.5)):
        model = gan(latent_distribution=name)
        z = model.draw_latents(5000, seed=0)
        assert np.abs(z).max() <= most
        assert z.std() == pytest.approx(deviation, rel=0.03)
        assert np.isfinite(model.prior().log_prob(z)).all()
    assert model.prior().log_prob(z).numpy()[0] == pytest.approx(-3 * np.log(2.0))


def test_the_slope_of_a_pack_is_with_respect_to_each_of_its_examples():
    """A linear critic of packs has the same slope at each place as a critic of one example."""
    model = gan(packing=2, penalties=[R1(2.0)])
    slopes = np.array([[3.0, 0.0], [0.0, 4.0]], np.float32)
    model.discriminate = lambda x, conditions, training: unpacked(
        tf.linalg.matvec(packed(x, 2, training), slopes.reshape(-1)), 2, len(x), training
    )
    terms = model.objective(tf.constant(POINTS), {}, True)
    np.testing.assert_allclose(terms["penalty"], [9.0, 16.0] * 12, rtol=1e-5)


def test_gradients_are_reported_as_they_are():
    """One step of SGD moves weights by its rate times the gradient."""
    model = gan()
    model.compile(keras.optimizers.SGD(0.01))
    before = [
        [np.array(weight) for weight in weights]
        for weights in (model.generator_weights(), model.discriminator_weights())
    ]
    history = model.fit(POINTS, batch_size=24, verbose=0).history
    after = model.generator_weights(), model.discriminator_weights()
    for name, old, new in zip(("generator", "discriminator"), before, after, strict=True):
        moved = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(old, new, strict=True)))
        assert history[f"{name}_gradient"][0] == pytest.approx(moved / 0.01, rel=1e-3)
    assert "generator_gradient" not in model.evaluate(POINTS, return_dict=True, verbose=0)


def test_shares_told_apart():
    model = gan()
    model.judgement.kernel.assign(tf.zeros_like(model.judgement.kernel))
    for bias, real, fake in ((1.0, 1.0, 0.0), (-1.0, 0.0, 1.0)):
        model.judgement.bias.assign([bias])
        model.compile()
        scores = model.evaluate(POINTS, return_dict=True, verbose=0)
        assert (scores["real_accuracy"], scores["fake_accuracy"]) == (real, fake)


def test_what_is_refused():
    for build, message in (
        (lambda: gan(packing=0), "packing must be at least 1"),
        (lambda: gan(conditioning="auxiliary"), "conditioning must be 'concatenation' where"),
        (lambda: gan(conditioning="cat"), "conditioning must be one of concatenation, auxiliary"),
        (lambda: gan(latent_distribution="cauchy"), "latent_distribution must be one of normal"),
        (
            lambda: DCGAN((8, 8, 1), packing=2, num_classes=3, conditioning="projection"),
            "packing must be 1 where labels are judged one by one",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            build()
    model = gan(packing=3, discriminator_steps=2)
    model.compile()
    with pytest.raises(ValueError, match="batch_size must be a multiple of 6"):
        model.fit(POINTS, batch_size=8, verbose=0)
