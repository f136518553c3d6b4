"""The last layer of a discriminator: what it says of features, and how labels enter it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_gen.adversarial.layers.spectral_normalization import SpectralNorm

CONDITIONINGS = ("concatenation", "auxiliary", "projection")


class Judgement(keras.layers.Layer):
    """From features to a logit, with labels by one of three ways.

    With "concatenation" labels came with the data, and the logit is linear in the features (Mirza &
    Osindero 2014, arXiv 1411.1784); "auxiliary" guesses the label beside it (AC-GAN: Odena, Olah,
    Shlens 2017, arXiv 1610.09585); "projection" adds the product of the features with a vector of
    the label (Miyato & Koyama 2018, arXiv 1802.05637).

    Args:
        num_features: length of the features.
        num_classes: how many labels there are; `None` is unconditional.
        conditioning: one of the three.
        kernel_initializer: of the kernels.
        spectral_normalization: whether kernels, vectors of labels too, are divided by their largest
            singular values (Miyato et al. 2018, arXiv 1802.05957).
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        num_features: int,
        num_classes: int | None,
        conditioning: str = "concatenation",
        kernel_initializer: Any = "glorot_uniform",
        spectral_normalization: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.kind = conditioning if num_classes is not None else "concatenation"
        start = keras.initializers.get(kernel_initializer)
        self.kernel = self.add_weight((num_features, 1), start, name="kernel")
        self.bias = self.add_weight((1,), "zeros", name="bias")
        if self.kind == "auxiliary":
            self.class_kernel = self.add_weight(
                (num_features, num_classes), start.clone(), name="class_kernel"
            )
            self.class_bias = self.add_weight((num_classes,), "zeros", name="class_bias")
        if self.kind == "projection":
            self.embedding = self.add_weight(
                (num_classes, num_features), start.clone(), name="embedding"
            )
        matrices = [weight for weight in self.trainable_weights if len(weight.shape) == 2]
        self.norms = {
            weight.name: SpectralNorm(weight, name=f"norm_of_{weight.name}")
            for weight in (matrices if spectral_normalization else [])
        }
        self.built = True

    def _read(self, weight: keras.Variable) -> tf.Tensor:
        norm = self.norms.get(weight.name)
        return tf.convert_to_tensor(weight) if norm is None else norm.normalized()

    def call(self, features: tf.Tensor, labels: tf.Tensor | None = None) -> Any:
        """Judges features.

        Args:
            features: `[n, num_features]`.
            labels: int32 `[n]`, of "projection".

        Returns:
            Logits `[n]`; of "auxiliary", a dict of them as "validity" and of "classes"
            `[n, num_classes]`.
        """
        features = tf.cast(features, tf.float32)
        validity = (tf.matmul(features, self._read(self.kernel)) + self.bias)[:, 0]
        if self.kind == "auxiliary":
            classes = tf.matmul(features, self._read(self.class_kernel)) + self.class_bias
            return {"validity": validity, "classes": classes}
        if self.kind == "projection":
            vectors = tf.gather(self._read(self.embedding), labels)
            validity += tf.reduce_sum(vectors * features, axis=1)
        return validity
