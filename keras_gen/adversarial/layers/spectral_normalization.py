"""Layers that stretch no input: their kernels are divided by their largest singular values.

Miyato, Kataoka, Koyama, Yoshida 2018, "Spectral Normalization for Generative Adversarial Networks",
arXiv 1802.05957.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

# Of the vector that a kernel starts with; later there is one a training step.
_FIRST_ITERATIONS = 10


class SpectralNorm(keras.layers.Layer):
    """The largest singular value of a kernel, by power iteration, and the kernel divided by it.

    The kernel is a matrix W of `[inputs, outputs]`, a convolution's patches its inputs. The saved
    vector u follows the first singular vector of the outputs, so that |W u| is the largest singular
    value, sigma. With u held fixed the gradient of |W u| is v u^T, for v = W u / |W u|: that of
    sigma (the paper's equation 10). So what learns is W, by the gradient of W / sigma.

    Keras's own `SpectralNormalization` writes W / sigma over the kernel, and the gradient knows
    nothing of sigma.

    Args:
        kernel: of another layer, which saves it.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, kernel: keras.Variable, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        # Within a function, since it is not this layer's.
        self._read_kernel = lambda: tf.cast(tf.convert_to_tensor(kernel), tf.float32)

        def start(shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
            u = keras.initializers.RandomNormal(stddev=1.0)(shape)
            for _ in range(_FIRST_ITERATIONS):
                u = self._iterated(u)
            return u

        self.u = self.add_weight(
            (kernel.shape[-1],),
            start,
            trainable=False,
            aggregation="only_first_replica",
            autocast=False,
            name="u",
        )
        self.built = True

    def _matrix(self) -> tf.Tensor:
        kernel = self._read_kernel()
        return tf.reshape(kernel, [-1, kernel.shape[-1]])

    def _iterated(self, u: tf.Tensor) -> tf.Tensor:
        matrix = self._matrix()
        return _unit(tf.linalg.matvec(matrix, tf.linalg.matvec(matrix, u), transpose_a=True))

    def iterate(self) -> None:
        """Takes one power iteration: u becomes W^T W u, of length 1."""
        self.u.assign(self._iterated(tf.convert_to_tensor(self.u)))

    def sigma(self) -> tf.Tensor:
        """The largest singular value, differentiable: float32 scalar."""
        # Of length 1 again where it is an average of such vectors.
        u = tf.stop_gradient(_unit(tf.convert_to_tensor(self.u)))
        return _length(tf.linalg.matvec(self._matrix(), u))

    def normalized(self) -> tf.Tensor:
        """The kernel divided by its largest singular value: float32, of the kernel's shape."""
        return self._read_kernel() / self.sigma()


def power_iterations(model: keras.layers.Layer) -> None:
    """Takes one power iteration of every kernel that is normalised within a model."""
    for layer in model._flatten_layers():
        if isinstance(layer, SpectralNorm):
            layer.iterate()


def _length(x: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(x**2) + 1e-24)  # a square root has no gradient at 0


def _unit(x: tf.Tensor) -> tf.Tensor:
    return x / _length(x)


class _SpectralLayer(keras.layers.Layer):
    """A layer of Keras with a kernel, which reads it normalised."""

    _kernel: keras.Variable

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.norm = SpectralNorm(self._kernel, name="norm")

    @property
    def kernel(self) -> tf.Tensor:
        """The kernel divided by its largest singular value."""
        return tf.cast(self.norm.normalized(), self.compute_dtype)

    # Keras's layers would save what `kernel` gives.

    def save_own_variables(self, store: Any) -> None:
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        keras.layers.Layer.load_own_variables(self, store)


class SpectralDense(_SpectralLayer, keras.layers.Dense):
    """A dense layer with spectral normalisation; arguments are those of `keras.layers.Dense`."""


class SpectralConv2D(_SpectralLayer, keras.layers.Conv2D):
    """A convolution with spectral normalisation; arguments are those of `keras.layers.Conv2D`."""
