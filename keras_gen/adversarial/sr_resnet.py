"""SRResNet: a residual network that makes pictures larger, and works at the small scale.

Ledig, Theis, Huszar, Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi 2017,
"Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", arXiv
1609.04802.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.super_resolution import SuperResolution
from keras_gen.layers.pixel_shuffle import PixelShuffle
from keras_gen.model import Conditions

NORMALIZATIONS = ("batch", None)


@keras.saving.register_keras_serializable("keras_gen")
class SRResNet(SuperResolution):
    """Larger pictures, as near to the true ones as a mean can be: a residual network.

    It learns from pictures of full resolution, which it downsizes by itself, and is given pictures
    of any size. It minimises the squared error, of pixels or of features (`compile`).

    Args:
        image_shape: (height, width, channels) of training pictures, such as crops of 96 pixels;
            both sides may be `None`.
        levels: how many values a channel takes, 2 to 256.
        scale: how many times as large a picture becomes, 2 or 4.
        filters: of all convolutions but the last.
        num_blocks: residual blocks of two convolutions each.
        normalization: "batch", or `None`, which learns faster where blocks are few.
        learn_difference: whether the network makes what is missing in the picture upscaled by
            bicubic interpolation; it then starts at that, and learns faster. The paper's makes the
            whole picture.
        **kwargs: of `Model`: `average_decay`, `seed`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = SRResNet((96, 96, 3), scale=4)
        >>> model.compile()
        >>> model.fit(crops, batch_size=16, epochs=20)
        >>> model.upscale(photos[:, :64, :48]).shape
        (8, 256, 192, 3)

    Ledig et al. 2017, arXiv 1609.04802, section 2.1.
    """

    terms: Mapping[str, str] = {"loss": "squared error"}
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 1e-4}

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int | None],
        levels: int = 256,
        *,
        scale: int = 4,
        filters: int = 64,
        num_blocks: int = 16,
        normalization: str | None = "batch",
        learn_difference: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_shape, levels, scale=scale, **kwargs)
        self.filters = checks.positive("filters", filters)
        self.num_blocks = checks.positive("num_blocks", num_blocks)
        self.normalization = checks.one_of("normalization", normalization, NORMALIZATIONS)
        self.learn_difference = bool(learn_difference)
        self.network = self._build_network()
        self.finish_build()

    def _build_network(self) -> keras.Model:
        policy, channels = self.dtype_policy, self.image_shape[-1]
        inputs = keras.Input((None, None, channels))
        first, activation = self._convolution(self.filters, 9)(inputs), _prelu(policy)
        # Twice: what three layers read has a gradient of three parts, which TensorFlow sums in any
        # order, and a resumed training would differ by a bit.
        x, skipped = activation(first), activation(first)
        for _ in range(self.num_blocks):
            y = _prelu(policy)(self._normalized(x))
            x = keras.layers.Add(dtype=policy)([x, self._normalized(y)])
        x = keras.layers.Add(dtype=policy)([skipped, self._normalized(x)])
        for _ in range(int(math.log2(self.scale))):
            x = self._convolution(4 * self.filters, 3)(x)
            x = _prelu(policy)(PixelShuffle(2, dtype=policy)(x))
        initializer = "zeros" if self.learn_difference else "glorot_uniform"
        last = self._convolution(channels, 9, dtype="float32", kernel_initializer=initializer)
        return keras.Model(inputs, last(x), name="network")

    def _convolution(
        self, filters: int, size: int, dtype: Any = None, **kwargs: Any
    ) -> keras.layers.Layer:
        return keras.layers.Conv2D(
            filters, size, padding="same", dtype=dtype or self.dtype_policy, **kwargs
        )

    def _normalized(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """One half of a residual block: a convolution, and its normalisation."""
        if self.normalization is None:
            return self._convolution(self.filters, 3)(x)
        normalization = keras.layers.BatchNormalization(synchronized=True, dtype=self.dtype_policy)
        return normalization(self._convolution(self.filters, 3, use_bias=False)(x))

    # ---- objective -------------------------------------------------------------------------------

    def enlarge(self, small: tf.Tensor, training: bool) -> tf.Tensor:
        unit = self.format.to_unit(small)
        made = self.network(tf.cast(unit, self.compute_dtype), training=training)
        if self.learn_difference:
            made += tf.image.resize(unit, self.scale * tf.shape(unit)[1:3], "bicubic")
        return made

    def objective(
        self, x: tf.Tensor, conditions: Conditions, training: bool
    ) -> dict[str, tf.Tensor]:
        made = self.enlarge(self.downsize(x), training)
        return {"loss": self.content_error(self.format.to_unit(x), made)}


def _prelu(policy: Any) -> keras.layers.Layer:
    # A slope a channel, wherever in a picture; it starts where He et al. 2015 have it.
    return keras.layers.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2], dtype=policy)
