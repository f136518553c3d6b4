"""SRResNet and SRGAN: small and large pictures, content losses, and the stage before the game."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from command import keras_gen
from keras_gen import SRGAN, SRResNet, metrics
from keras_gen.layers.bicubic import downsized
from keras_gen.layers.pixel_shuffle import PixelShuffle

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (8, 12, 16, 3), dtype=np.uint8)
SMALL = {"scale": 2, "filters": 4, "num_blocks": 1, "seed": 0}


def features(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, activation="relu")]
    )


def test_pixel_shuffle_inverts_space_to_depth():
    x = RNG.standard_normal((2, 6, 8, 5)).astype(np.float32)
    np.testing.assert_array_equal(PixelShuffle(2)(tf.nn.space_to_depth(x, 2)), x)


@pytest.mark.parametrize("scale", [2, 4])
def test_downsizing(scale):
    x = RNG.uniform(0, 255, (2, 12 * scale, 10 * scale, 3)).astype(np.float32)
    small = downsized(x, scale).numpy()
    expected = tf.image.resize(x, (12, 10), "bicubic", antialias=True)
    # TensorFlow treats what lies beyond the edges otherwise.
    np.testing.assert_allclose(small[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], atol=1e-2)
    np.testing.assert_allclose(downsized(np.full_like(x, 7.0), scale), 7.0, rtol=1e-5)


def test_bicubic_on_set5_is_what_papers_state(shared_data):
    """28.42 dB; SSIM 0.810 with the usual window, 0.821 as Ledig et al. 2017 measured."""
    model = SRResNet((None, None, 3), scale=4, filters=2, num_blocks=1)
    scores = []
    for path in sorted((shared_data / "super_resolution" / "set5").glob("*.png")):
        truth, _ = model.unpack(tf.constant(np.asarray(Image.open(path).convert("RGB"))[None]))
        upscaled, truth = model.bicubic(model.downsize(truth)), truth.numpy()
        scores.append(
            [
                metrics.psnr(upscaled, truth, border=4)[0],
                metrics.ssim(upscaled, truth, border=4)[0],
                metrics.ssim(upscaled, truth, border=4, window="height")[0],
            ]
        )
    psnr, ssim, ssim_of_height = np.mean(scores, axis=0)
    assert psnr == pytest.approx(28.42, abs=0.05)
    assert ssim == pytest.approx(0.8104, abs=0.003)
    assert ssim_of_height == pytest.approx(0.8211, abs=0.003)


def test_measures_of_equal_pictures_and_of_one_level():
    truth = np.full((1, 20, 20, 1), 100, np.uint8)
    assert np.isinf(metrics.psnr(truth, truth)[0])
    assert metrics.ssim(truth, truth)[0] == pytest.approx(1.0)
    # A squared error of 1 of 255 levels.
    assert metrics.psnr(truth + 1, truth)[0] == pytest.approx(20 * np.log10(255.0), abs=1e-3)
    # What lies within the border does not count.
    edge = truth.copy()
    edge[:, :2] = 0
    assert np.isinf(metrics.psnr(edge, truth, border=2)[0])


def test_pictures_of_any_size():
    model = SRResNet((12, 16, 3), **SMALL)
    for height, width in ((5, 7), (12, 4)):
        x = RNG.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        assert model.upscale(x).shape == (2, 2 * height, 2 * width, 3)


def test_what_is_learned_as_a_difference_begins_with_bicubic():
    model = SRResNet((12, 16, 3), learn_difference=True, **SMALL)
    small = IMAGES[:, :6, :8]
    expected = tf.image.resize(tf.cast(small, tf.float32), (12, 16), "bicubic")
    expected = np.clip(np.rint(expected), 0, 255)
    np.testing.assert_allclose(model.upscale(small).astype(float), expected, atol=1.0)


def test_content_of_equal_pictures_is_zero():
    model = SRGAN((12, 16, 3), discriminator_filters=2, **SMALL)
    x = model.format.to_unit(IMAGES)
    for options in ({}, {"content_network": features()}):
        model.compile(**options)
        np.testing.assert_array_equal(model.content_error(x, x), np.zeros(8))
        assert (model.content_error(x, -x).numpy() > 0).all()


def test_the_game_begins_where_the_first_stage_ended():
    model = SRGAN((12, 16, 3), discriminator_filters=2, **SMALL)
    model.resnet.compile()
    data = tf.data.Dataset.from_tensor_slices(IMAGES).batch(4)
    model.resnet.fit(model.stage_data("resnet", data), verbose=0)
    small = IMAGES[:, :6, :8]
    np.testing.assert_array_equal(model.upscale(small), model.resnet.upscale(small))
    before = model.generator.get_weights()
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(IMAGES, batch_size=4, verbose=0)
    moved = [(x != y).any() for x, y in zip(before, model.generator.get_weights(), strict=True)]
    assert any(moved)


def test_a_content_network_is_not_saved_and_must_be_provided(tmp_path):
    model = SRGAN((12, 16, 3), discriminator_filters=2, **SMALL)
    model.compile(content_network=features())
    model.fit(IMAGES, batch_size=4, verbose=0)
    weights = len(model.weights)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == weights
    with pytest.raises(ValueError, match="content_network must be provided before training"):
        loaded.fit(IMAGES, batch_size=4, verbose=0)
    with pytest.raises(ValueError, match="content_network must be the one that"):
        loaded.provide(content_network=features(seed=1))
    loaded.provide(content_network=features())
    model.fit(IMAGES, batch_size=4, shuffle=False, verbose=0)
    loaded.fit(IMAGES, batch_size=4, shuffle=False, verbose=0)
    for x, y in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-6)


def test_what_is_refused():
    for build, message in (
        (lambda: SRResNet((12, 16, 3), scale=3), "scale must be one of 2 and 4, received 3"),
        (lambda: SRResNet((3, 16, 3), scale=2), "image_shape must have sides of at least 4"),
        (lambda: SRGAN((12, 16, 3), average_decay=0.9), "average_decay must be None"),
        (
            lambda: SRResNet((12, 16, 3), **SMALL).compile(content_network="vgg"),
            "content_network must be a Keras model",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            build()


def test_the_command(tmp_path):
    SRResNet((12, 16, 3), **SMALL).save(tmp_path / "model.keras")
    Image.fromarray(IMAGES[0]).save(tmp_path / "small.png")
    places = ["--run", tmp_path / "model.keras", "--output", tmp_path / "large.png"]
    assert keras_gen("upscale", tmp_path / "small.png", *places) == 0
    assert Image.open(tmp_path / "large.png").size == (32, 24)
