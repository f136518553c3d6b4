"""CycleGAN: two kinds of pictures translated into each other, learned without pairs.

Zhu, Park, Isola, Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks", arXiv 1703.10593.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.adversarial_model import AdversarialModel, Play
from keras_gen.adversarial.layers.patch_gan import halvings_for, patch_gan
from keras_gen.adversarial.layers.picture_pool import PicturePool
from keras_gen.adversarial.layers.resnet_translator import (
    instance_normalization,
    resnet_translator,
)
from keras_gen.adversarial.losses import AdversarialLoss, LeastSquares
from keras_gen.formats import Images
from keras_gen.model import Conditions
from keras_gen.random import Noise
from keras_gen.signature import Input
from keras_gen.translator import Translator, translation_error

DIRECTIONS = ("a_to_b", "b_to_a")
# Of a step's noise: which pictures the pool of each side exchanges; how the second side's pictures
# are augmented, beyond the streams of the first.
_POOL_STREAMS = (4, 5)
_SECOND_SIDE = 4
_STRIDES = 4  # of a generator
_SHORTEST = 8  # whose quarter has an edge to be reflected at


@keras.saving.register_keras_serializable("keras_gen")
class CycleGAN(AdversarialModel, Translator):
    """Pictures of side a as if they were of side b, and the other way round.

    A batch is `(a, {"b": b})`: as many pictures of either side, which have nothing to do with each
    other. Two generators translate, two discriminators judge patches of either side; what is
    translated there and back should be what it was (the cycle), and what is of the wanted side
    already should stay as it is (the identity). Sides have the same channels; 4 must divide heights
    and widths.

    Args:
        image_shape: (height, width, channels) of training pictures; both sides may be `None` where
            `pool_size` is 0. The model itself translates pictures of any size.
        levels: how many values a channel takes, 2 to 256.
        filters: of the generators' first layers, 64 in the paper.
        num_blocks: residual blocks of a generator: 6 in the paper for pictures of 128 pixels, 9 for
            larger ones.
        discriminator_filters: of the discriminators' first layers; later ones have up to 8 times as
            many.
        num_halvings: of the discriminators; with 3, as in the paper, each patch has sides of 70
            pixels, with 2 of 34, with 1 of 16; `None` is 3 for pictures of 128 pixels or more, 2
            for those of 64, else 1.
        cycle_weight: of the mean absolute error of a cycle, in units of [-1, 1].
        identity_weight: of the error of what should stay, as a share of `cycle_weight`; 0 leaves it
            out. The paper's 0.5 keeps colours of paintings.
        pool_size: past pictures of either side that the discriminators are shown again.
        adversarial_loss: `None` is `LeastSquares()`, as in the paper.
        **kwargs: of `AdversarialModel`: `penalties`, `discriminator_steps`, `augmentation`; and of
            `Model`: `average_decay`, `seed` (of the pools' draws and of augmentation).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = CycleGAN((128, 128, 3))
        >>> model.compile()
        >>> model.fit(daisies, {"b": sunflowers}, batch_size=1, epochs=200)
        >>> model.translate(photos, "b_to_a").shape
        (8, 256, 192, 3)

    Zhu et al. 2017, arXiv 1703.10593.
    """

    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 2e-4, "beta_1": 0.5}
    usual_data: ClassVar[dict[str, Any]] = {"sides": True}

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int | None],
        levels: int = 256,
        *,
        filters: int = 64,
        num_blocks: int = 6,
        discriminator_filters: int = 64,
        num_halvings: int | None = None,
        cycle_weight: float = 10.0,
        identity_weight: float = 0.5,
        pool_size: int = 50,
        adversarial_loss: AdversarialLoss | None = None,
        **kwargs: Any,
    ) -> None:
        self.terms = {**self.terms, "cycle": "weighted"}
        if checks.not_negative("identity_weight", identity_weight):
            self.terms = {**self.terms, "identity": "weighted"}
        super().__init__(
            adversarial_loss=LeastSquares() if adversarial_loss is None else adversarial_loss,
            **kwargs,
        )
        checks.pictures_alone(type(self).__name__, self.num_classes)
        self.image_shape = checks.image_shape(image_shape, free_sides=True)
        height, width, channels = self.image_shape
        for side in (height, width):
            if side is not None and (side % _STRIDES or side < _SHORTEST):
                raise ValueError(
                    f"image_shape must have sides that {_STRIDES} divides, from {_SHORTEST} on, "
                    f"received {self.image_shape}."
                )
        self.format = Images((None, None, channels), levels, _STRIDES, _SHORTEST)
        self.levels = self.format.levels
        self.filters = checks.positive("filters", filters)
        self.num_blocks = checks.positive("num_blocks", num_blocks)
        self.discriminator_filters = checks.positive("discriminator_filters", discriminator_filters)
        self.num_halvings = halvings_for(self.image_shape, num_halvings)
        self.cycle_weight = checks.not_negative("cycle_weight", cycle_weight)
        self.identity_weight = identity_weight
        self.pool_size = checks.in_range("pool_size", pool_size, 0, 2**16)
        if pool_size and height is None:
            raise ValueError(
                "image_shape must have its sides where past pictures are kept, received "
                f"{self.image_shape}; pool_size=0 keeps none."
            )

        policy = self.dtype_policy
        self.generators = {
            direction: resnet_translator(channels, filters, num_blocks, policy, direction)
            for direction in DIRECTIONS
        }
        self.discriminators = {
            side: patch_gan(
                channels,
                discriminator_filters,
                self.num_halvings,
                lambda: instance_normalization(policy),
                policy,
                f"discriminator_{side}",
            )
            for side in ("a", "b")
        }
        self.pools = [
            PicturePool(pool_size, self.image_shape, name=f"pool_{side}")
            for side in (("a", "b") if pool_size else ())
        ]
        self.finish_build()

    def generator_weights(self) -> list[keras.Variable]:
        return [w for network in self.generators.values() for w in network.trainable_variables]

    def discriminator_weights(self) -> list[keras.Variable]:
        return [w for network in self.discriminators.values() for w in network.trainable_variables]

    def averaged_weights(self) -> Sequence[keras.Variable]:
        return self.generator_weights()

    # ---- data: a picture of each side -----------------------------------------------------------

    def condition_inputs(self) -> dict[str, Input]:
        return {"b": self.format.input()}

    def forward_condition_inputs(self) -> dict[str, Input]:
        return {}

    def check_together(self, inputs: dict[str, Any]) -> None:
        if "b" in inputs:
            a, b = (tf.TensorShape(inputs[name].shape) for name in (self.format.name, "b"))
            if not a.is_compatible_with(b):
                raise ValueError(
                    f"b must have the shape of a, {a.as_list()}, received {b.as_list()}."
                )

    # ---- the game: within it, a pair of pictures is one, of twice the channels -----------------

    def real(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return tf.concat([self.format.to_unit(x), self.format.to_unit(conditions["b"])], axis=-1)

    def _turned(self, unit: tf.Tensor, direction: str, training: bool) -> tf.Tensor:
        """Pictures in [-1, 1] by one of the generators, float32."""
        made = self.generators[direction](tf.cast(unit, self.compute_dtype), training=training)
        return tf.cast(made, tf.float32)

    def generate(
        self, x: tf.Tensor, conditions: Conditions, noise: Noise, training: bool
    ) -> tf.Tensor:
        a, b = _sides(self.real(x, conditions))
        made_b, made_a = self._turned(a, "a_to_b", training), self._turned(b, "b_to_a", training)
        return tf.concat([made_a, made_b], axis=-1)

    def discriminate(self, data: tf.Tensor, conditions: Conditions, training: bool) -> Any:
        return {
            side: self._judged(side, part, training)
            for side, part in zip(self.discriminators, _sides(data), strict=True)
        }

    def _judged(self, side: str, data: tf.Tensor, training: bool) -> tf.Tensor:
        return self.discriminators[side](tf.cast(data, self.compute_dtype), training=training)

    def generator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        a, b = _sides(play.real)
        made_a, made_b = _sides(play.fake)
        back_a = self._turned(made_b, "b_to_a", play.training)
        back_b = self._turned(made_a, "a_to_b", play.training)
        terms = {"cycle": self.cycle_weight * (_error(back_a, a) + _error(back_b, b))}
        if self.identity_weight:
            kept_a = self._turned(a, "b_to_a", play.training)
            kept_b = self._turned(b, "a_to_b", play.training)
            weight = self.identity_weight * self.cycle_weight
            terms["identity"] = weight * (_error(kept_a, a) + _error(kept_b, b))
        return terms

    def _penalty(self, play: Play) -> tf.Tensor:
        # Each discriminator has its own slopes: a length of both together would be of neither.
        def of_side(i: int, side: str) -> tf.Tensor:
            of_pairs = ("real", "fake", "seen_real", "seen_fake")
            parts = {name: _sides(getattr(play, name))[i] for name in of_pairs}
            return self._penalized(
                play._replace(**parts), lambda data: self._judged(side, data, play.training)
            )

        return tf.add_n([of_side(i, side) for i, side in enumerate(self.discriminators)])

    def recall(self, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        if not self.pools:
            return fake
        pairs = [None, *self.image_shape[:2], fake.shape[-1]]
        if not fake.shape.is_compatible_with(pairs):
            raise ValueError(
                f"x must have the shape {[None, *self.image_shape]} where past pictures are kept, "
                f"received {[None, *fake.shape[1:3], self.image_shape[-1]]}; "
                "pool_size=0 keeps none."
            )
        fake = tf.ensure_shape(fake, pairs)
        shown = [
            self.format.to_unit(pool.exchange(self.format.from_unit(side), noise.uniform((2,), i)))
            for pool, side, i in zip(self.pools, _sides(fake), _POOL_STREAMS, strict=True)
        ]
        return tf.concat(shown, axis=-1)

    def augment(self, data: tf.Tensor, noise: Noise, stream: int) -> tf.Tensor:
        sides = [
            super(CycleGAN, self).augment(side, noise, stream + i * _SECOND_SIDE)
            for i, side in enumerate(_sides(data))
        ]
        return tf.concat(sides, axis=-1)

    # ---- use -------------------------------------------------------------------------------------

    def _translate(
        self, x: tf.Tensor, conditions: Conditions, direction: str = "a_to_b"
    ) -> tf.Tensor:
        return self.format.from_unit(self._turned(self.format.to_unit(x), direction, False))

    def translate(  # type: ignore[override]
        self, x: Any, direction: str = "a_to_b", **conditions: Any
    ) -> np.ndarray:
        """Translates pictures.

        Args:
            x: stored pictures `[n, height, width, channels]`, whose sides 4 divides.
            direction: "a_to_b" or "b_to_a".
            **conditions: none.

        Returns:
            Stored pictures of the shape of `x`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> sunflowers = model.translate(daisies, "a_to_b")
        """
        direction = checks.one_of("direction", direction, DIRECTIONS)
        return self._run_on(direction, x, **conditions)["translations"]

    def _translations(self) -> dict[str, Callable[[tf.Tensor, Conditions], tf.Tensor]]:
        return {way: functools.partial(self._translate, direction=way) for way in DIRECTIONS}

    def measure(
        self, x: np.ndarray, y: Any = None, batch_size: int = 250, *, num_samples: int = 50
    ) -> dict[str, tuple[float, str]]:
        scores = super().measure(x, y, batch_size)
        for name, side, there, back in (("a", x, *DIRECTIONS), ("b", y["b"], *DIRECTIONS[::-1])):

            def cycle(part: np.ndarray, there: str = there, back: str = back) -> np.ndarray:
                return self.translate(self.translate(part, there), back)

            scores[f"cycle_error_{name}"] = translation_error(
                cycle, side, side, self.levels, batch_size
            )
        return scores


def _sides(pairs: tf.Tensor) -> list[tf.Tensor]:
    return tf.split(pairs, 2, axis=-1)


def _error(made: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """The mean absolute error of each picture: float32 `[n]`."""
    return tf.reduce_mean(tf.abs(made - wanted), axis=[1, 2, 3])
