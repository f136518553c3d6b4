"""Pix2Pix: pictures made from other pictures, learned from pairs.

Isola, Zhu, Zhou, Efros 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
arXiv 1611.07004.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.adversarial_model import AdversarialModel, Play
from keras_gen.adversarial.layers.patch_gan import halvings_for, patch_gan
from keras_gen.adversarial.layers.strided_blocks import Down, Up
from keras_gen.fit_arguments import parted
from keras_gen.formats import Images
from keras_gen.layers.u_net import Chain, UNet
from keras_gen.model import Conditions
from keras_gen.random import Noise
from keras_gen.signature import Input
from keras_gen.translator import Translator, translation_error

_MOST_LEVELS = 8
_MOST_TIMES = 8  # as many filters as the outermost block's
_NUM_DROPPING = 3  # blocks up that drop, the innermost ones
_STREAM = 16  # of the noise of the first of them; the game's are below


@keras.saving.register_keras_serializable("keras_gen")
class Pix2Pix(AdversarialModel, Translator):
    """Pictures from pictures of another kind: photos from edges, colours from grey.

    A batch is `(x, {"source": source})`, pairs of what is wanted and of what it is made from. A
    U-Net translates; a discriminator judges patches of pairs. The paper's dropout, its only noise,
    is in training alone here: a translation is a function of its source.

    Args:
        image_shape: (height, width, channels) of training pictures. The model itself translates
            pictures of any size that its halvings divide.
        levels: how many values a channel takes, 2 to 256.
        source: the format of sources, whose sides are those of the pictures; `None` is that of the
            pictures.
        filters: of the outermost blocks, 64 in the paper; inner ones have up to 8 times as many.
        num_levels: halvings of the U-Net, 1 to 8; `None` is as many as divide both sides, up to the
            paper's 8.
        discriminator_filters: of the discriminator's first layer.
        num_halvings: of the discriminator; with 3, as in the paper, each patch has sides of 70
            pixels, with 2 of 34, with 1 of 16; `None` is 3 for pictures of 128 pixels or more, 2
            for those of 64, else 1.
        l1_weight: of the mean absolute error, in units of [-1, 1].
        **kwargs: of `AdversarialModel`: `adversarial_loss`, `penalties`, `discriminator_steps`,
            `augmentation`; and of `Model`: `average_decay`, `seed` (of dropout).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = Pix2Pix((64, 64, 3), source=Images((64, 64, 1), levels=2))
        >>> model.compile()
        >>> model.fit(photos, {"source": edges}, batch_size=4, epochs=100)
        >>> model.translate(new_edges).shape
        (8, 64, 64, 3)

    Isola et al. 2017, arXiv 1611.07004.
    """

    terms: Mapping[str, str] = {**AdversarialModel.terms, "l1": "weighted"}
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 2e-4, "beta_1": 0.5}
    usual_data: ClassVar[dict[str, Any]] = {"source": "edges"}

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        source: Images | None = None,
        filters: int = 64,
        num_levels: int | None = None,
        discriminator_filters: int = 64,
        num_halvings: int | None = None,
        l1_weight: float = 100.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        checks.pictures_alone(type(self).__name__, self.num_classes)
        self.image_shape = checks.image_shape(image_shape)
        height, width, channels = self.image_shape
        self.num_levels = _num_levels(num_levels, height, width)
        self.format = Images((None, None, channels), levels, 2**self.num_levels)
        self.levels = self.format.levels
        self.source = Images(self.image_shape, levels) if source is None else source
        sides = (self.image_shape[:2], (None, None))
        if not isinstance(self.source, Images) or self.source.image_shape[:2] not in sides:
            raise ValueError(
                f"source must be Images of {height} x {width} pixels, received {source!r}."
            )
        self.filters = checks.positive("filters", filters)
        self.discriminator_filters = checks.positive("discriminator_filters", discriminator_filters)
        self.num_halvings = halvings_for(self.image_shape, num_halvings)
        self.l1_weight = checks.not_negative("l1_weight", l1_weight)
        source_channels = self.source.image_shape[-1]
        self._source_format = Images(
            (None, None, source_channels), self.source.levels, 2**self.num_levels
        )

        self.generator = self._build_generator()
        self.generator(keras.Input((None, None, source_channels)))
        normalized = not self.penalties  # which look at each example by itself
        self.discriminator = patch_gan(
            source_channels + channels,
            discriminator_filters,
            self.num_halvings,
            self._normalization if normalized else None,
            self.dtype_policy,
            "discriminator",
        )
        self.finish_build()

    def _normalization(self) -> keras.layers.Layer:
        return keras.layers.BatchNormalization(synchronized=True, dtype=self.dtype_policy)

    def _build_generator(self) -> UNet:
        policy = self.dtype_policy
        widths = [min(2**i, _MOST_TIMES) * self.filters for i in range(self.num_levels)]
        inner = widths[:-1]

        def down(i: int) -> Down:
            normalized = 0 < i < self.num_levels - 1
            return Down(widths[i], self._normalization() if normalized else None, dtype=policy)

        def up(filters: int, turn: int) -> Up:
            stream = _STREAM + turn if turn < min(_NUM_DROPPING, len(inner)) else None
            return Up(filters, self._normalization(), stream, dtype=policy)

        # The block of level i gives what the level above has gone down to.
        ups = [up(filters, turn) for turn, filters in enumerate(reversed(inner))]
        last = Up(self.image_shape[-1], None, None, activation="tanh", dtype="float32")
        innermost = [down(self.num_levels - 1), *ups[:1]]
        if not inner:
            return UNet([], Chain([innermost[0], last]), [], name="generator")
        downs = [down(i) for i in range(len(inner))]
        return UNet(downs, Chain(innermost), [*ups[1:], last], name="generator")

    # ---- data: what is wanted, and what it is made from ------------------------------------------

    def condition_inputs(self) -> dict[str, Input]:
        return {"source": self._source_format.input()}

    def forward_input(self) -> Input:
        return self._source_format.input()

    def forward_condition_inputs(self) -> dict[str, Input]:
        return {}

    def check_together(self, inputs: dict[str, Any]) -> None:
        if "source" in inputs:
            x, source = (
                tf.TensorShape(inputs[name].shape) for name in (self.format.name, "source")
            )
            if not x[1:3].is_compatible_with(source[1:3]):
                raise ValueError(
                    f"source must have the sides of x, {x[1:3].as_list()}, received "
                    f"{source[1:3].as_list()}."
                )

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Translates sources.

        Args:
            inputs: stored sources; of a dict, what is in it as "source".
            training: must be `False`: models train by `fit`.
        """
        x, given = parted(inputs)
        return super().call(given.get("source", x))

    # ---- the game: within it, a source and its picture are one, of their channels together -------

    def _made_from(
        self, source: tf.Tensor, training: bool = False, noise: Noise | None = None
    ) -> tf.Tensor:
        unit = self.source.to_unit(source, self.compute_dtype)
        return self.generator(unit, context=noise, training=training)

    def _with_source(self, data: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return tf.concat([self.source.to_unit(conditions["source"]), data], axis=-1)

    def _parts(self, pairs: tf.Tensor) -> list[tf.Tensor]:
        return tf.split(pairs, [self.source.image_shape[-1], self.image_shape[-1]], axis=-1)

    def real(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return self._with_source(self.format.to_unit(x), conditions)

    def generate(
        self, x: tf.Tensor, conditions: Conditions, noise: Noise, training: bool
    ) -> tf.Tensor:
        made = self._made_from(conditions["source"], training, noise if training else None)
        return self._with_source(made, conditions)

    def augment(self, data: tf.Tensor, noise: Noise, stream: int) -> tf.Tensor:
        # Alike, by the same draws, so that a picture still lies on its source.
        parts = [super(Pix2Pix, self).augment(part, noise, stream) for part in self._parts(data)]
        return tf.concat(parts, axis=-1)

    def discriminate(self, data: tf.Tensor, conditions: Conditions, training: bool) -> tf.Tensor:
        return self.discriminator(tf.cast(data, self.compute_dtype), training=training)

    def generator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        (_, wanted), (_, made) = self._parts(play.real), self._parts(play.fake)
        return {"l1": self.l1_weight * tf.reduce_mean(tf.abs(made - wanted), axis=[1, 2, 3])}

    # ---- use -------------------------------------------------------------------------------------

    def _translate(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return self.format.from_unit(self._made_from(x))

    def translate(self, x: Any, labels: Any = None, **conditions: Any) -> np.ndarray:
        """Makes pictures from sources.

        Args:
            x: stored sources `[n, height, width, channels]`, whose sides `2**num_levels` divides.
            labels: not taken.
            **conditions: none.

        Returns:
            Stored pictures of their sizes.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> photos = model.translate(edges)
        """
        sources = {self.format.name: self._source_format.check(x, "source")}
        return self.run("translate", **sources, labels=labels, **conditions)["translations"]

    def measure(
        self, x: np.ndarray, y: Any = None, batch_size: int = 250, *, num_samples: int = 50
    ) -> dict[str, tuple[float, str]]:
        scores = super().measure(x, y, batch_size)
        error = translation_error(self.translate, y["source"], x, self.levels, batch_size)
        return scores | {"l1_error": error}


def _num_levels(num_levels: int | None, height: int, width: int) -> int:
    """How often sides are halved.

    Raises:
        ValueError: they cannot be halved so often.
    """
    sides = f"{height} x {width} pixels"
    dividing = [k for k in range(1, _MOST_LEVELS + 1) if height % 2**k == width % 2**k == 0]
    if not dividing:
        raise ValueError(f"image_shape must have sides that 2 divides, received {sides}.")
    if num_levels is None:
        return dividing[-1]
    checks.in_range("num_levels", num_levels, 1, _MOST_LEVELS)
    if num_levels not in dividing:
        raise ValueError(
            f"num_levels must be at most {dividing[-1]} for sides of {sides}, received "
            f"{num_levels}."
        )
    return num_levels
