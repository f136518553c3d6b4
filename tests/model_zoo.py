"""Every model once, tiny, on real digits: what the contract is tested over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_gen import (
    DCGAN,
    MADE,
    VAE,
    CharRNN,
    GatedPixelCNN,
    PixelCNN,
    PixelCNNPlusPlus,
    PixelRNN,
    Pixels,
    PixelSNAIL,
    Transformer,
    WaveNet,
    data,
    metrics,
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A model in a tiny configuration, and data that it learns.

    Args:
        model: the class.
        options: of its constructor, beyond what the data says.
        prepare: from the digits (uint8 [n, 8, 8, 1], 17 levels) to the model's data.
        levels: of those images; `None` where the options say all that there is to say of the data.
        conditional: whether the model is told the labels.
        epochs: that are enough to learn something of 256 digits.
        score: of a model on data and labels; less is better.
        local: from the data to what the model is told of each part; `None` is nothing.
    """

    model: type
    options: dict[str, Any]
    prepare: Callable[[np.ndarray], np.ndarray]
    levels: int | None
    conditional: bool
    epochs: int
    score: Callable[[Any, np.ndarray, Any], float]
    local: Callable[[np.ndarray], np.ndarray] | None = None

    def build(self, **options: Any) -> Any:
        """An untrained model."""
        x, _ = self.data(2)
        of_data = {} if self.levels is None else {"image_shape": x.shape[1:], "levels": self.levels}
        if self.conditional:
            of_data["num_classes"] = 10
        return self.model(seed=1, **(of_data | self.options | options))

    def data(self, num: int) -> tuple[np.ndarray, Any]:
        """Examples, and labels (or a dict of all conditions) where the model wants them."""
        digits, labels, _ = data.load_arrays("digits", "train")
        x, labels = self.prepare(digits[:num]), labels[:num] if self.conditional else None
        return x, labels if self.local is None else {"labels": labels, "local": self.local(x)}


def conditions_of(model, num: int) -> dict[str, np.ndarray]:
    """What `sample` must be told of so many samples."""
    told = {}
    if model.num_classes is not None:
        told["labels"] = np.arange(num, dtype=np.int32) % model.num_classes
    if "local" in model.signatures()["sample"].inputs:
        frames = model.signatures()["sample"].inputs["local"].shape[1:]
        told["local"] = np.random.default_rng(0).standard_normal((num, *frames), np.float32)
    return told


def loss(model, images, labels) -> float:
    return model.evaluate(images, labels, verbose=0, return_dict=True)["loss"]


def pixel_frechet_distance(model, images, labels) -> float:
    samples = model.sample(len(images), labels=labels, seed=0)
    return metrics.sample_statistics(samples, images, model.levels)["pixel_frechet_distance"]


def small_colours(digits):
    """5x4 crops in four levels, of three channels that depend on each other."""
    red = digits[:, 1:6, 2:6] // 5
    return np.concatenate([red, 3 - red, red // 2], axis=-1)


def sounds(digits):
    """The digits, row after row, as if they were sound."""
    return (digits.reshape(len(digits), -1) / 8.0 - 1.0).astype(np.float32)


def row_means(x):
    """Of each row of the digits: frames of eight samples."""
    return x.reshape(len(x), 8, 8).mean(axis=2, keepdims=True)


def texts(digits):
    """As many windows of Python's own help."""
    return data.load_arrays("text", length=24)[0][: len(digits)]


VOCABULARY = data.load_arrays("text", length=24)[2].vocabulary


def binary(digits):
    """The digits in black and white."""
    return (digits > 7).astype(np.uint8)


WAVENET = {
    "length": 64,
    "levels": 16,
    "filters": 8,
    "skip_filters": 8,
    "num_blocks": 1,
    "layers_per_block": 6,
}

ZOO = {
    "made": Entry(
        MADE,
        {"hidden_units": (24,), "ordering": "random", "num_masks": 2},
        prepare=small_colours,
        levels=4,
        conditional=True,
        epochs=4,
        score=loss,
    ),
    "pixel_cnn": Entry(
        PixelCNN,
        {"filters": 12, "num_blocks": 1, "first_kernel_size": 5},
        prepare=small_colours,
        levels=4,
        conditional=True,
        epochs=4,
        score=loss,
    ),
    "gated_pixel_cnn": Entry(
        GatedPixelCNN,
        {"filters": 6, "num_blocks": 1, "first_kernel_size": 5},
        prepare=small_colours,
        levels=4,
        conditional=True,
        epochs=4,
        score=loss,
    ),
    "pixel_cnn_plus_plus": Entry(
        PixelCNNPlusPlus,
        {"filters": 5, "num_scales": 2},
        prepare=lambda digits: small_colours(digits)[:, :4],
        levels=4,
        conditional=True,
        epochs=4,
        score=loss,
    ),
    "row_lstm": Entry(
        PixelRNN,
        {"recurrence": "row", "filters": 12, "num_blocks": 1, "first_kernel_size": 3},
        prepare=small_colours,
        levels=4,
        conditional=True,
        epochs=4,
        score=loss,
    ),
    "diagonal_bilstm": Entry(
        PixelRNN,
        {"recurrence": "diagonal", "filters": 8, "num_blocks": 2, "first_kernel_size": 3},
        prepare=lambda digits: binary(digits[:, 1:6, 2:6]),
        levels=2,
        conditional=False,
        epochs=6,
        score=loss,
    ),
    "pixel_snail": Entry(
        PixelSNAIL,
        {"filters": 6, "num_blocks": 1, "num_residuals": 1, "key_dim": 2, "value_dim": 4},
        prepare=small_colours,
        levels=4,
        conditional=True,
        epochs=4,
        score=loss,
    ),
    "char_rnn": Entry(
        CharRNN,
        {
            "vocabulary": VOCABULARY,
            "length": 24,
            "units": 16,
            "num_layers": 1,
            "embedding_dim": 8,
            "truncation": 12,
        },
        prepare=texts,
        levels=None,
        conditional=False,
        epochs=4,
        score=loss,
    ),
    "wavenet": Entry(
        WaveNet,
        WAVENET,
        prepare=sounds,
        levels=None,
        conditional=True,
        epochs=4,
        score=loss,
    ),
    "vocoder": Entry(
        WaveNet,
        WAVENET | {"local_channels": 1, "hop": 8},
        prepare=sounds,
        levels=None,
        conditional=True,
        epochs=4,
        score=loss,
        local=row_means,
    ),
    "transformer": Entry(
        Transformer,
        {"tokenizer": Pixels((5, 4, 3), levels=4), "model_dim": 8, "num_heads": 2, "num_blocks": 1},
        prepare=small_colours,
        levels=None,
        conditional=True,
        epochs=4,
        score=loss,
    ),
    "vae": Entry(
        VAE,
        {"latent_dim": 3, "filters": (4, 8), "hidden_units": 16},
        prepare=binary,
        levels=2,
        conditional=False,
        epochs=4,
        score=loss,
    ),
    "dcgan": Entry(
        DCGAN,
        {"latent_dim": 8, "filters": 8},
        prepare=lambda digits: digits,
        levels=17,
        conditional=True,
        epochs=20,
        score=pixel_frechet_distance,
    ),
}
