"""DCGAN: a GAN of strided convolutions all the way.

Radford, Metz, Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", arXiv 1511.06434.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_gen import checks
from keras_gen.adversarial.gan import GAN
from keras_gen.adversarial.losses import non_saturating
from keras_gen.layers.resolution import crop_doubled, halved

# The least and the greatest side of an image.
_SMALLEST, _LARGEST = 8, 128


@keras.saving.register_keras_serializable("keras_gen")
class DCGAN(GAN):
    """Deep convolutional GAN for images of 8 to 128 pixels a side.

    Both networks have strided convolutions instead of pooling, batch normalisation in all layers
    but the generator's last and the discriminator's first, and no hidden dense layer; ReLU and tanh
    in the generator, LeakyReLU in the discriminator.

    Args:
        image_shape: (height, width, channels), sides of 8 to 128.
        levels: how many values a channel takes, 2 to 256.
        latent_dim: length of the latent vector.
        filters: at the image's own scale; they double with each halving of the image.
        kernel_size: of the strided convolutions; 4 covers every pixel as often.
        num_classes: of the labels that both networks are told; `None` is unconditional.
        adversarial_loss: `non_saturating`, `minimax`, or a function like them.
        discriminator_steps: steps of the discriminator for one of the generator.
        seed: of the latent vectors in training; drawn and kept where `None`.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = DCGAN((28, 28, 1))
        >>> model.compile()
        >>> model.fit(images, epochs=20)
        >>> model.sample(16, seed=0).shape
        (16, 28, 28, 1)

    Radford et al. 2016, arXiv 1511.06434.
    """

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        latent_dim: int = 100,
        filters: int = 64,
        kernel_size: int = 4,
        num_classes: int | None = None,
        adversarial_loss: Callable = non_saturating,
        discriminator_steps: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            image_shape,
            levels=levels,
            latent_dim=latent_dim,
            num_classes=num_classes,
            adversarial_loss=adversarial_loss,
            discriminator_steps=discriminator_steps,
            seed=seed,
            **kwargs,
        )
        height, width, _ = self.image_shape
        for side in (height, width):
            if not _SMALLEST <= side <= _LARGEST:
                raise ValueError(
                    f"image_shape must have sides of {_SMALLEST} to {_LARGEST}, received "
                    f"{self.image_shape}."
                )
        self.filters = checks.positive("filters", filters)
        self.kernel_size = checks.in_range("kernel_size", kernel_size, 2, 7)

        # How often the image can be halved and still have sides of about 4 to 7: 64 ends at 4, 28
        # at 7.
        halvings = round(math.log2(min(height, width) / 5.5))
        self._small = halved(self.image_shape, halvings)
        self._stage_filters = [filters * 2**i for i in range(halvings)]
        self._initializer = keras.initializers.RandomNormal(stddev=0.02)
        self.generator = self._build_generator()
        self.discriminator = self._build_discriminator()
        self.built = True

    def _normalize(self) -> keras.layers.Layer:
        return keras.layers.BatchNormalization(
            momentum=0.9, synchronized=True, dtype=self.dtype_policy
        )

    def _convolution(self, layer: type, filters: int, size: Any, dtype: Any = None, **kwargs: Any):
        return layer(
            filters,
            size,
            kernel_initializer=self._initializer.clone(),
            dtype=dtype or self.dtype_policy,
            **kwargs,
        )

    def _build_generator(self) -> keras.Model:
        channels = self.image_shape[-1]
        inputs = self.latent_dim + (self.num_classes or 0)
        up = keras.layers.Conv2DTranspose
        stages: list[Any] = []
        for i, filters in enumerate(reversed(self._stage_filters)):
            # The latent vector is an image of one pixel: its projection is a convolution too.
            first = i == 0
            stages += [
                self._convolution(
                    up,
                    filters,
                    self._small if first else self.kernel_size,
                    strides=1 if first else 2,
                    padding="valid" if first else "same",
                    use_bias=False,
                ),
                self._normalize(),
                keras.layers.ReLU(dtype=self.dtype_policy),
            ]
        return keras.Sequential(
            [
                keras.Input((inputs,)),
                keras.layers.Reshape((1, 1, inputs), dtype=self.dtype_policy),
                *stages,
                self._convolution(
                    up,
                    channels,
                    self.kernel_size,
                    strides=2,
                    padding="same",
                    activation="tanh",
                    dtype="float32",
                ),
                crop_doubled(self.image_shape, len(self._stage_filters)),
            ],
            name="generator",
        )

    def _build_discriminator(self) -> keras.Model:
        height, width, channels = self.image_shape
        stages: list[Any] = []
        for i, filters in enumerate(self._stage_filters):
            stages.append(
                self._convolution(
                    keras.layers.Conv2D,
                    filters,
                    self.kernel_size,
                    strides=2,
                    padding="same",
                    use_bias=i == 0,
                )
            )
            if i > 0:
                stages.append(self._normalize())
            stages.append(keras.layers.LeakyReLU(0.2, dtype=self.dtype_policy))
        return keras.Sequential(
            [
                keras.Input((height, width, channels + (self.num_classes or 0))),
                *stages,
                self._convolution(keras.layers.Conv2D, 1, self._small, dtype="float32"),
                keras.layers.Flatten(dtype="float32"),
            ],
            name="discriminator",
        )
