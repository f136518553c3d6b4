"""Dropout: of training alone, new at each step, and the same when a step is taken again."""

import numpy as np
import pytest
import tensorflow as tf
from brute_force import perturbed

from keras_gen.autoregressive.pixel_cnn_plus_plus import PixelCNNPlusPlus
from keras_gen.autoregressive.pixel_snail import PixelSNAIL
from keras_gen.autoregressive.transformer import Transformer
from keras_gen.formats import Images


@pytest.mark.parametrize(
    "build",
    [
        lambda: PixelCNNPlusPlus((2, 4, 1), 2, filters=4, num_scales=1, dropout=0.5, seed=3),
        lambda: PixelSNAIL((2, 4, 1), 2, filters=4, num_blocks=1, dropout=0.5, seed=3),
        lambda: Transformer(Images((2, 4, 1), 2), model_dim=8, num_blocks=1, dropout=0.5, seed=3),
    ],
    ids=["pixel_cnn_plus_plus", "pixel_snail", "transformer"],
)
def test_dropout(build):
    model = perturbed(build())
    x = tf.constant(np.random.default_rng(0).integers(0, 2, (6, 2, 4, 1), dtype=np.uint8))

    def loss(training):
        return model.objective(x, {}, training)["loss"].numpy()

    first = loss(True)
    assert np.abs(first - loss(False)).min() > 1e-4
    np.testing.assert_array_equal(loss(False), loss(False))
    np.testing.assert_array_equal(first, loss(True))
    model.steps.assign(1)
    assert np.abs(first - loss(True)).max() > 1e-4
