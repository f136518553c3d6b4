"""BigGAN: a residual, class-conditional GAN that gets better by getting bigger.

Brock, Donahue, Simonyan 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
arXiv 1809.11096.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.adversarial_model import Play
from keras_gen.adversarial.judgement import Judgement
from keras_gen.adversarial.layers.orthogonal_regularization import non_orthogonality
from keras_gen.adversarial.layers.spectral_normalization import (
    SpectralConv2D,
    SpectralDense,
    power_iterations,
)
from keras_gen.adversarial.losses import AdversarialLoss, Hinge
from keras_gen.adversarial.standing_statistics import StandingStatistics
from keras_gen.formats import Images
from keras_gen.layers.conditional_batch_normalization import ConditionalBatchNormalization
from keras_gen.layers.resolution import crop_doubled, halved
from keras_gen.layers.self_attention import SelfAttention

# The least and the greatest side of an image.
_SMALLEST, _LARGEST = 8, 128


@keras.saving.register_keras_serializable("keras_gen")
class BigGAN(StandingStatistics):
    """Images of classes, from residual networks with attention; truncation trades variety.

    The latent vector comes in equal chunks: the first one makes the smallest picture, each other
    one goes to a block of the generator, where with an embedding of the label, shared by all
    blocks, it sets the gains and biases of batch normalisation. Both networks have spectral
    normalisation and attend at one scale, and the discriminator's logit has a product with a vector
    of the label. Kernels start orthogonal, and the generator's stay near it. Samples come from an
    average of the generator's weights; `gather_statistics` gives that moments of its own.

    `sample` multiplies latents by `truncation`. Brock et al. instead draw again what lies beyond a
    threshold, which leaves less than the threshold's spread: theirs of 0.5 spreads as 0.28 here.
    With 0 there is one picture a class.

    Both players take Adam's steps of 2e-4, as the authors' code does on small pictures; on large
    ones the paper's generator takes steps of 5e-5.

    Args:
        image_shape: (height, width, channels), sides of 8 to 128.
        levels: how many values a channel takes, 2 to 256.
        latent_dim: length of the latent vector, a multiple of the number of its chunks: 3 at sides
            of 28, 4 at 32, 5 at 64.
        filters: at the image's own scale, the paper's "ch"; they double with each halving of the
            image. 96 is the paper's, and 16 trains on a CPU.
        embedding_dim: length of the label's embedding.
        attention: how often the image is halved where the networks attend: 1 is 16x16 of 32x32;
            `None` is no attention.
        orthogonal_weight: of what the generator minimises to keep the columns of its kernels
            orthogonal, as "orthogonality"; 0 is none.
        num_classes: of the labels; `None` is unconditional.
        conditioning: how labels enter the discriminator (see `LatentGAN`); `None` is "projection"
            where there are labels.
        adversarial_loss: an object of `keras_gen.adversarial.losses`; `None` is `Hinge()`.
        discriminator_steps: that share a batch (see `AdversarialModel`); 2 is the paper's.
        average_decay: of the average of the generator's weights, which samples come from; `None`
            keeps none.
        **kwargs: of `LatentGAN`: `latent_distribution`, `packing`; of `AdversarialModel`:
            `penalties`, `augmentation`; and of `Model`: `seed` (of the latent vectors in training).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = BigGAN((32, 32, 3), filters=16, num_classes=10)
        >>> model.compile()
        >>> model.fit(images, labels, batch_size=64, epochs=20)
        >>> model.gather_statistics()
        >>> model.sample(16, labels=3, truncation=0.5, seed=0).shape
        (16, 32, 32, 3)

    Brock, Donahue, Simonyan 2019, arXiv 1809.11096.
    """

    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 2e-4, "beta_1": 0.0}

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        latent_dim: int = 120,
        filters: int = 64,
        embedding_dim: int = 128,
        attention: int | None = 1,
        orthogonal_weight: float = 1e-4,
        num_classes: int | None = None,
        conditioning: str | None = None,
        adversarial_loss: AdversarialLoss | None = None,
        discriminator_steps: int = 2,
        average_decay: float | None = 0.999,
        **kwargs: Any,
    ) -> None:
        if checks.not_negative("orthogonal_weight", orthogonal_weight):
            self.terms = {**self.terms, "orthogonality": "weighted"}
        if conditioning is None:
            conditioning = "concatenation" if num_classes is None else "projection"
        super().__init__(
            latent_dim=latent_dim,
            num_classes=num_classes,
            conditioning=conditioning,
            adversarial_loss=Hinge() if adversarial_loss is None else adversarial_loss,
            discriminator_steps=discriminator_steps,
            average_decay=average_decay,
            **kwargs,
        )
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
        self.embedding_dim = checks.positive("embedding_dim", embedding_dim)
        self.orthogonal_weight = orthogonal_weight
        # How often the image can be halved and still have sides of about 4 to 7: 64 ends at 4, 28
        # at 7.
        self._num_blocks = round(math.log2(min(height, width) / 5.5))
        if attention is not None:
            checks.in_range("attention", attention, 1, self._num_blocks)
        self.attention = attention
        if latent_dim % (self._num_blocks + 1):
            raise ValueError(
                f"latent_dim must be a multiple of {self._num_blocks + 1}, a chunk for the start "
                f"and for each of {self._num_blocks} blocks, received {latent_dim}."
            )
        self.generator = self._build_generator()
        self.discriminator = self._build_discriminator()
        self.judgement = Judgement(
            self.discriminator.output_shape[-1],
            num_classes,
            self.conditioning,
            keras.initializers.Orthogonal(),
            spectral_normalization=True,
            name="judgement",
        )
        self.finish_build()

    def _dense(self, units: int, **kwargs: Any) -> keras.layers.Layer:
        return SpectralDense(units, **(self._of_layers() | kwargs))

    def _convolution(self, filters: int, size: int, **kwargs: Any) -> keras.layers.Layer:
        return SpectralConv2D(filters, size, padding="same", **(self._of_layers() | kwargs))

    def _of_layers(self) -> dict[str, Any]:
        start = keras.initializers.Orthogonal()
        return {"kernel_initializer": start, "dtype": self.dtype_policy}

    def _attend(self, x: Any, halvings: int) -> Any:
        if halvings != self.attention:
            return x
        return SelfAttention(self._convolution, dtype=self.dtype_policy, name="attention")(x)

    def _build_generator(self) -> keras.Model:
        policy = self.dtype_policy
        rows, columns = halved(self.image_shape, self._num_blocks)
        inputs = keras.Input((self.latent_dim + (self.num_classes or 0),))
        latents = inputs[:, : self.latent_dim]
        start, *conditions = keras.ops.split(latents, self._num_blocks + 1, axis=1)
        if self.num_classes is not None:
            # Of one-hot labels, a dense layer is an embedding.
            options = {"use_bias": False, "name": "embedding", **self._of_layers()}
            embedding = keras.layers.Dense(self.embedding_dim, **options)(
                inputs[:, self.latent_dim :]
            )
            join = keras.layers.Concatenate(dtype=policy)
            conditions = [join([embedding, chunk]) for chunk in conditions]

        first = self.filters * 2 ** (self._num_blocks - 1)
        x = self._dense(rows * columns * first, name="start")(start)
        x = keras.layers.Reshape((rows, columns, first), dtype=policy)(x)
        x = self._attend(x, self._num_blocks)
        for halvings, condition in zip(reversed(range(self._num_blocks)), conditions, strict=True):
            x = self._up(x, condition, self.filters * 2**halvings)
            x = self._attend(x, halvings)
        normalize = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-4, synchronized=True, dtype=policy
        )
        x = keras.layers.ReLU(dtype=policy)(normalize(x))
        x = self._convolution(self.image_shape[-1], 3, activation="tanh", dtype="float32")(x)
        x = crop_doubled(self.image_shape, self._num_blocks)(x)
        return keras.Model(inputs, x, name="generator")

    def _up(self, x: Any, condition: Any, filters: int) -> Any:
        """A residual block that doubles a picture. Normalisation would undo biases."""
        policy = self.dtype_policy
        inner = x
        for i in range(2):
            normalize = ConditionalBatchNormalization(self._dense, dtype=policy)
            inner = keras.layers.ReLU(dtype=policy)(normalize(inner, condition))
            if i == 0:
                inner = keras.layers.UpSampling2D(dtype=policy)(inner)
            inner = self._convolution(filters, 3, use_bias=False)(inner)
        # Before it is doubled a convolution of 1x1 costs a quarter, and gives the same.
        shortcut = self._convolution(filters, 1, use_bias=False)(x)
        shortcut = keras.layers.UpSampling2D(dtype=policy)(shortcut)
        return keras.layers.Add(dtype=policy)([inner, shortcut])

    def _build_discriminator(self) -> keras.Model:
        height, width, channels = self.image_shape
        inputs = keras.Input((height, width, self.discriminator_channels(channels)))
        x = inputs
        for halvings in range(1, self._num_blocks + 1):
            x = self._down(x, self.filters * 2 ** (halvings - 1), first=halvings == 1)
            x = self._attend(x, halvings)
        x = keras.layers.ReLU(dtype=self.dtype_policy)(self._down(x, x.shape[-1], halve=False))
        # In float32: half precision has no room for a sum over many places.
        features = keras.ops.sum(keras.ops.cast(x, "float32"), axis=(1, 2))
        return keras.Model(inputs, features, name="discriminator")

    def _down(self, x: Any, filters: int, first: bool = False, halve: bool = True) -> Any:
        """A residual block that halves a picture, or leaves its size and its channels."""
        policy = self.dtype_policy
        pool = keras.layers.AveragePooling2D(2, padding="same", dtype=policy)
        inner = x if first else keras.layers.ReLU(dtype=policy)(x)  # pictures have signs to keep
        inner = self._convolution(filters, 3)(inner)
        inner = self._convolution(filters, 3)(keras.layers.ReLU(dtype=policy)(inner))
        if halve:
            inner, x = pool(inner), self._convolution(filters, 1)(pool(x))
        return keras.layers.Add(dtype=policy)([inner, x])

    # ---- objective -------------------------------------------------------------------------------

    def generator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        terms = super().generator_terms(play)
        if not self.orthogonal_weight:
            return terms
        kernels = [
            weight
            for weight in self.generator.trainable_variables
            if len(weight.shape) > 1 and not weight.path.endswith("embedding/kernel")
        ]
        value = self.orthogonal_weight * non_orthogonality(kernels)
        return terms | {"orthogonality": tf.fill(tf.shape(play.fake)[:1], value)}

    def end_step(self, terms: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        # Once a step: within it, whatever uses a kernel divides by the same number.
        power_iterations(self)
        return super().end_step(terms)
