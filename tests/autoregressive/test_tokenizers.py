"""Tokenizers: stored data to tokens and back, and what they refuse."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import Characters, MuLaw, Pixels, Tokens


@pytest.mark.parametrize(
    "tokenizer",
    [Tokens(7), Pixels((2, 3, 3), 7), Characters("gfedcba"), MuLaw(7)],
    ids=lambda tokenizer: tokenizer.data_name,
)
def test_there_and_back(tokenizer):
    tokens = np.random.default_rng(0).integers(0, 7, (4, 18)).astype(np.int32)
    stored = tokenizer.decode(tf.constant(tokens))
    np.testing.assert_array_equal(tokenizer.encode(stored), tokens)
    np.testing.assert_array_equal(tokenizer.check(stored.numpy()), stored)
    spec = tokenizer.data_input()
    assert stored.dtype == spec.dtype
    assert spec.minimum <= stored.numpy().min() <= stored.numpy().max() <= spec.maximum
    twin = type(tokenizer).from_config(tokenizer.get_config())
    np.testing.assert_array_equal(twin.decode(tf.constant(tokens)), stored)


def test_pixels_come_in_raster_order_and_channel_by_channel():
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(Pixels((2, 2, 3), 12).encode(image)[0], np.arange(12))


def test_characters_are_code_points():
    characters = Characters("é😀ab")
    points = characters.code_points(["a😀", "éab"])
    np.testing.assert_array_equal(points[0, :2], [97, 0x1F600])
    assert characters.texts(points)[1] == "éab"
    assert characters.num_tokens == 4


def test_mu_law_is_the_formula_of_the_paper():
    # van den Oord et al. 2016, section 2.2.
    x = np.random.default_rng(0).uniform(-1, 1, (1, 1000))
    companded = np.sign(x) * np.log(1 + 255 * np.abs(x)) / np.log(256)
    tokens = MuLaw().encode(tf.constant(x, tf.float32)).numpy()
    assert np.abs(tokens - (companded + 1) / 2 * 255).max() <= 0.5 + 1e-3
    ends = MuLaw().decode(tf.constant([[0, 255]])).numpy()
    np.testing.assert_allclose(ends, [[-1.0, 1.0]], atol=1e-6)
    # What is rounded, once companded, is off by half a level: by 1/255, times the slope.
    restored = MuLaw().decode(tf.constant(tokens)).numpy()
    assert np.abs(restored - x).max() < np.log(256) * (1 / 255 + 1) / 255 * 1.1


@pytest.mark.parametrize(
    ("tokenizer", "x", "message"),
    [
        (Tokens(4), np.zeros((1, 2)), "x must be integers in"),
        (Tokens(4), np.full((1, 2), 4), r"x must be in \[0, 3\]"),
        (Tokens(4), np.zeros(3, int), r"x must have shape \[n, n\], received \[3\]"),
        (Characters("ab"), np.array([[97, 99]]), "x must be in the vocabulary, 'ab', received 'c'"),
        (Characters("ab"), np.zeros((1, 2)), "x must be integers, code points"),
        (MuLaw(), np.zeros((1, 2), int), r"x must be floats in \[-1, 1\]"),
        (MuLaw(), np.full((1, 2), np.nan), r"x must be in \[-1, 1\]"),
    ],
    ids=range(7),
)
def test_what_is_refused(tokenizer, x, message):
    with pytest.raises(ValueError, match=message):
        tokenizer.check(x)
