"""Augmentation: differentiable, alike for real and generated pictures, and not leaking."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import DCGAN, AdaptiveAugment, DiffAugment, Wasserstein
from keras_gen.random import Noise, spread

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (64, 16, 12, 3)).astype(np.float32)


def noise(num=64, seed=0):
    return Noise(spread(seed, num))


@pytest.mark.parametrize("transform", ["color", "translation", "cutout"])
def test_transforms(transform):
    augment = DiffAugment([transform])
    changed = augment(IMAGES, noise(), stream=0).numpy()
    assert changed.shape == IMAGES.shape
    assert (changed != IMAGES).any(axis=(1, 2, 3)).mean() > 0.9
    # Each picture by its own noise, whatever the batch.
    np.testing.assert_allclose(changed[:5], augment(IMAGES[:5], noise(5), stream=0), atol=1e-6)
    # Never, at a probability of 0; half of them, at one half.
    np.testing.assert_array_equal(augment(IMAGES, noise(), 0, probability=0.0), IMAGES)
    half = augment(IMAGES, noise(), 0, probability=0.5).numpy()
    assert 0.25 < (half != IMAGES).any(axis=(1, 2, 3)).mean() < 0.75


def test_translation_moves_what_is_there():
    x = np.zeros((256, 16, 16, 1), np.float32)
    x[:, 8, 8] = 1.0
    moved = DiffAugment(["translation"])(tf.constant(x), noise(256), stream=0).numpy()
    places = np.argwhere(moved == 1.0)[:, 1:3] - 8
    assert len(places) == 256
    # Every shift of up to an eighth of a side, as often as any other.
    shifts, counts = np.unique(places, axis=0, return_counts=True)
    assert len(shifts) == 25
    assert places.min() == -2
    assert places.max() == 2
    assert counts.max() < 3 * 256 / 25


def test_cutout_takes_a_quarter():
    x = tf.ones((256, 16, 16, 1))
    cut = DiffAugment(["cutout"])(x, noise(256), stream=0).numpy()
    missing = (cut == 0).mean(axis=(1, 2, 3))
    assert missing.max() == 0.25
    assert 1 / 16 <= missing.min() < 0.2


def test_colour_keeps_what_is_grey_grey():
    grey = tf.repeat(IMAGES[..., :1], 3, axis=-1)
    changed = DiffAugment(["color"])(grey, noise(), stream=0).numpy()
    np.testing.assert_allclose(changed[..., 0], changed[..., 2], atol=1e-6)


def test_gradients_pass_through():
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        changed = DiffAugment()(images, noise(), stream=0)
    gradient = tape.gradient(changed, images, output_gradients=tf.ones_like(changed)).numpy()
    # But for what was cut out or pushed out, every pixel counts.
    assert (np.abs(gradient) > 0).mean() > 0.6


class Spy(DCGAN):
    """Keeps what the discriminator is shown."""

    def discriminate(self, data, conditions, training):
        self.shown.append(data.numpy())
        return super().discriminate(data, conditions, training)


def test_real_and_generated_pictures_are_changed_in_training_alone():
    model = Spy((16, 16, 1), filters=4, augmentation=DiffAugment(["cutout"]), seed=0)
    x = tf.constant(RNG.integers(200, 256, (8, 16, 16, 1), dtype=np.uint8))
    for training, share in ((True, 1.0), (False, 0.0)):
        model.__dict__["shown"] = []
        play = model.play(x, {}, model.noise_for(x, training), training)
        assert len(model.shown) == 2
        for shown, whole in zip(model.shown, (play.real, play.fake), strict=True):
            assert (shown != whole.numpy()).any(axis=(1, 2, 3)).mean() == share
        # The two are not changed by the same noise.
        if training:
            holes = [(shown == 0).any(axis=3) for shown in model.shown]
            assert (holes[0] != holes[1]).any()


def test_the_generator_does_not_learn_the_changes():
    """A generator that is one picture, moved through translations, is drawn where data lies.

    The discriminator sees moved pictures alone, real and generated; what is sampled is not moved.
    """
    x = np.zeros((32, 8, 8, 1), np.uint8)
    x[:, 2:6, 2:6] = 255
    model = DCGAN(
        (8, 8, 1),
        filters=8,
        latent_dim=2,
        augmentation=DiffAugment(["translation"]),
        seed=3,
    )
    keras.utils.set_random_seed(0)
    model.compile(keras.optimizers.Adam(2e-3, beta_1=0.5))
    model.fit(np.repeat(x, 20, axis=0), batch_size=32, epochs=12, verbose=0)
    mean = model.sample(64, seed=0).astype(float).mean(axis=0)
    assert np.abs(mean - x[0]).mean() < 50.0


@pytest.mark.parametrize(("sureness", "rises"), [(4.0, True), (0.0, False)])
def test_the_probability_follows_the_discriminator(sureness, rises):
    """It rises where real examples are always known, and falls where they are guessed."""
    model = DCGAN((8, 8, 1), filters=4, augmentation=AdaptiveAugment(images=100), seed=0)
    model.compile(keras.optimizers.SGD(0.0))
    start = 0.4
    model._probability.assign(start)
    model.judgement.kernel.assign(tf.zeros_like(model.judgement.kernel))
    model.judgement.bias.assign([sureness])
    x = RNG.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    history = model.fit(x, batch_size=10, verbose=0).history
    p = float(model._probability.numpy())
    assert p == pytest.approx(start + 0.2 if rises else start - 0.2)
    assert min(start, p) <= history["augmentation_probability"][0] <= max(start, p)


def test_the_probability_stays_within_bounds_and_is_saved(tmp_path):
    model = DCGAN((8, 8, 1), filters=4, augmentation=AdaptiveAugment(images=10), seed=0)
    model.compile(keras.optimizers.SGD(0.0))
    model.judgement.bias.assign([9.0])
    x = RNG.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    model.fit(x, verbose=0)
    model.fit(x, verbose=0)
    assert float(model._probability.numpy()) == pytest.approx(0.8)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert float(loaded._probability.numpy()) == pytest.approx(0.8)
    assert loaded.augmentation.images == 10


def test_what_is_refused():
    for build, message in (
        (lambda: DiffAugment(["flip"]), "transforms must be of color, translation, cutout"),
        (lambda: DiffAugment([]), "transforms must be of"),
        (lambda: DiffAugment(probability=1.5), "probability must be a number from 0 to 1"),
        (lambda: DCGAN((8, 8, 1), augmentation="color"), "augmentation must be an object such as"),
        (
            lambda: DCGAN(
                (8, 8, 1), adversarial_loss=Wasserstein(), augmentation=AdaptiveAugment()
            ),
            "augmentation must not adapt where the loss says nothing",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            build()
