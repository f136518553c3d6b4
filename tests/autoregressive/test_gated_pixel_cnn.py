"""Gated PixelCNN: a distribution, causal, without a blind spot, and the same when cached."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import GatedPixelCNN, random
from keras_gen.likelihoods import Categorical
from keras_gen.random import Noise


def build(image_shape, levels=2, **options):
    options = {"filters": 6, "num_blocks": 2, "first_kernel_size": 3} | options
    model = GatedPixelCNN(image_shape, levels=levels, seed=0, **options)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign_add(0.5 * rng.standard_normal(weight.shape))
    return model


@pytest.mark.parametrize(
    ("image_shape", "levels", "num_classes"),
    [((2, 2, 1), 2, None), ((2, 2, 1), 3, 2), ((1, 2, 3), 2, None), ((2, 1, 3), 2, 2)],
    ids=str,
)
def test_probabilities_of_all_images_sum_to_one(image_shape, levels, num_classes):
    model = build(image_shape, levels, num_classes=num_classes)
    size = int(np.prod(image_shape))
    images = np.array(list(itertools.product(range(levels), repeat=size)), np.uint8)
    labels = None if num_classes is None else 1
    log_probs = model.log_prob(images.reshape(-1, *image_shape), labels)
    assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_probs.std() > 0.1


def influence(model, at):
    """Which stored values the parameters of one value depend on: bool, of the image's shape."""
    # Several images, since a rectifier that is closed at one hides what lies behind it.
    x = tf.constant(np.random.default_rng(0).random((16, *model.image_shape)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        parameters = tf.reduce_sum(model(x)[(slice(None), *at)] ** 2)
    return (tape.gradient(parameters, x).numpy() != 0).any(axis=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_strictly_causal_and_no_blind_spot(channels):
    # Six layers of reach one to the right and one up see every earlier pixel of a 5x5 image.
    model = build((5, 5, channels), levels=4, num_blocks=6, filters=24)
    order = np.arange(25 * channels).reshape(5, 5, channels)
    for at in itertools.product(range(5), range(5), range(channels)):
        np.testing.assert_array_equal(influence(model, at), order < order[at], err_msg=str(at))


def test_the_first_layer_reaches_as_far_as_its_kernel():
    model = build((9, 9, 1), num_blocks=0, first_kernel_size=7)
    seen = influence(model, (5, 4, 0))[..., 0]
    expected = np.zeros((9, 9), bool)
    expected[2:5, 1:8] = True  # three rows above, seven columns
    expected[5, 1:4] = True  # three pixels to the left
    np.testing.assert_array_equal(seen, expected)


def naive_sample(model, num, seed, labels, temperature):
    """Runs the whole network once for every value."""
    height, width, channels = model.image_shape
    noise = Noise(random.spread(seed, num))
    x = np.zeros((num, *model.image_shape), np.uint8)
    labels = None if labels is None else tf.constant(labels)
    for row in range(height):
        numbers = model.likelihood.noise(noise, (width, channels), step=row)
        for column, channel in itertools.product(range(width), range(channels)):
            parameters = model(tf.constant(x), labels)[:, row, column, channel]
            x[:, row, column, channel] = model.likelihood.draw(
                parameters, numbers[:, column, channel], tf.fill([num], temperature)
            )
    return x


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize(
    ("image_shape", "levels", "options"),
    [
        ((6, 5, 1), 2, {"first_kernel_size": 7}),
        ((5, 4, 1), 4, {"num_classes": 3, "head_filters": 4}),
        ((4, 5, 3), 4, {"num_classes": 3, "kernel_size": 5}),
        ((4, 4, 1), 2, {"likelihood": Categorical(2), "num_blocks": 0}),
    ],
    ids=["binary", "labels", "colours", "first layer"],
)
def test_cached_sampling_equals_naive(image_shape, levels, options, temperature):
    model = build(image_shape, levels, **options)
    labels = None if model.num_classes is None else np.array([0, 1, 2, 0], np.int32)
    cached = model.sample(4, labels=labels, seed=5, temperature=temperature)
    np.testing.assert_array_equal(cached, naive_sample(model, 4, 5, labels, temperature))
    assert len(np.unique(cached)) > 1


def test_labels_change_the_distribution():
    model = build((4, 4, 1), num_classes=2)
    x = model.sample(3, labels=0, seed=0)
    assert np.abs(model.log_prob(x, 0) - model.log_prob(x, 1)).min() > 0.01


def test_samples_follow_the_distribution():
    model = build((2, 2, 1))
    num = 20_000
    images = np.array(list(itertools.product(range(2), repeat=4)), np.uint8)
    probabilities = np.exp(model.log_prob(images.reshape(-1, 2, 2, 1)))
    codes = model.sample(num, seed=0).reshape(num, 4) @ [8, 4, 2, 1]
    observed = np.bincount(codes, minlength=16) / num
    assert np.abs(observed - probabilities).max() < 5 * np.sqrt(0.25 / num)


class TestComplete:
    model = build((4, 4, 3), levels=4)
    images = np.random.default_rng(0).integers(0, 4, (5, 4, 4, 3), dtype=np.uint8)

    def test_an_all_true_mask_returns_the_input(self):
        mask = np.ones((4, 4, 3), bool)
        np.testing.assert_array_equal(self.model.complete(self.images, mask), self.images)

    def test_known_values_stay(self):
        mask = np.random.default_rng(1).random(self.images.shape) < 0.5
        completed = self.model.complete(self.images, mask, seed=0)
        np.testing.assert_array_equal(completed[mask], self.images[mask])
        assert (completed[~mask] != self.images[~mask]).any()

    def test_an_all_false_mask_samples(self):
        mask = np.zeros((4, 4, 3), bool)
        np.testing.assert_array_equal(
            self.model.complete(self.images, mask, seed=3), self.model.sample(5, seed=3)
        )

    def test_what_follows_depends_on_what_is_known(self):
        mask = np.zeros((4, 4, 3), bool)
        mask[:2] = True
        ones = np.ones((30, 4, 4, 3), np.uint8)
        a, b = (self.model.complete(level * ones, mask, seed=0)[:, 2:] for level in (0, 3))
        assert (a != b).any()

    @pytest.mark.parametrize(
        ("images", "mask", "message"),
        [
            (images, np.ones((4, 4), bool), r"mask must have shape \[5, 4, 4, 3\] or \[4, 4, 3\]"),
            (images, np.ones((4, 4, 3)), "mask must be bool, received dtype float64"),
            (images + 4, np.ones((4, 4, 3), bool), r"x must be in \[0, 3\]"),
            (images / 4, np.ones((4, 4, 3), bool), "x must be integers"),
            (images[:, :2], np.ones((4, 4, 3), bool), r"x must have shape \[n, 4, 4, 3\]"),
        ],
        ids=["shape", "kind", "range", "floats", "images"],
    )
    def test_bad_arguments(self, images, mask, message):
        with pytest.raises(ValueError, match=message):
            self.model.complete(images, mask)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 8}, "filters must be a multiple of 3, the channels, received 8"),
        ({"kernel_size": 4}, "kernel_size must be odd and at least 3, received 4"),
        ({"num_blocks": -1}, "num_blocks must be 0 to 1000, received -1"),
    ],
    ids=str,
)
def test_bad_constructor_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        GatedPixelCNN((4, 4, 3), **options)
