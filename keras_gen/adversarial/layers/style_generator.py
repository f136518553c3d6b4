"""The generator of StyleGAN: a mapping of latents to styles, and pictures from styles and noise.

Karras, Laine, Aila 2019, arXiv 1812.04948; Karras et al. 2020, arXiv 1912.04958, figures 2 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_gen.adversarial.layers.equalized import EqualizedDense
from keras_gen.adversarial.layers.modulation import ModulatedConv2D, StyledConv2D, doubled
from keras_gen.adversarial.layers.pixel_norm import pixel_norm
from keras_gen.random import Noise

# How fast the mapping learns beside other layers.
_MAPPING_RATE = 0.01


class StyleGenerator(keras.Model):
    """From latents to styles, and from a style for each layer to a picture.

    The picture is a sum: each level adds its own to that of the level below, doubled.

    Args:
        latent_dim: length of a latent vector, and of a style.
        num_classes: labels that come as one-hot vectors behind the latents.
        mapping_layers: dense layers between latents and styles.
        smallest: (height, width) of level 0.
        filters: of each level, the smallest first.
        image_shape: of pictures, (height, width, channels): what is larger is cropped.
        dtype: of the layers.
        **kwargs: of `keras.Model`.
    """

    def __init__(
        self,
        latent_dim: int,
        num_classes: int,
        mapping_layers: int,
        smallest: tuple[int, int],
        filters: Sequence[int],
        image_shape: tuple[int, int, int],
        dtype: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.latent_dim, self.image_shape = latent_dim, image_shape
        self.start = self.add_weight(
            (1, *smallest, filters[0]), keras.initializers.RandomNormal(stddev=1.0), name="start"
        )
        layers: list[Any] = [keras.Input((latent_dim + num_classes,))]
        for _ in range(mapping_layers):
            layers += [
                EqualizedDense(latent_dim, rate=_MAPPING_RATE, dtype="float32"),
                keras.layers.LeakyReLU(0.2, dtype="float32"),
            ]
        self.mapping = keras.Sequential(layers, name="mapping")

        self.convolutions: list[StyledConv2D] = []
        self.to_pictures: list[ModulatedConv2D] = []
        style = (None, latent_dim)
        below = filters[0]
        for level, above in enumerate(filters):
            for inputs in [below, above][0 if level else 1 :]:
                convolution = StyledConv2D(above, dtype=dtype)
                convolution.build((None, None, None, inputs), style)
                self.convolutions.append(convolution)
            picture = ModulatedConv2D(image_shape[-1], 1, demodulate=False, dtype="float32")
            picture.build((None, None, None, above), style)
            self.to_pictures.append(picture)
            below = above
        self.bias = self.add_weight((image_shape[-1],), "zeros", name="bias")
        self.num_styles = len(self.convolutions) + 1  # the last is that of the last picture
        self._compute = dtype.compute_dtype
        self.built = True

    def styles(self, vectors: tf.Tensor) -> tf.Tensor:
        """Maps latents, with one-hot labels behind them, to styles: float32 `[n, latent_dim]`."""
        vectors = tf.cast(vectors, tf.float32)
        latents = pixel_norm(vectors[:, : self.latent_dim])
        return self.mapping(tf.concat([latents, vectors[:, self.latent_dim :]], axis=1))

    def in_all_layers(self, styles: tf.Tensor) -> tf.Tensor:
        """One style, `[n, latent_dim]`, for all layers: `[n, num_styles, latent_dim]`."""
        return tf.tile(styles[:, None], [1, self.num_styles, 1])

    def call(self, vectors: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps latents, with one-hot labels behind them, to pictures without noise."""
        return self.pictures(self.in_all_layers(self.styles(vectors)))

    def pictures(self, styles: tf.Tensor, noise: Noise | None = None, stream: int = 0) -> tf.Tensor:
        """Makes pictures of styles.

        Args:
            styles: float32 `[n, num_styles, latent_dim]`.
            noise: of each example, for each pixel of each layer; `None` is none.
            stream: of the noise of the first layer; other layers take the next ones.

        Returns:
            float32 `[n, height, width, channels]`.
        """
        height, width, _ = self.image_shape
        x = tf.ones_like(styles[:, :1, :1, None]) * tf.cast(self.start, tf.float32)
        x = tf.cast(x, self._compute)
        layer = 0
        total: Any = None
        for level, to_picture in enumerate(self.to_pictures):
            if level:
                x = doubled(x)
            for _ in range(2 if level else 1):
                drawn = None
                if noise is not None:
                    drawn = noise.normal((*x.shape[1:3], 1), stream=stream + layer)
                x = self.convolutions[layer](x, styles[:, layer], drawn)
                layer += 1
            # The style of the next convolution, as in the authors' code.
            picture = to_picture(tf.cast(x, tf.float32), styles[:, layer])
            total = picture if total is None else doubled(total) + picture
        return (total + tf.cast(self.bias, tf.float32))[:, :height, :width]
