"""StyleGAN2: pictures from styles, which a mapping of the latent vector gives to every layer.

Karras, Laine, Aila 2019, "A Style-Based Generator Architecture for Generative Adversarial
Networks", arXiv 1812.04948; Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, "Analyzing and
Improving the Image Quality of StyleGAN", arXiv 1912.04958.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.adversarial_model import Play
from keras_gen.adversarial.judgement import Judgement
from keras_gen.adversarial.latent_gan import LatentGAN
from keras_gen.adversarial.layers.residual_discriminator import residual_discriminator
from keras_gen.adversarial.layers.style_generator import StyleGenerator
from keras_gen.adversarial.penalties import R1, Penalty
from keras_gen.adversarial.projection import projected
from keras_gen.formats import Images
from keras_gen.global_batch import sum_over_replicas
from keras_gen.layers.labels import with_labels
from keras_gen.layers.resolution import halved
from keras_gen.model import Conditions
from keras_gen.random import Noise
from keras_gen.signature import NUMBER, Input, Signature

_SMALLEST, _LARGEST = 8, 1024  # sides of an image
_MEAN_DECAY, _PATH_DECAY = 0.998, 0.99

# Of a step's noise; the pixels' streams are many, a stream for each layer.
_MIXED_LATENTS, _MIXED_WHERE, _PATH, _PIXELS = 16, 17, 18, 32


@keras.saving.register_keras_serializable("keras_gen")
class StyleGAN(LatentGAN):
    """Images whose every scale has a style of its own: StyleGAN2.

    Dense layers map the latent vector z to a style w, whose projections weigh the channels of each
    convolution; noise for each pixel makes what chance makes, such as the fall of hair. The picture
    is the sum of those of all levels, and the discriminator has residual blocks.

    Defaults are for few data: a mapping of two layers, no mixing of styles, no regularisation of
    path lengths, and R1 with a weight of 10 at every fourth step. NVIDIA's rule for that weight,
    0.0002 * height * width / batch size, is made for larger pictures, and gives 0.005 at 28x28.

    `sample` draws styles towards their mean by `truncation`: 1 changes nothing, 0 gives the
    centre, the same but for the noise. `decode` takes latent vectors z, `decode_styles` styles w,
    which `styles` and `project` give; both leave the noise out.

    Where the authors' code filters with [1, 3, 3, 1], the generator does so too, and the
    discriminator averages squares of pixels.

    Args:
        image_shape: (height, width, channels), sides of 8 to 1024.
        levels: how many values a channel takes, 2 to 256.
        latent_dim: length of the latent vector, and of styles.
        filters: at the image's own scale; they double with each halving of the image.
        max_filters: that they do not exceed.
        mapping_layers: dense layers from the latent vector to the style; the paper has 8.
        style_mixing: how probable it is, in training, that layers from a random one on have the
            style of a second latent vector; the paper's is 0.9.
        path_length_weight: of what the generator minimises so that a step of the style changes a
            picture by as much everywhere, as "path_length"; the paper's is 2.
        penalties: of the discriminator; `None` is `R1(10.0, interval=4)`.
        average_decay: of the average of the generator's weights, which samples come from; `None`
            keeps none.
        num_classes: of the labels; `None` is unconditional.
        conditioning: how labels enter the discriminator (see `LatentGAN`); `None` is "projection"
            where there are labels.
        **kwargs: of `LatentGAN`: `latent_distribution`, `packing`; of `AdversarialModel`:
            `adversarial_loss`, `discriminator_steps`, `augmentation`; and of `Model`: `seed` (of
            the noise in training).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = StyleGAN((64, 64, 3))
        >>> model.compile()
        >>> model.fit(images, batch_size=32, epochs=100)
        >>> model.sample(16, truncation=0.7, seed=0).shape
        (16, 64, 64, 3)

    Karras et al. 2019, arXiv 1812.04948; Karras et al. 2020, arXiv 1912.04958.
    """

    generator: StyleGenerator
    default_optimizer: ClassVar[dict[str, float]] = {
        "learning_rate": 2.5e-3,
        "beta_1": 0.0,
        "beta_2": 0.99,
        "epsilon": 1e-8,
    }

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        image_shape: Sequence[int],
        levels: int = 256,
        *,
        latent_dim: int = 128,
        filters: int = 32,
        max_filters: int = 512,
        mapping_layers: int = 2,
        style_mixing: float = 0.0,
        path_length_weight: float = 0.0,
        penalties: Sequence[Penalty] | None = None,
        average_decay: float | None = 0.999,
        num_classes: int | None = None,
        conditioning: str | None = None,
        **kwargs: Any,
    ) -> None:
        format = Images(image_shape, levels)
        height, width, channels = format.image_shape
        for side in (height, width):
            if not _SMALLEST <= side <= _LARGEST:
                raise ValueError(
                    f"image_shape must have sides of {_SMALLEST} to {_LARGEST}, received "
                    f"{format.image_shape}."
                )
        if checks.not_negative("path_length_weight", path_length_weight):
            self.terms = {**self.terms, "path_length": "weighted"}
        if conditioning is None:
            conditioning = "concatenation" if num_classes is None else "projection"
        if penalties is None:
            penalties = [R1(10.0, interval=4)]
        super().__init__(
            latent_dim=latent_dim,
            penalties=penalties,
            average_decay=average_decay,
            num_classes=num_classes,
            conditioning=conditioning,
            **kwargs,
        )
        self.format, self.image_shape, self.levels = format, format.image_shape, levels
        self.filters = checks.positive("filters", filters)
        self.max_filters = checks.positive("max_filters", max_filters)
        self.mapping_layers = checks.positive("mapping_layers", mapping_layers)
        self.style_mixing = checks.number("style_mixing", style_mixing, 0.0, 1.0)
        self.path_length_weight = path_length_weight

        # How often the image can be halved and still have sides of about 4 to 7.
        doublings = round(math.log2(min(height, width) / 5.5))
        widths = [
            min(filters * 2 ** (doublings - level), max_filters) for level in range(doublings + 1)
        ]
        self.generator = StyleGenerator(
            latent_dim,
            num_classes or 0,
            mapping_layers,
            halved(self.image_shape, doublings),
            widths,
            self.image_shape,
            self.dtype_policy,
            name="generator",
        )
        self.discriminator = residual_discriminator(
            (height, width, self.discriminator_channels(channels)),
            widths,
            self.dtype_policy,
            name="discriminator",
        )
        self.judgement = Judgement(
            self.discriminator.output_shape[-1],
            num_classes,
            self.conditioning,
            keras.initializers.RandomNormal(stddev=1.0),
            name="judgement",
        )
        self.style_mean = self._followed((latent_dim,), "style_mean")
        if path_length_weight:
            self.path_mean = self._followed((), "path_mean")
        self.finish_build()

    def _followed(self, shape: tuple[int, ...], name: str) -> keras.Variable:
        return self.add_weight(
            shape, "zeros", trainable=False, aggregation="only_first_replica", name=name
        )

    # ---- styles ----------------------------------------------------------------------------------

    def _styles(self, latents: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        """The graph function of `styles`: w of z, float32 `[n, latent_dim]`."""
        vectors = with_labels(latents, conditions.get("labels"), self.num_classes)
        return self.generator.styles(vectors)

    def _mixed(self, styles: tf.Tensor, conditions: Conditions, noise: Noise) -> tf.Tensor:
        """A style for each layer; in training, that of a second vector from some layer on."""
        num = self.generator.num_styles
        of_layers = self.generator.in_all_layers(styles)
        if not self.style_mixing:
            return of_layers
        others = self._styles(noise.normal((self.latent_dim,), _MIXED_LATENTS), conditions)
        chances = noise.uniform((2, 1), _MIXED_WHERE)
        # From a layer of 1 to num - 1 on.
        begins = 1 + tf.cast(chances[:, 1] * (num - 1), tf.int32)
        second = (tf.range(num)[None] >= begins) & (chances[:, 0] < self.style_mixing)
        return tf.where(second[..., None], self.generator.in_all_layers(others), of_layers)

    def _follow_styles(self, x: tf.Tensor, conditions: Conditions) -> None:
        """Moves the mean of styles towards those of the global batch."""
        styles = self._styles(self._draw_latents(self.noise_for(x, True)), conditions)
        count = tf.cast(tf.shape(styles)[0], tf.float32)
        total, count = sum_over_replicas([tf.reduce_sum(styles, axis=0), count])
        steps = tf.cast(self.steps.value, tf.float32)
        share = 1.0 - tf.minimum(_MEAN_DECAY, (1.0 + steps) / (10.0 + steps))
        mean = self.style_mean.value
        self.style_mean.assign(mean + share * (total / tf.maximum(count, 1.0) - mean))

    # ---- objective and sampling ------------------------------------------------------------------

    def generate(
        self, x: tf.Tensor, conditions: Conditions, noise: Noise, training: bool
    ) -> tf.Tensor:
        styles = self._styles(self._draw_latents(noise), conditions)
        if training:
            styles = self._mixed(styles, conditions, noise)
        else:
            styles = self.generator.in_all_layers(styles)
        return self.generator.pictures(styles, noise, _PIXELS)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        logs = super().train_step(data)
        self._follow_styles(*self.unpack(data))
        return logs

    def generator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        terms = super().generator_terms(play)
        if not self.path_length_weight:
            return terms
        lengths = self.path_lengths(play.conditions, play.noise)
        mean: Any = self.path_mean.value
        if play.training:
            sums = [tf.reduce_sum(lengths), tf.cast(tf.size(lengths), tf.float32)]
            total, count = sum_over_replicas([tf.stop_gradient(each) for each in sums])
            mean = mean + (1.0 - _PATH_DECAY) * (total / tf.maximum(count, 1.0) - mean)
            self.path_mean.assign(mean)
        return terms | {"path_length": self.path_length_weight * (lengths - mean) ** 2}

    def path_lengths(self, conditions: Conditions, noise: Noise) -> tf.Tensor:
        """How far random directions of a picture pull its styles: float32 `[n]`.

        The length of J^T y, for the Jacobian J of a picture by its styles and a normal y of mean
        length 1 (arXiv 1912.04958, equation 4).
        """
        styles = self._styles(self._draw_latents(noise), conditions)
        styles = self._mixed(styles, conditions, noise)
        height, width, _ = self.image_shape
        direction = noise.normal(self.image_shape, _PATH) / math.sqrt(height * width)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(styles)
            along = tf.reduce_sum(self.generator.pictures(styles, noise, _PIXELS) * direction)
        gradient = tape.gradient(along, styles)
        # The mean over layers, as in the authors' code.
        squared = tf.reduce_mean(tf.reduce_sum(gradient**2, axis=2), axis=1)
        return tf.sqrt(squared + 1e-12)  # a square root has no gradient at 0

    def draw(
        self, noise: Noise, conditions: Conditions, settings: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        styles = self._styles(self._draw_latents(noise), conditions)
        mean = self.style_mean.value
        styles = mean + settings["truncation"][:, None] * (styles - mean)
        pictures = self.generator.pictures(self.generator.in_all_layers(styles), noise, _PIXELS)
        return self.format.from_unit(pictures)

    def from_latents(
        self, latents: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        return self._from_styles(self._styles(latents, conditions))

    def _from_styles(self, styles: tf.Tensor) -> tf.Tensor:
        return self.generator.pictures(self.generator.in_all_layers(styles))

    # ---- verbs of styles, and their signatures ---------------------------------------------------

    def styles(self, latents: Any, labels: Any = None) -> np.ndarray:
        """Maps latent vectors z to styles w.

        Args:
            latents: float `[n, latent_dim]`.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.

        Returns:
            float32 `[n, latent_dim]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> styles = model.styles(model.draw_latents(16, seed=0))
        """
        latents = self._check_latents("latents", latents)
        return self.run("styles", **latents, labels=labels)["styles"]

    def decode_styles(self, styles: Any) -> np.ndarray:
        """Decodes styles w, without noise.

        Args:
            styles: float `[n, latent_dim]`.

        Returns:
            Images, uint8 `[n, height, width, channels]`.

        Raises:
            ValueError: `styles` are of another shape or kind.

        Example:
            >>> images = model.decode_styles(model.project(images))
        """
        return self.run("decode_styles", styles=styles)["images"]

    def project(self, images: Any, num_steps: int = 300, learning_rate: float = 0.05) -> np.ndarray:
        """Finds styles whose pictures are near given ones, by Adam's steps from the mean style.

        Near is in mean squared error, of pixels and of means of 2x2 and 4x4 of them, so that coarse
        features are found first. The steps' length falls to 0 along a cosine.

        Args:
            images: stored data `[n, height, width, channels]`.
            num_steps: of the descent.
            learning_rate: of Adam at the first step.

        Returns:
            Styles, float32 `[n, latent_dim]`, for `decode_styles`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> styles = model.project(images[:8])
            >>> halfway = (styles[:1] + styles[1:2]) / 2
            >>> model.decode_styles(halfway)
        """
        target = self.format.to_unit(tf.constant(self.check_data(images, "images")))
        checks.positive("num_steps", num_steps)
        checks.not_negative("learning_rate", learning_rate)
        start = tf.tile(self.style_mean.value[None], [len(target), 1])

        def pictures(styles: tf.Tensor) -> tf.Tensor:
            with self.reading_averages():
                return self._from_styles(styles)

        return projected(pictures, target, start, num_steps, learning_rate)

    def _signatures(self) -> dict[str, Signature]:
        def styles(latents: tf.Tensor, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"styles": self._styles(latents, conditions)}

        def decode_styles(styles: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"images": self.format.from_unit(self._from_styles(styles))}

        taken = {"styles": Input((None, self.latent_dim), "float32")}
        from_latents = self.latent_inputs() | self.condition_inputs()
        return super()._signatures() | {
            "styles": Signature(styles, from_latents, {"styles": NUMBER}),
            "decode_styles": Signature(decode_styles, taken, {"images": self.decode_output}),
        }
