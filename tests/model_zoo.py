"""Every model once, tiny, on real digits: what the contract is tested over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import (
    DCGAN,
    GAN,
    MADE,
    R1,
    SRGAN,
    VAE,
    AdaptiveAugment,
    BigGAN,
    CharRNN,
    CycleGAN,
    DiffAugment,
    GatedPixelCNN,
    Pix2Pix,
    PixelCNN,
    PixelCNNPlusPlus,
    PixelRNN,
    PixelSNAIL,
    ProgressiveGAN,
    SRResNet,
    StyleGAN,
    Transformer,
    WaveNet,
    data,
    metrics,
)
from keras_gen.data.conditions import SOURCES
from keras_gen.formats import Images
from keras_gen.model import Model
from keras_gen.stages import StagedModel
from toys.double_exposure import DoubleExposure
from toys.growing import Growing
from toys.plane import Plane
from toys.standardized import Standardized
from toys.two_levels import TwoLevels
from toys.wgan_gp import WGANGP

Batch = tuple[np.ndarray, Any]


# ---- data: the digits, made into what a model learns ---------------------------------------------


def digits(num: int) -> Batch:
    """Pictures of 17 levels, and their labels."""
    x, labels, _ = data.load_arrays("digits", "train")
    return x[:num], labels[:num]


def digits_alone(num: int) -> Batch:
    return digits(num)[0], None


def large_digits(num: int) -> Batch:
    """Of 16x16 pixels."""
    return digits(num)[0].repeat(2, axis=1).repeat(2, axis=2), None


def binary_digits(num: int) -> Batch:
    return (digits(num)[0] > 7).astype(np.uint8), None


def small_colours(num: int) -> Batch:
    """4x4 crops in four levels, of three channels that depend on each other, and labels."""
    x, labels = digits(num)
    red = x[:, 2:6, 2:6] // 5
    return np.concatenate([red, 3 - red, red // 2], axis=-1), labels


def small_digits(num: int) -> Batch:
    """4x4 crops in four levels."""
    return digits(num)[0][:, 2:6, 2:6] // 5, None


def sounds(num: int) -> Batch:
    """The first half of the digits' rows, as if they were sound, and labels."""
    x, labels = digits(num)
    return (x.reshape(num, -1)[:, :32] / 8.0 - 1.0).astype(np.float32), labels


def sounds_with_means(num: int) -> Batch:
    """Likewise, and the mean of each row: frames of eight samples."""
    x, labels = sounds(num)
    return x, {"labels": labels, "local": x.reshape(num, -1, 8).mean(axis=2, keepdims=True)}


def texts(num: int) -> Batch:
    """Windows of Python's own help."""
    return data.load_arrays("text", length=24)[0][:num], None


def points(num: int) -> Batch:
    """Brightness and height of digits, and labels."""
    x, labels = digits(num)
    rows = x.mean(axis=(2, 3))
    height = rows @ np.arange(8) / rows.sum(axis=1)
    return np.stack([x.mean(axis=(1, 2, 3)) - 4.0, height], axis=1).astype(np.float32), labels


def points_alone(num: int) -> Batch:
    return points(num)[0], None


def negatives(num: int) -> Batch:
    """Digits, and other digits in negative."""
    x, _ = digits(1000 + num)
    return x[:num], {"b": 16 - x[1000:]}


def edges_and_digits(num: int) -> Batch:
    x, _ = digits(num)
    return x, {"source": SOURCES["edges"](x, 17)[0]}


def pairs(num: int) -> Batch:
    """A digit and the next one."""
    x, _ = digits(num + 1)
    return x[:num], {"source": x[1:]}


VOCABULARY = data.load_arrays("text", length=24)[2].vocabulary


# ---- models --------------------------------------------------------------------------------------


def parts_of(model: Model, x: np.ndarray, y: Any, batch_size: int = 16) -> list[tuple]:
    """What learns, each with batches of its data: the model, or the parts of a staged one."""
    dataset = tf.data.Dataset.from_tensor_slices(x if y is None else (x, y)).batch(batch_size)
    if not isinstance(model, StagedModel):
        return [(model, dataset)]
    return [(stage.part, model.stage_data(stage.name, dataset)) for stage in model.stages()]


def loss(model: Model, x: np.ndarray, y: Any) -> float:
    return sum(
        part.evaluate(dataset, verbose=0, return_dict=True)["loss"]
        for part, dataset in parts_of(model, x, y, batch_size=64)
    )


def pixel_frechet_distance(model: Model, x: np.ndarray, y: Any) -> float:
    samples = model.sample(len(x), labels=y, seed=0)
    return metrics.sample_statistics(samples, x, model.levels)["pixel_frechet_distance"]


def points_frechet_distance(model: Model, x: np.ndarray, y: Any) -> float:
    return metrics.frechet_distance(model.sample(len(x), labels=y, seed=0), x)


def error_of_upscaling(model: Model, x: np.ndarray, y: Any) -> float:
    """Squared, in levels."""
    upscaled = model.upscale(model.downsize(tf.constant(x)).numpy())
    return float(np.mean((upscaled.astype(float) - x) ** 2))


def error_of_negative(model: Model, x: np.ndarray, y: Any) -> float:
    """Of what should be side b of `negatives`, absolute, in levels."""
    return float(np.mean(np.abs(model.translate(x).astype(float) - (16.0 - x))))


def error_of_translation(model: Model, x: np.ndarray, y: Any) -> float:
    """Of what is made from sources, absolute, in levels."""
    return float(np.mean(np.abs(model.translate(y["source"]).astype(float) - x)))


@dataclasses.dataclass(frozen=True)
class Entry:
    """A model in a tiny configuration, and data that it learns.

    Args:
        model: the class.
        options: of its constructor.
        data: examples, and labels or a dict of conditions.
        epochs: that are enough to learn something of 256 examples.
        score: of a model on examples and conditions; less is better.
        thorough: whether the dear combinations are tried on it in every run: on one model a family.
    """

    model: type[Model]
    options: dict[str, Any]
    data: Callable[[int], Batch]
    epochs: int = 4
    score: Callable[[Any, np.ndarray, Any], float] = loss
    thorough: bool = False

    def build(self, **options: Any) -> Model:
        """An untrained model."""
        keras.utils.set_random_seed(0)
        return self.model(**({"seed": 1} | self.options | options))


COLOURS = {"image_shape": (4, 4, 3), "levels": 4, "num_classes": 10}
WAVENET = {
    "length": 32,
    "levels": 16,
    "filters": 8,
    "skip_filters": 8,
    "num_blocks": 1,
    "layers_per_block": 6,
    "num_classes": 10,
}
DIGITS = {"image_shape": (8, 8, 1), "levels": 17}

ZOO = {
    "made": Entry(
        MADE, COLOURS | {"hidden_units": (24,), "ordering": "random", "num_masks": 2}, small_colours
    ),
    "pixel_cnn": Entry(
        PixelCNN, COLOURS | {"filters": 12, "num_blocks": 1, "first_kernel_size": 5}, small_colours
    ),
    "gated_pixel_cnn": Entry(
        GatedPixelCNN,
        COLOURS | {"filters": 6, "num_blocks": 1, "first_kernel_size": 5},
        small_colours,
        thorough=True,
    ),
    # At several scales it has many times as many operations: see test_pixel_models.
    "pixel_cnn_plus_plus": Entry(
        PixelCNNPlusPlus, COLOURS | {"filters": 5, "num_scales": 1}, small_colours
    ),
    "row_lstm": Entry(
        PixelRNN,
        COLOURS | {"recurrence": "row", "filters": 12, "num_blocks": 1, "first_kernel_size": 3},
        small_colours,
    ),
    "diagonal_bilstm": Entry(
        PixelRNN,
        {
            "image_shape": (4, 4, 1),
            "levels": 4,
            "recurrence": "diagonal",
            "filters": 8,
            "num_blocks": 1,
            "first_kernel_size": 3,
        },
        small_digits,
    ),
    "pixel_snail": Entry(
        PixelSNAIL,
        COLOURS | {"filters": 6, "num_blocks": 1, "num_residuals": 1, "key_dim": 2, "value_dim": 4},
        small_colours,
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
        texts,
    ),
    "wavenet": Entry(WaveNet, WAVENET, sounds),
    "vocoder": Entry(WaveNet, WAVENET | {"local_channels": 1, "hop": 8}, sounds_with_means),
    "transformer": Entry(
        Transformer,
        {
            "format": Images((4, 4, 3), levels=4),
            "model_dim": 8,
            "num_heads": 2,
            "num_blocks": 1,
            "num_classes": 10,
        },
        small_colours,
    ),
    "vae": Entry(
        VAE,
        {"image_shape": (8, 8, 1), "levels": 2, "latent_dim": 3}
        | {"filters": (4, 8), "hidden_units": 16},
        binary_digits,
        thorough=True,
    ),
    "dcgan": Entry(
        DCGAN,
        DIGITS | {"latent_dim": 8, "filters": 8, "num_classes": 10, "discriminator_steps": 2},
        digits,
        epochs=20,
        score=pixel_frechet_distance,
        thorough=True,
    ),
    # All that may be added to the game, at once.
    "acgan": Entry(
        DCGAN,
        DIGITS
        | {
            "latent_dim": 8,
            "filters": 8,
            "num_classes": 10,
            "conditioning": "auxiliary",
            "latent_distribution": "uniform",
            "penalties": [R1(1.0, interval=2)],
            "augmentation": AdaptiveAugment(images=1000),
            "average_decay": 0.9,
        },
        digits,
        epochs=20,
        score=pixel_frechet_distance,
    ),
    "big_gan": Entry(
        BigGAN,
        DIGITS | {"latent_dim": 8, "filters": 4, "embedding_dim": 4, "num_classes": 10},
        digits,
        epochs=20,
        score=pixel_frechet_distance,
    ),
    # It is saved in the middle of a fade.
    "progressive_gan": Entry(
        ProgressiveGAN,
        DIGITS | {"latent_dim": 8, "filters": 8, "stable_images": 32, "fade_images": 64},
        digits_alone,
        epochs=20,
        score=pixel_frechet_distance,
    ),
    # All that is off by default, at once.
    "style_gan": Entry(
        StyleGAN,
        DIGITS
        | {
            "latent_dim": 8,
            "filters": 8,
            "style_mixing": 0.5,
            "path_length_weight": 0.1,
            "num_classes": 10,
        },
        digits,
        epochs=20,
        score=pixel_frechet_distance,
    ),
    "cycle_gan": Entry(
        CycleGAN,
        DIGITS
        | {"filters": 4, "num_blocks": 1, "discriminator_filters": 4, "pool_size": 6}
        | {"augmentation": DiffAugment(["translation"])},
        negatives,
        epochs=4,
        score=error_of_negative,
    ),
    "pix2pix": Entry(
        Pix2Pix,
        DIGITS
        | {"source": Images((8, 8, 1), levels=2), "num_levels": 2}
        | {"filters": 4, "discriminator_filters": 4},
        edges_and_digits,
        epochs=8,
        score=error_of_translation,
    ),
    "sr_resnet": Entry(
        SRResNet,
        DIGITS | {"scale": 2, "filters": 4, "num_blocks": 1},
        digits_alone,
        epochs=8,
        thorough=True,
    ),
    "sr_gan": Entry(
        SRGAN,
        {"image_shape": (16, 16, 1), "levels": 17}
        | {"scale": 2, "filters": 4, "num_blocks": 1, "discriminator_filters": 2},
        large_digits,
        epochs=8,
        score=error_of_upscaling,
    ),
    "gan": Entry(
        GAN,
        {"dim": 2, "latent_dim": 4, "units": (32,), "packing": 2, "num_classes": 10},
        points,
        epochs=20,
        score=points_frechet_distance,
    ),
    # The toys: what a base class must carry without special cases.
    "wgan_gp": Entry(
        WGANGP,
        DIGITS | {"latent_dim": 8, "filters": 8},
        digits_alone,
        epochs=20,
        score=pixel_frechet_distance,
    ),
    "plane": Entry(Plane, {"num_classes": 10}, points, epochs=20),
    "double_exposure": Entry(DoubleExposure, {"levels": 17, "filters": 4}, pairs),
    "growing": Entry(Growing, DIGITS, digits_alone, epochs=20),
    "two_levels": Entry(TwoLevels, {"image_shape": (4, 4, 1), "levels": 4}, small_digits),
    "standardized": Entry(Standardized, {}, points_alone, epochs=20),
}
