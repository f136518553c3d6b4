"""StyleGAN: styles and their mean, truncation, mixing, noise, path lengths, projection."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import R1, StyleGAN
from keras_gen.random import Noise

IMAGES = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)


def small(image_shape=(8, 8, 1), **options):
    keras.utils.set_random_seed(0)
    return StyleGAN(image_shape, **({"filters": 4, "latent_dim": 6, "seed": 0} | options))


def perturbed(*args, **options):
    """A model without an average, whose weights have left their start."""
    model = small(*args, average_decay=None, **options)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.3 * rng.standard_normal(weight.shape))
    model.style_mean.assign(rng.standard_normal(model.latent_dim))
    return model


@pytest.fixture(scope="module")
def moved():
    return perturbed()


def strengths(model):
    return [convolution.strength for convolution in model.generator.convolutions]


@pytest.fixture
def silent(moved):
    """The model without noise."""
    before = [np.array(strength) for strength in strengths(moved)]
    for strength in strengths(moved):
        strength.assign(0.0)
    yield moved
    for strength, value in zip(strengths(moved), before, strict=True):
        strength.assign(value)


@pytest.mark.parametrize(
    ("image_shape", "num_styles"),
    [((9, 11, 3), 4), ((28, 28, 1), 6), ((32, 32, 3), 8), ((64, 48, 1), 8)],
    ids=str,
)
def test_every_size(image_shape, num_styles):
    model = small(image_shape, filters=2)
    assert model.generator.num_styles == num_styles
    images = model.sample(2, seed=0)
    assert images.shape == (2, *image_shape)
    assert model.discriminate(model.format.to_unit(images), {}, False).shape == (2,)


def test_the_settings_for_few_data():
    model = small((64, 32, 1))
    assert model.penalties == [R1(10.0, interval=4)]
    assert (model.mapping_layers, model.style_mixing, model.path_length_weight) == (2, 0.0, 0.0)
    assert model.average_decay == 0.999
    assert small(num_classes=3).conditioning == "projection"


def test_the_generators_pictures_start_with_a_variance_of_the_order_of_one():
    model = small((32, 32, 3), filters=16, latent_dim=64)
    pictures = model.generate(tf.zeros((16, 1)), {}, Noise(tf.range(16, dtype=tf.int64)), False)
    assert 0.1 < np.std(pictures) < 10.0


# ---- styles --------------------------------------------------------------------------------------


def test_decode_goes_by_way_of_styles(moved):
    latents = moved.draw_latents(3, seed=0)
    images = moved.decode_styles(moved.styles(latents))
    difference = np.abs(images.astype(int) - moved.decode(latents))
    assert difference.max() <= 1
    assert (images[0] != images[1]).any()


def test_truncation_of_0_gives_the_mean_style_and_1_changes_nothing(silent):
    centre = silent.decode_styles(np.array(silent.style_mean)[None])
    np.testing.assert_array_equal(
        silent.sample(3, seed=0, truncation=0.0), np.repeat(centre, 3, axis=0)
    )
    decoded = silent.decode(silent.draw_latents(3, seed=0)).astype(int)
    whole = silent.sample(3, seed=0, truncation=1.0)
    assert np.abs(whole - decoded).max() <= 1
    styles = silent.styles(silent.draw_latents(3, seed=0))
    mean = np.array(silent.style_mean)
    half = silent.decode_styles(mean + 0.5 * (styles - mean)).astype(int)
    assert np.abs(half - silent.sample(3, seed=0, truncation=0.5)).max() <= 1
    assert (half != whole).any()


def test_noise_makes_samples_of_one_style_differ(moved):
    samples = moved.sample(2, seed=0, truncation=0.0)
    assert (samples[0] != samples[1]).any()
    np.testing.assert_array_equal(samples, moved.sample(2, seed=0, truncation=0.0))


def test_the_mean_of_styles_follows_those_of_the_global_batch():
    model = small(average_decay=None)
    model.compile(keras.optimizers.SGD(0.0))
    model.train_step(tf.constant(IMAGES[:8]))
    latents = model._draw_latents(model.noise_for(tf.constant(IMAGES[:8]), True))
    expected = (1.0 - 2.0 / 11.0) * np.mean(model.generator.styles(latents), axis=0)
    np.testing.assert_allclose(model.style_mean, expected, rtol=1e-4, atol=1e-6)


def test_mixing_gives_layers_from_some_one_on_another_style():
    noise = Noise(tf.range(200, dtype=tf.int64))
    never, always, often = (perturbed(style_mixing=p) for p in (0.0, 1.0, 0.5))
    styles = always._styles(always._draw_latents(noise), {})
    num = always.generator.num_styles

    def changed(model):
        """Whether each layer has another style: [200, num]."""
        mixed = model._mixed(styles, {}, noise).numpy()
        assert all(len(np.unique(row, axis=0)) <= 2 for row in mixed)
        return (mixed != styles.numpy()[:, None]).any(axis=2)

    assert not changed(never).any()
    begins = num - changed(always).sum(axis=1)
    assert set(begins) == set(range(1, num))
    np.testing.assert_array_equal(changed(always), np.arange(num)[None] >= begins[:, None])
    assert changed(often)[:, -1].mean() == pytest.approx(0.5, abs=0.12)
    # Samples have one style.
    np.testing.assert_array_equal(always.sample(2, seed=0), never.sample(2, seed=0))


# ---- path lengths --------------------------------------------------------------------------------


def test_path_lengths_are_those_of_the_jacobian(moved):
    noise = Noise(tf.constant([3], tf.int64))
    styles = moved._styles(moved._draw_latents(noise), {})
    styles = moved.generator.in_all_layers(styles)
    with tf.GradientTape() as tape:
        tape.watch(styles)
        pictures = moved.generator.pictures(styles, noise, 32)
    jacobian = tape.jacobian(pictures, styles).numpy().reshape(64, -1)
    direction = noise.normal((8, 8, 1), 18).numpy().reshape(64) / 8.0
    pulled = (jacobian.T @ direction).reshape(styles.shape[1:])
    expected = np.sqrt(np.mean(np.sum(pulled**2, axis=1)))
    np.testing.assert_allclose(moved.path_lengths({}, noise), [expected], rtol=1e-3)


def test_the_path_length_term_is_the_distance_from_a_mean_that_follows():
    model = perturbed(path_length_weight=2.0)
    x = tf.constant(IMAGES[:4])
    model.path_mean.assign(0.7)
    lengths = model.path_lengths({}, model.noise_for(x, True)).numpy()
    mean = 0.7 + 0.01 * (lengths.mean() - 0.7)
    term = model.objective(x, {}, training=True)["path_length"]
    np.testing.assert_allclose(model.path_mean, mean, rtol=1e-4)
    np.testing.assert_allclose(term, 2.0 * (lengths - mean) ** 2, rtol=1e-3, atol=1e-6)
    model.objective(x, {}, training=False)
    np.testing.assert_allclose(model.path_mean, mean, rtol=1e-4)
    assert "path_length" not in small().objective(x, {}, training=True)


# ---- projection ----------------------------------------------------------------------------------


def test_projection_finds_pictures_of_the_model(silent):
    for layer in silent.generator.to_pictures:
        layer.kernel.assign(0.2 * layer.kernel)  # so that no pixel is clipped
    styles = silent.style_mean + np.random.default_rng(1).standard_normal((3, 6))
    images = silent.decode_styles(np.array(styles, np.float32)).astype(float)
    found = silent.project(images.astype(np.uint8), num_steps=150)
    assert found.shape == (3, 6)
    assert found.dtype == np.float32
    centre = silent.decode_styles(np.array(silent.style_mean)[None]).astype(float)
    error = np.mean((silent.decode_styles(found) - images) ** 2, axis=(1, 2, 3))
    assert (error < 0.1 * np.mean((centre - images) ** 2, axis=(1, 2, 3))).all()
    # Each picture by itself.
    alone = silent.project(images[:1].astype(np.uint8), num_steps=3)
    np.testing.assert_allclose(
        alone, silent.project(images.astype(np.uint8), num_steps=3)[:1], rtol=1e-3, atol=1e-4
    )


def test_projection_is_into_the_average():
    model = small()
    images = model.sample(1, seed=0)
    before = model.project(images, num_steps=2)
    for weight in model.trainable_weights:
        weight.assign_add(tf.ones(weight.shape))
    np.testing.assert_array_equal(model.project(images, num_steps=2), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (4, 8, 1)}, r"image_shape must have sides of 8 to 1024, received \(4, 8"),
        ({"style_mixing": 1.5}, "style_mixing must be a number from 0 to 1, received 1.5"),
        ({"path_length_weight": -1.0}, "path_length_weight must be at least 0"),
        ({"mapping_layers": 0}, "mapping_layers must be at least 1, received 0"),
    ],
    ids=str,
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_bad_arguments_of_verbs(moved):
    with pytest.raises(ValueError, match="images must be integers"):
        moved.project(np.zeros((1, 8, 8, 1)))
    with pytest.raises(ValueError, match="num_steps must be at least 1, received 0"):
        moved.project(IMAGES[:1], num_steps=0)
    with pytest.raises(ValueError, match="styles must have shape"):
        moved.decode_styles(np.zeros((1, 5), np.float32))
