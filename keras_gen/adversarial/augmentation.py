"""Differentiable augmentation: what lets a discriminator learn from few pictures.

Real and generated pictures are changed alike before the discriminator sees them, and the generator
learns through the change. So the discriminator cannot learn its pictures by heart, and the
generator does not learn the changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.random import Noise
from keras_gen.record import Record

# Of a step's noise: what changes real pictures, and what changes generated ones.
REAL_STREAM, FAKE_STREAM = 2, 3


@keras.saving.register_keras_serializable("keras_gen")
class DiffAugment(Record):
    """Random colour, translation and cutout of each picture (Zhao et al. 2020).

    Brightness moves by up to half a unit, saturation is multiplied by 0 to 2 and contrast by 0.5
    to 1.5; pictures move by up to an eighth of their sides, and lose a square of half their sides.
    What is uncovered is 0, the middle of [-1, 1].

    Args:
        transforms: of "color", "translation" and "cutout", one or more.
        probability: with which each transform is applied to a picture; the paper's is 1.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = DCGAN((32, 32, 3), augmentation=DiffAugment())

    Zhao, Liu, Lin, Zhu, Han 2020, "Differentiable Augmentation for Data-Efficient GAN Training",
    arXiv 2006.10738.
    """

    adaptive: ClassVar[bool] = False

    def __init__(
        self,
        transforms: Sequence[str] = ("color", "translation", "cutout"),
        probability: float = 1.0,
    ) -> None:
        self.transforms = tuple(transforms)
        if not self.transforms or not set(self.transforms) <= _TRANSFORMS.keys():
            raise ValueError(
                f"transforms must be of {', '.join(_TRANSFORMS)}, received {transforms!r}."
            )
        self.probability = checks.number("probability", probability, 0.0, 1.0)

    def __call__(
        self,
        images: tf.Tensor,
        noise: Noise,
        stream: int,
        probability: tf.Tensor | float | None = None,
    ) -> tf.Tensor:
        """Changes pictures, each by its own noise.

        Args:
            images: float `[n, height, width, channels]` in [-1, 1].
            noise: of the step.
            stream: of the noise.
            probability: of each transform; `None` is the object's own.

        Returns:
            float, of the shape of `images`.
        """
        probability = self.probability if probability is None else probability
        for i, name in enumerate(self.transforms):
            chances = noise.uniform((4, 1, 1, 1), stream, step=i)
            applied = tf.cast(chances[:, 0] < probability, images.dtype)
            amounts = tf.cast(chances[:, 1:], images.dtype)
            images = _TRANSFORMS[name](images, applied, [amounts[:, j] for j in range(3)])
        return images


@keras.saving.register_keras_serializable("keras_gen")
class AdaptiveAugment(DiffAugment):
    """Augmentation whose probability p follows how far the discriminator overfits.

    Where it tells real examples more surely than `target`, p rises, else it falls. The sign of what
    it says of real examples, averaged over a batch, is the measure (r_t of the paper); p moves at
    each step, the paper moves it at every fourth. The transforms are those of `DiffAugment`, fewer
    than the paper's.

    Args:
        transforms: see `DiffAugment`.
        target: the mean sign of the discriminator's outputs for real examples, in (0, 1).
        images: real pictures that it takes p to go from 0 to 1.
        maximum: of p; above 0.8 changes leak into what is generated (the paper's section 2.2).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = DCGAN((32, 32, 3), augmentation=AdaptiveAugment())

    Karras, Aittala, Hellsten, Laine, Lehtinen, Aila 2020, "Training Generative Adversarial Networks
    with Limited Data", arXiv 2006.06676.
    """

    adaptive = True

    def __init__(
        self,
        transforms: Sequence[str] = ("color", "translation", "cutout"),
        target: float = 0.6,
        images: int = 500_000,
        maximum: float = 0.8,
    ) -> None:
        super().__init__(transforms, probability=0.0)
        self.target = checks.share("target", target)
        self.images = checks.positive("images", images)
        self.maximum = checks.number("maximum", maximum, 0.0, 1.0)

    def next_probability(
        self, probability: tf.Tensor, mean_sign: tf.Tensor, count: tf.Tensor
    ) -> tf.Tensor:
        """p after a step.

        Args:
            probability: before it, float32 scalar.
            mean_sign: of what the discriminator said of the step's real examples, in [-1, 1].
            count: of those examples.
        """
        step = tf.sign(mean_sign - self.target) * tf.cast(count, tf.float32) / self.images
        return tf.clip_by_value(probability + step, 0.0, self.maximum)


def _size(x: tf.Tensor, axis: int) -> Any:
    """Of an axis: a number where the graph knows it."""
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]


# ---- transforms: of pictures `[n, h, w, c]`, whether each is changed, three uniform numbers ------


def _color(x: tf.Tensor, applied: tf.Tensor, amounts: list[tf.Tensor]) -> tf.Tensor:
    brightness, saturation, contrast = (amount - 0.5 for amount in amounts)
    x += applied * brightness
    grey = tf.reduce_mean(x, axis=3, keepdims=True)
    x += applied * 2.0 * saturation * (x - grey)
    mean = tf.reduce_mean(x, axis=[1, 2, 3], keepdims=True)
    return x + applied * contrast * (x - mean)


def _translation(x: tf.Tensor, applied: tf.Tensor, amounts: list[tf.Tensor]) -> tf.Tensor:
    for axis, amount in ((1, amounts[0]), (2, amounts[1])):
        size = _size(x, axis)
        farthest = tf.cast((size + 4) // 8, x.dtype)  # an eighth, rounded
        shift = tf.floor(amount * (2.0 * farthest + 1.0)) - farthest
        shift = tf.cast(applied * shift, tf.int32)[:, 0, 0]  # [n, 1]
        source = tf.range(size)[None] - shift
        inside = tf.cast((source >= 0) & (source < size), x.dtype)
        x = tf.gather(x, tf.clip_by_value(source, 0, size - 1), axis=axis, batch_dims=1)
        x *= inside[:, :, None, None] if axis == 1 else inside[:, None, :, None]
    return x


def _cutout(x: tf.Tensor, applied: tf.Tensor, amounts: list[tf.Tensor]) -> tf.Tensor:
    within = applied
    for axis, amount in ((1, amounts[0]), (2, amounts[1])):
        size = _size(x, axis)
        side = (size + 1) // 2
        # The square's corner: it may lie partly outside, as in the authors' code.
        places = tf.cast(size + 1 - side % 2, x.dtype)
        begin = tf.floor(amount * places) - tf.cast(side // 2, x.dtype)
        place = tf.cast(tf.range(size), x.dtype)
        place = place[None, :, None, None] if axis == 1 else place[None, None, :, None]
        within *= tf.cast((place >= begin) & (place < begin + tf.cast(side, x.dtype)), x.dtype)
    return x * (1.0 - within)


_TRANSFORMS: dict[str, Callable[..., tf.Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
