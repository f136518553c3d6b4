"""The layers of a Transformer decoder, over whole sequences or token by token.

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762; norms come first, as in Radford
et al. 2019; rotary positions are those of Su et al. 2021, arXiv 2104.09864.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gen.autoregressive.layers.causal_attention import Entries, attend, attention
from keras_gen.autoregressive.layers.masked_dense import pointwise
from keras_gen.autoregressive.layers.stepwise import Begun, Place, StepWeights, StepwiseLayer


class PositionedEmbedding(StepwiseLayer):
    """Embeds tokens where they stand: by learned positions, or by rotations handed on beside.

    It gives a list: the features, and of rotary positions cosines and sines too.

    Args:
        num_tokens: how many different tokens there are; the beginning counts as one more.
        model_dim: features of a token.
        length: of the longest sequence.
        row_length: tokens of the rows in which sequences are drawn.
        rotary_dim: features of a head, which rotary positions turn; `None` learns a vector for each
            position instead.
        num_classes: of the labels added to every token; `None` is unconditional.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        num_tokens: int,
        model_dim: int,
        length: int,
        row_length: int,
        rotary_dim: int | None = None,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_dim, self.length, self.row_length = model_dim, length, row_length
        self.rotary_dim, self.num_classes = rotary_dim, num_classes
        normal = keras.initializers.RandomNormal(stddev=0.02)
        self.vectors = self.add_weight((num_tokens + 1, model_dim), normal, name="vectors")
        if rotary_dim is None:
            self.positions = self.add_weight((length, model_dim), normal, name="positions")
        else:
            self._rotations = rotations(length, rotary_dim)
        if num_classes is not None:
            shape = (num_classes, model_dim)
            self.label_vectors = self.add_weight(shape, "zeros", name="label_vectors")
        self.built = True

    # ---- the whole sequence ----------------------------------------------------------------------

    def call(
        self, tokens: tf.Tensor, stream: Any = None, labels: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], Any]:
        """Maps `[n, time]` to `[n, time, model_dim]`, and rotations `[time, rotary_dim / 2]`."""
        time = tokens.shape[1] or tf.shape(tokens)[1]
        features = tf.gather(tf.convert_to_tensor(self.vectors), tokens)
        if self.num_classes is not None:
            features += tf.gather(tf.convert_to_tensor(self.label_vectors), labels)[:, None]
        if self.rotary_dim is None:
            return [features + tf.convert_to_tensor(self.positions)[:time]], stream
        return [features, *(tf.constant(part)[:time] for part in self._rotations)], stream

    # ---- a row, a token --------------------------------------------------------------------------

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        return num

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        positions = None if self.rotary_dim else tf.convert_to_tensor(self.positions)
        label_vectors = None
        if self.num_classes is not None:
            label_vectors = tf.gather(tf.convert_to_tensor(self.label_vectors), labels)[:, None]
        return StepWeights((positions, label_vectors), [tf.convert_to_tensor(self.vectors)])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        # The last row may go on beyond the last position: nobody sees what is drawn there.
        at = tf.minimum(row * self.row_length + tf.range(self.row_length), self.length - 1)
        positions, label_vectors = weights
        added = [] if positions is None else [tf.gather(positions, at)]
        added += [] if label_vectors is None else [label_vectors]
        features, cache = (), ()
        shared: Any = ()
        if added:
            shape = [row_cache, self.row_length, self.model_dim]
            features = tf.broadcast_to(tf.add_n(added) if len(added) == 1 else sum(added), shape)
        if self.rotary_dim is not None:
            shared = [tf.gather(part, at) for part in self._rotations]
            cache = tf.constant(0)  # the column
        return Begun(features, cache, row_cache, stream, shared)

    def step(self, inputs: list[tf.Tensor], place: Place) -> list[tf.Tensor]:
        features = tf.gather(place.weights, inputs[-1])
        if self.rotary_dim is None or self.num_classes is not None:
            features += place.features
        return [features, *(tf.gather(part, place.cache) for part in place.shared)]

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        return () if self.rotary_dim is None else place.cache + 1, ()


class TransformerBlock(StepwiseLayer):
    """Attention and a small network for each token, both added to what comes in.

    It takes and gives a list: the features, and of rotary positions cosines and sines too.

    Args:
        model_dim: features in and out.
        num_heads: of the attention; it divides `model_dim`.
        mlp_dim: hidden units of the network.
        length: of the longest sequence.
        row_length: tokens of the rows in which sequences are drawn.
        dropout: the share of what is added that is dropped in training.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        model_dim: int,
        num_heads: int,
        mlp_dim: int,
        length: int,
        row_length: int,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads, self.head_dim = num_heads, model_dim // num_heads
        self.length, self.row_length, self.dropout = length, row_length, dropout

        def dense(name: str, inputs: int, outputs: int) -> tuple[keras.Variable, keras.Variable]:
            kernel = self.add_weight((inputs, outputs), "glorot_uniform", name=f"{name}_kernel")
            return kernel, self.add_weight((outputs,), "zeros", name=f"{name}_bias")

        def norm(name: str) -> tuple[keras.Variable, keras.Variable]:
            scale = self.add_weight((model_dim,), "ones", name=f"{name}_scale")
            return scale, self.add_weight((model_dim,), "zeros", name=f"{name}_offset")

        self.attention_norm, self.mlp_norm = norm("attention_norm"), norm("mlp_norm")
        self.heads = dense("heads", model_dim, 3 * model_dim)
        self.mixed = dense("mixed", model_dim, model_dim)
        self.expand = dense("expand", model_dim, mlp_dim)
        self.contract = dense("contract", mlp_dim, model_dim)
        self.built = True

    def _weights(self) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        names = ("attention_norm", "mlp_norm", "heads", "mixed", "expand", "contract")
        return {name: tuple(map(tf.convert_to_tensor, getattr(self, name))) for name in names}

    @staticmethod
    def _query_key_value(x: tf.Tensor, weights: dict) -> list[tf.Tensor]:
        """All heads' queries, keys and values, each `[..., model_dim]`."""
        heads = dense(normed(x, *weights["attention_norm"]), *weights["heads"])
        return tf.split(heads, 3, axis=x.shape.rank - 1)

    @staticmethod
    def _mlp(x: tf.Tensor, weights: dict) -> tf.Tensor:
        """The network for each token."""
        hidden = dense(normed(x, *weights["mlp_norm"]), *weights["expand"])
        return dense(tf.nn.gelu(hidden, approximate=True), *weights["contract"])

    # ---- the whole sequence ----------------------------------------------------------------------

    def call(
        self,
        features: list[tf.Tensor],
        stream: Any = None,
        labels: tf.Tensor | None = None,
        dropout_seeds: tuple[tf.Tensor | None, ...] = (None, None),
    ) -> tuple[list[tf.Tensor], Any]:
        """Maps `[n, time, model_dim]` to the same, and hands on rotations and the stream.

        Args:
            features: a list, see above.
            stream: handed on.
            labels: not looked at.
            dropout_seeds: two, int32 `[2]` each; `None` drops nothing.
        """
        x, *rotation = features
        weights = self._weights()
        shape = tf.concat([tf.shape(x)[:2], [self.num_heads, self.head_dim]], axis=0)
        query, key, value = (tf.reshape(part, shape) for part in self._query_key_value(x, weights))
        if rotation:
            by_token = [part[:, None] for part in rotation]
            query, key = rotated(query, by_token), rotated(key, by_token)
        mixed = dense(attention(query, key, value), *weights["mixed"])
        x += self._dropped(mixed, dropout_seeds[0])
        return [x + self._dropped(self._mlp(x, weights), dropout_seeds[1]), *rotation], stream

    def _dropped(self, x: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        if seed is None or not self.dropout:
            return x
        return tf.nn.experimental.stateless_dropout(x, self.dropout, seed)

    # ---- a row, a token --------------------------------------------------------------------------

    def empty(self, num: tf.Tensor, columns: int) -> Any:
        entries = -(-self.length // columns) * columns
        return Entries.empty(num, self.num_heads, entries, self.head_dim, self.head_dim)

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        return StepWeights(None, [self._weights()])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        num, sizes = tf.shape(row_cache.keys)[0], (self.head_dim, self.head_dim)
        recent = Entries.empty(num, self.num_heads, self.row_length, *sizes)
        return Begun(
            features=(),
            cache=[tf.constant(0), *recent],  # how many entries of this row there are, and they
            row_cache=(row, row_cache),
            stream=stream,
            shared=(row * self.row_length, row_cache),
        )

    def step(self, inputs: list[tf.Tensor], place: Place) -> list[tf.Tensor]:
        x, *rotation = inputs[-1]
        num_past, past = place.shared
        num_recent, *recent = place.cache
        query, key, value = (
            tf.reshape(part, [-1, self.num_heads, self.head_dim])
            for part in self._query_key_value(x, place.weights)
        )
        if rotation:
            query, key = rotated(query, rotation), rotated(key, rotation)
        recent = Entries(*recent).put(num_recent, key[:, :, None], value[:, :, None])
        num_recent += 1
        place.column["cache"] = [num_recent, *recent]
        mixed = attend(query, past, num_past, recent, num_recent)
        x += dense(mixed, *place.weights["mixed"])
        return [x + self._mlp(x, place.weights), *rotation]

    def end_column(self, inputs: list[tf.Tensor], place: Place) -> tuple[Any, Any]:
        return place.column["cache"], ()

    def end_row(self, row_cache: Any, cache: Any, kept: Any) -> Any:
        row, past = row_cache
        return past.put(row, *cache[1:])


class NormedHead(StepwiseLayer):
    """A norm, and a product: from features to logits.

    Args:
        model_dim: features in.
        num_tokens: logits out.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, model_dim: int, num_tokens: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = self.add_weight((model_dim,), "ones", name="scale")
        self.offset = self.add_weight((model_dim,), "zeros", name="offset")
        self.kernel = self.add_weight((model_dim, num_tokens), "glorot_uniform", name="kernel")
        self.built = True

    def _weights(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(x) for x in (self.scale, self.offset, self.kernel)]

    def call(self, features: list[tf.Tensor]) -> tf.Tensor:
        """Maps a list whose first is `[n, time, model_dim]` to logits `[n, time, num_tokens]`."""
        scale, offset, kernel = self._weights()
        return pointwise(normed(features[0], scale, offset), kernel)

    def step_weights(self, labels: tf.Tensor | None = None) -> StepWeights:
        return StepWeights(None, [self._weights()])

    def begin_row(self, row: tf.Tensor, stream: Any, row_cache: Any, weights: Any) -> Begun:
        return Begun((), (), row_cache, stream)

    def step(self, inputs: list[tf.Tensor], place: Place) -> tf.Tensor:
        scale, offset, kernel = place.weights
        return tf.matmul(normed(inputs[-1][0], scale, offset), kernel)


def dense(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """A dense layer over the last axis of `[n, k]` or `[n, time, k]`."""
    product = tf.matmul(x, kernel) if x.shape.rank == 2 else pointwise(x, kernel)
    return product + bias


def normed(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Layer normalization (Ba et al. 2016, arXiv 1607.06450), in float32."""
    wide, axis = tf.cast(x, tf.float32), x.shape.rank - 1
    centred = wide - tf.reduce_mean(wide, axis=axis, keepdims=True)
    variance = tf.reduce_mean(centred * centred, axis=axis, keepdims=True)
    return tf.cast(centred * tf.math.rsqrt(variance + 1e-5), x.dtype) * scale + offset


def rotated(x: tf.Tensor, rotation: list[tf.Tensor]) -> tf.Tensor:
    """Turns the pairs of features of `[..., heads, head_dim]` by cosines and sines."""
    axis = x.shape.rank - 1
    a, b = tf.split(x, 2, axis=axis)
    cos, sin = rotation
    return tf.concat([a * cos - b * sin, a * sin + b * cos], axis=axis)


def rotations(length: int, head_dim: int) -> list[np.ndarray]:
    """Cosines and sines of rotary positions: float32 `[length, head_dim / 2]` each."""
    frequencies = 10000.0 ** (-np.arange(0, head_dim, 2) / head_dim)
    angles = np.arange(length)[:, None] * frequencies
    return [np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)]
