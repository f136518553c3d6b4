"""What models share that make pictures larger: their data, their content loss, their measures.

They learn from pictures of full resolution alone, which they downsize by themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks, metrics
from keras_gen.formats import Images
from keras_gen.layers.bicubic import downsized
from keras_gen.model import Conditions
from keras_gen.translator import Translator

SCALES = (2, 4)
# The least side of a training picture, in pixels of its small version.
_LEAST_SIDE = 2


class SuperResolution(Translator):
    """A model that makes pictures larger: it supplies `enlarge`.

    Args:
        image_shape: (height, width, channels) of training pictures, such as crops of a photo; the
            model itself takes pictures of any size, so that both sides may be `None`.
        levels: how many values a channel takes, 2 to 256.
        scale: how many times as large a picture becomes, 2 or 4.
        **kwargs: of `Model`.
    """

    def __init__(
        self, image_shape: Sequence[int | None], levels: int = 256, *, scale: int = 4, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        checks.pictures_alone(type(self).__name__, self.num_classes)
        # Kept as given: what training saw says which sides a user may expect to work well.
        self.image_shape = checks.image_shape(image_shape, free_sides=True)
        self.format = Images((None, None, self.image_shape[-1]), levels)
        self.levels = self.format.levels
        self.scale = checks.one_of("scale", scale, SCALES)
        self._check_sides("image_shape", self.image_shape[:2])
        # Held by functions alone, so that Keras neither tracks nor saves the network.
        self._features: Callable[[tf.Tensor], Any] | None = None
        self._fingerprint: str | None = None

    def enlarge(self, small: tf.Tensor, training: bool) -> tf.Tensor:
        """Makes pictures larger.

        Args:
            small: stored pictures `[n, height, width, channels]`.
            training: whether layers run in training mode.

        Returns:
            float32 `[n, scale * height, scale * width, channels]`, about in [-1, 1].
        """
        raise NotImplementedError(f"{type(self).__name__} must supply enlarge().")

    # ---- data ------------------------------------------------------------------------------------

    def unpack(self, data: Any) -> tuple[tf.Tensor, Conditions]:
        x, conditions = super().unpack(data)
        self._check_sides("x", x.shape[1:3])
        # Sides that the scale does not divide lose their last pixels, as the field does.
        height, width = (x.shape[axis] or tf.shape(x)[axis] for axis in (1, 2))
        return x[:, : height - height % self.scale, : width - width % self.scale], conditions

    def _check_sides(self, name: str, sides: Sequence[int | None]) -> None:
        least = _LEAST_SIDE * self.scale
        if any(side is not None and side < least for side in sides):
            raise ValueError(
                f"{name} must have sides of at least {least} pixels, {_LEAST_SIDE} at scale "
                f"{self.scale}, received {' x '.join(map(str, sides))}."
            )

    def downsize(self, x: tf.Tensor) -> tf.Tensor:
        """Stored pictures, smaller by the scale, as stored: bicubic, antialiased and rounded."""
        return self.format.store(downsized(tf.cast(x, tf.float32), self.scale))

    # ---- content ---------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = None,
        loss: Any = None,
        *,
        content_network: keras.Model | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepares the model for training.

        Args:
            optimizer: as models of this kind take it.
            loss: must be `None`: the model brings its own objective.
            content_network: a Keras model whose features are compared, in place of pixels. It is
                given float32 pictures `[n, height, width, channels]` in [-1, 1], and may give
                several outputs. It learns nothing, and is not saved: see `provide`. `None`
                compares pixels.
            **kwargs: of `compile` of models of this kind.

        Raises:
            ValueError: `content_network` does not take such pictures; a loss or metrics were given.

        Example:
            >>> vgg = keras.applications.VGG19(include_top=False, input_shape=(96, 96, 3))
            >>> model.compile(
            ...     content_network=keras.Sequential(
            ...         [
            ...             keras.layers.Rescaling(127.5, 127.5),
            ...             keras.layers.Lambda(keras.applications.vgg19.preprocess_input),
            ...             keras.Model(vgg.input, vgg.get_layer("block5_conv4").output),
            ...             keras.layers.Rescaling(1 / 12.75),
            ...         ]
            ...     )
            ... )
        """
        features = fingerprint = None
        if content_network is not None:
            features = self._features_of(content_network)
            fingerprint = _fingerprint(content_network)
        super().compile(optimizer, loss, **kwargs)
        self._features, self._fingerprint = features, fingerprint

    def provide(self, *, content_network: keras.Model) -> None:
        """Gives a loaded model the network that it was compiled with, so that it can go on.

        Args:
            content_network: the same network, with the same weights.

        Raises:
            ValueError: it is another one, or the model learns without.

        Example:
            >>> model = keras.models.load_model("srgan.keras")
            >>> model.provide(content_network=network)
            >>> model.fit(crops)
        """
        if self._fingerprint is None:
            raise ValueError(
                "content_network must not be given: the model compares pixels; compile takes one."
            )
        features = self._features_of(content_network)
        if _fingerprint(content_network) != self._fingerprint:
            raise ValueError(
                "content_network must be the one that the model was compiled with, received "
                f"{content_network.name!r}, whose layers or weights are others; compile takes it."
            )
        self._features = features

    def _features_of(self, network: Any) -> Callable[[tf.Tensor], Any]:
        """A network as a function, of which Keras sees nothing."""
        shape = [None, *self.image_shape]
        try:
            if not isinstance(network, keras.Model):
                raise TypeError(f"a {type(network).__name__}")
            network(keras.Input(self.image_shape))
        except Exception as error:  # layers have their own
            raise ValueError(
                f"content_network must be a Keras model that takes pictures {shape}, received "
                f"{getattr(network, 'name', type(network).__name__)!r}: "
                f"{' '.join(str(error).split())[:200]}."
            ) from error
        return lambda pictures: network(pictures, training=False)

    def content_error(self, real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
        """The mean squared error of each picture, in pixels or in features: float32 `[n]`.

        Args:
            real: float32 pictures in [-1, 1].
            made: likewise.

        Raises:
            ValueError: a loaded model lacks its content network.
        """
        if self._fingerprint is None:
            return _squared_error(real, made)
        if self._features is None:
            raise ValueError(
                "content_network must be provided before training goes on, as in "
                "model.provide(content_network=...): it is not saved with the model."
            )
        pairs = zip(
            keras.tree.flatten(self._features(real)),
            keras.tree.flatten(self._features(made)),
            strict=True,
        )
        return tf.add_n([_squared_error(of_real, of_made) for of_real, of_made in pairs])

    # A loaded model knows which network it wants.

    def get_compile_config(self) -> dict | None:
        config = super().get_compile_config()
        return config and {"content": self._fingerprint, "others": config}

    def compile_from_config(self, config: dict) -> None:
        super().compile_from_config(config["others"])
        self._fingerprint = config["content"]

    # ---- use -------------------------------------------------------------------------------------

    def upscale(self, images: Any) -> np.ndarray:
        """Makes pictures larger: `translate`, by the name that the field has for it.

        Args:
            images: stored pictures `[n, height, width, channels]` of any size.

        Returns:
            Stored pictures `[n, scale * height, scale * width, channels]`.

        Raises:
            ValueError: they are of another shape or kind, or out of range.

        Example:
            >>> model.upscale(photos).shape
            (1, 1024, 1536, 3)
        """
        return self.translate(images)

    def _translate(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        return self.format.from_unit(self.enlarge(x, training=False))

    def measure(
        self, x: np.ndarray, y: Any = None, batch_size: int = 250, *, num_samples: int = 50
    ) -> dict[str, tuple[float, str]]:
        """Scores the model beside bicubic upscaling, on pictures that it is given small.

        SSIM is left out where pictures are smaller than its window.

        Args:
            x: stored pictures of full resolution.
            y: not looked at.
            batch_size: pictures at a time; no score depends on it.
            num_samples: not looked at.

        Returns:
            Pairs of a float and its unit, by name; see `keras_gen.metrics.psnr` and `ssim`.
        """
        sums: dict[str, float] = {}
        for start in range(0, len(x), batch_size):
            truth, _ = self.unpack(x[start : start + batch_size])
            small = self.downsize(truth)
            upscaled = {"": self.upscale(small.numpy()), "bicubic_": self.bicubic(small)}
            for whose, images in upscaled.items():
                for name, score in {"psnr": metrics.psnr, "ssim": metrics.ssim}.items():
                    if name == "ssim" and min(truth.shape[1:3]) < 11 + 2 * self.scale:
                        continue
                    values = score(images, truth.numpy(), self.scale, self.levels)
                    sums[whose + name] = sums.get(whose + name, 0.0) + float(values.sum())
        units = {"psnr": "dB", "ssim": "of 1"}
        return {name: (value / len(x), units[name[-4:]]) for name, value in sums.items()}

    def bicubic(self, small: tf.Tensor) -> np.ndarray:
        """Stored pictures made larger without a network: what the model has to be better than."""
        sides = self.scale * np.array(small.shape[1:3])
        resized = tf.image.resize(tf.cast(small, tf.float32), sides, "bicubic", antialias=True)
        return self.format.store(resized).numpy()


def _squared_error(real: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    error = tf.cast(made, tf.float32) - tf.cast(real, tf.float32)
    return tf.reduce_mean(error**2, axis=range(1, error.shape.rank))


def _fingerprint(network: keras.Model) -> str:
    """A hash of a network's layers, by their kinds, and of its weights."""
    digest = hashlib.sha256()
    for layer in network._flatten_layers():
        digest.update(type(layer).__name__.encode())
    for weight in network.weights:
        value = keras.ops.convert_to_numpy(weight)
        digest.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    return digest.hexdigest()
