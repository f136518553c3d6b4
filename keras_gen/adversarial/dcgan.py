"""DCGAN: a GAN of strided convolutions all the way.

Radford, Metz, Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", arXiv 1511.06434.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_gen import checks
from keras_gen.adversarial.judgement import Judgement
from keras_gen.adversarial.latent_gan import LatentGAN
from keras_gen.formats import Images
from keras_gen.layers.resolution import crop_doubled, halved

# The least and the greatest side of an image.
_SMALLEST, _LARGEST = 8, 128

NORMALIZATIONS = ("auto", "batch", "layer", None)


@keras.saving.register_keras_serializable("keras_gen")
class DCGAN(LatentGAN):
    """Images from one pass, without likelihoods, the fastest to draw: a deep convolutional GAN.

    Both networks have strided convolutions instead of pooling, batch normalisation in all layers
    but the generator's last and the discriminator's first, and no hidden dense layer; ReLU and tanh
    in the generator, LeakyReLU in the discriminator. Latents are normal, the paper's are uniform.
    Kernels are 4x4, and batch normalisation has Keras's epsilon of 0.001 and scales that start at
    1; the authors' kernels are 5x5, their epsilon is far smaller, and their scales start near 1.

    Args:
        image_shape: (height, width, channels), sides of 8 to 128.
        levels: how many values a channel takes, 2 to 256.
        latent_dim: length of the latent vector.
        filters: at the image's own scale; they double with each halving of the image.
        kernel_size: of the strided convolutions; 4 covers every pixel as often.
        discriminator_normalization: "batch", "layer" or `None`; "auto" is "batch", and "layer"
            where there are penalties: they look at the gradient at each example, and batch
            normalisation makes examples depend on each other (Gulrajani et al. 2017, section 4).
        num_classes: of the labels that both networks see; `None` is unconditional.
        **kwargs: of `LatentGAN`: `latent_distribution`, `conditioning`, `packing`; of
            `AdversarialModel`: `adversarial_loss`, `penalties`, `discriminator_steps`,
            `augmentation`; and of `Model`: `average_decay` (of the generator), `seed` (of the
            latent vectors in training).

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
        *,
        latent_dim: int = 100,
        filters: int = 64,
        kernel_size: int = 4,
        discriminator_normalization: str | None = "auto",
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(latent_dim=latent_dim, num_classes=num_classes, **kwargs)
        self.format = Images(image_shape, levels)
        self.image_shape, self.levels = self.format.image_shape, levels
        height, width, _ = self.image_shape
        for side in (height, width):
            if not _SMALLEST <= side <= _LARGEST:
                raise ValueError(
                    f"image_shape must have sides of {_SMALLEST} to {_LARGEST}, received "
                    f"{self.image_shape}."
                )
        self.filters = checks.positive("filters", filters)
        self.kernel_size = checks.in_range("kernel_size", kernel_size, 2, 7)
        self.discriminator_normalization = checks.one_of(
            "discriminator_normalization", discriminator_normalization, NORMALIZATIONS
        )
        if self.penalties and discriminator_normalization == "batch":
            raise ValueError(
                "discriminator_normalization must be 'auto', 'layer' or None where there are "
                "penalties, whose gradients batch normalisation would mix, received 'batch'."
            )

        # How often the image can be halved and still have sides of about 4 to 7: 64 ends at 4, 28
        # at 7.
        halvings = round(math.log2(min(height, width) / 5.5))
        self._small = halved(self.image_shape, halvings)
        self._stage_filters = [filters * 2**i for i in range(halvings)]
        self._initializer = keras.initializers.RandomNormal(stddev=0.02)
        self.generator = self._build_generator()
        self.discriminator = self._build_discriminator()
        self.judgement = Judgement(
            self.discriminator.output_shape[-1],
            num_classes,
            self.conditioning,
            self._initializer.clone(),
            name="judgement",
        )
        self.finish_build()

    def _normalize(self, kind: str | None) -> list[keras.layers.Layer]:
        policy = self.dtype_policy
        if kind == "batch":
            normalization = keras.layers.BatchNormalization
            return [normalization(momentum=0.9, synchronized=True, dtype=policy)]
        if kind == "layer":
            return [keras.layers.LayerNormalization(axis=[1, 2, 3], dtype=policy)]
        return []

    def _convolution(
        self, layer: type, filters: int, size: Any, dtype: Any = None, **kwargs: Any
    ) -> keras.layers.Layer:
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
                *self._normalize("batch"),
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
        kind = self.discriminator_normalization
        if kind == "auto":
            kind = "layer" if self.penalties else "batch"
        stages: list[Any] = []
        for i, filters in enumerate(self._stage_filters):
            stages.append(
                self._convolution(
                    keras.layers.Conv2D,
                    filters,
                    self.kernel_size,
                    strides=2,
                    padding="same",
                    use_bias=i == 0 or kind is None,
                )
            )
            if i > 0:
                stages += self._normalize(kind)
            stages.append(keras.layers.LeakyReLU(0.2, dtype=self.dtype_policy))
        return keras.Sequential(
            [
                keras.Input((height, width, self.discriminator_channels(channels))),
                *stages,
                keras.layers.Flatten(dtype=self.dtype_policy),
            ],
            name="discriminator",
        )

    # ---- measures --------------------------------------------------------------------------------

    def measure(
        self, x: np.ndarray, y: Any = None, batch_size: int = 250, *, num_samples: int = 50
    ) -> dict[str, tuple[float, str]]:
        from keras_gen.metrics import sample_statistics

        scores = super().measure(x, y, batch_size)
        num = min(len(x), 1000)
        labels = y["labels"] if isinstance(y, dict) else y
        labels = labels[:num] if self.num_classes else None
        samples = self.sample(num, labels=labels, seed=0)
        statistics = sample_statistics(samples, x, self.levels)
        return scores | {name: (value, "of the full range") for name, value in statistics.items()}
