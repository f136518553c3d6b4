"""Gated PixelCNN: no blind spot, and the reach of its first layer."""

import numpy as np
import pytest
import tensorflow as tf
from brute_force import influence, perturbed

from keras_gen.autoregressive.gated_pixel_cnn import GatedPixelCNN


def build(image_shape, levels=2, **options):
    options = {"filters": 6, "num_blocks": 2, "first_kernel_size": 3} | options
    return perturbed(GatedPixelCNN(image_shape, levels=levels, seed=0, **options))


@pytest.mark.parametrize("channels", [1, 3])
def test_no_blind_spot(channels):
    # Six layers of reach one to the right and one up see every earlier pixel of a 5x5 image.
    model = build((5, 5, channels), levels=4, num_blocks=6, filters=24)
    order = np.arange(25 * channels).reshape(5, 5, channels)
    places = list(np.ndindex(5, 5, channels))
    for at, seen in zip(places, influence(model, places), strict=True):
        np.testing.assert_array_equal(seen, order < order[at], err_msg=str(at))


def test_the_first_layer_reaches_as_far_as_its_kernel():
    model = build((9, 9, 1), num_blocks=0, first_kernel_size=7)
    (seen,) = influence(model, [(5, 4, 0)])
    expected = np.zeros((9, 9), bool)
    expected[2:5, 1:8] = True  # three rows above, seven columns
    expected[5, 1:4] = True  # three pixels to the left
    np.testing.assert_array_equal(seen[..., 0], expected)


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


def test_what_is_above_reaches_the_deepest_layer_from_the_start():
    model = GatedPixelCNN((8, 8, 1), 2, filters=32, num_blocks=15)
    image = np.random.default_rng(0).integers(0, 2, (4, 8, 8, 1))
    horizontal = vertical = model.embedding(image)
    spreads = []
    for layer in model.stack[:-1]:
        horizontal, vertical = layer(horizontal, vertical)
        spreads.append(float(tf.math.reduce_std(vertical)))
    assert spreads[-1] > 0.1 * spreads[0]
