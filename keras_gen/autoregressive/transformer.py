"""A Transformer decoder over pixels, characters, sound or any tokens.

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762; norms come first, as in Radford
et al. 2019; rotary positions are those of Su et al. 2021, arXiv 2104.09864.
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.causal_attention import Entries, attend, attention
from keras_gen.autoregressive.masked_dense import pointwise
from keras_gen.autoregressive.sequence_model import SequenceModel
from keras_gen.autoregressive.tokenizers import Pixels, Tokenizer

POSITIONS = ("learned", "rotary")


class TransformerBlock(keras.layers.Layer):
    """Attention and a small network for each place, both as residuals of normed features.

    Args:
        model_dim: features in and out.
        num_heads: of the attention; it divides `model_dim`.
        mlp_dim: hidden units of the network.
        dropout: the share of each residual's features dropped in training.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self, model_dim: int, num_heads: int, mlp_dim: int, dropout: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.num_heads, self.head_dim, self.dropout = num_heads, model_dim // num_heads, dropout

        def dense(name, inputs, outputs):
            kernel = self.add_weight((inputs, outputs), "glorot_uniform", name=f"{name}_kernel")
            return kernel, self.add_weight((outputs,), "zeros", name=f"{name}_bias")

        def norm(name):
            scale = self.add_weight((model_dim,), "ones", name=f"{name}_scale")
            return scale, self.add_weight((model_dim,), "zeros", name=f"{name}_offset")

        self.attention_norm, self.mlp_norm = norm("attention_norm"), norm("mlp_norm")
        self.heads = dense("heads", model_dim, 3 * model_dim)
        self.mixed = dense("mixed", model_dim, model_dim)
        self.expand = dense("expand", model_dim, mlp_dim)
        self.contract = dense("contract", mlp_dim, model_dim)
        self.built = True

    def call(self, x, rotation=None, dropout_seeds=(None, None)):
        """Maps `[n, time, model_dim]` to the same.

        Args:
            x: features.
            rotation: of rotary positions, `[time, head_dim / 2]` each; `None` is none.
            dropout_seeds: two, int32 `[2]` each; `None` drops nothing.
        """
        shape = tf.concat([tf.shape(x)[:2], [self.num_heads, self.head_dim]], axis=0)
        query, key, value = (tf.reshape(part, shape) for part in self.query_key_value(x))
        if rotation is not None:
            rotation = [part[:, None] for part in rotation]
            query, key = rotated(query, rotation), rotated(key, rotation)
        x += self._dropped(_dense(attention(query, key, value), self.mixed), dropout_seeds[0])
        return x + self._dropped(self.mlp(x), dropout_seeds[1])

    def _dropped(self, x: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        if seed is None or not self.dropout:
            return x
        return tf.nn.experimental.stateless_dropout(x, self.dropout, seed)

    def query_key_value(self, x: tf.Tensor) -> list[tf.Tensor]:
        """All heads' queries, keys and values, each `[..., model_dim]`."""
        heads = _dense(_normed(x, self.attention_norm), self.heads)
        return tf.split(heads, 3, axis=x.shape.rank - 1)

    def mlp(self, x: tf.Tensor) -> tf.Tensor:
        """The network for each place."""
        hidden = tf.nn.gelu(_dense(_normed(x, self.mlp_norm), self.expand), approximate=True)
        return _dense(hidden, self.contract)

    def step(self, x, rotation, past: Entries, num_past, recent: Entries, column) -> tuple:
        """One place: its features `[n, model_dim]`, and the block's entries with its own.

        Args:
            x: features of the place, `[n, model_dim]`.
            rotation: of its position, or `None`.
            past: entries of the blocks before.
            num_past: how many there are.
            recent: entries of the block under way.
            column: the place within it.
        """
        query, key, value = (
            tf.reshape(part, [-1, self.num_heads, self.head_dim])
            for part in self.query_key_value(x)
        )
        if rotation is not None:
            query, key = rotated(query, rotation), rotated(key, rotation)
        recent = recent.put(column, key[:, :, None], value[:, :, None])
        mixed = attend(query, past, num_past, recent, column + 1)
        x += _dense(mixed, self.mixed)
        return x + self.mlp(x), recent


def _dense(x: tf.Tensor, layer: tuple) -> tf.Tensor:
    kernel, bias = (tf.convert_to_tensor(part) for part in layer)
    product = tf.matmul(x, kernel) if x.shape.rank == 2 else pointwise(x, kernel)
    return product + bias


def _normed(x: tf.Tensor, layer: tuple) -> tf.Tensor:
    """Layer normalization (Ba et al. 2016, arXiv 1607.06450), in float32."""
    scale, offset = (tf.cast(part, x.dtype) for part in layer)
    wide = tf.cast(x, tf.float32)
    axis = x.shape.rank - 1
    centred = wide - tf.reduce_mean(wide, axis=axis, keepdims=True)
    variance = tf.reduce_mean(centred * centred, axis=axis, keepdims=True)
    return tf.cast(centred * tf.math.rsqrt(variance + 1e-5), x.dtype) * scale + offset


def rotated(x: tf.Tensor, rotation: list[tf.Tensor]) -> tf.Tensor:
    """Turns the pairs of features of `[..., heads, head_dim]` by cosines and sines."""
    axis = x.shape.rank - 1
    a, b = tf.split(x, 2, axis=axis)
    cos, sin = (tf.cast(part, x.dtype) for part in rotation)
    return tf.concat([a * cos - b * sin, a * sin + b * cos], axis=axis)


def rotations(length: int, head_dim: int) -> list[np.ndarray]:
    """Cosines and sines of rotary positions: float32 `[length, head_dim / 2]` each."""
    frequencies = 10000.0 ** (-np.arange(0, head_dim, 2) / head_dim)
    angles = np.arange(length)[:, None] * frequencies
    return [np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)]


@keras.saving.register_keras_serializable("keras_gen")
class Transformer(SequenceModel):
    """A decoder-only Transformer.

    Args:
        tokenizer: what tokens stand for: `Pixels`, `Characters`, `MuLaw` or `Tokens`.
        length: the longest sequence, and that of a sample; `None` where the tokenizer says it.
        model_dim: features of a place; a multiple of `num_heads`, and with rotary positions of
            twice as many.
        num_heads: of each attention.
        num_blocks: how many there are.
        mlp_dim: hidden units between attentions; `None` is `4 * model_dim`.
        positions: "learned", a vector for each, or "rotary", a turn of keys and queries.
        dropout: the share of each residual's features dropped in training.
        num_classes: of the labels added to every place; `None` is unconditional.
        seed: of the dropout.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = Transformer(Characters("abc "), length=128)
        >>> model.compile()
        >>> model.generate("a", length=50, seed=0)

    Vaswani et al. 2017, arXiv 1706.03762.
    """

    default_optimizer: ClassVar[dict[str, float]] = {
        "learning_rate": 1e-3,
        "global_clipnorm": 100.0,
    }

    # ---- networks --------------------------------------------------------------------------------

    def __init__(
        self,
        tokenizer: Tokenizer,
        length: int | None = None,
        model_dim: int = 128,
        num_heads: int = 4,
        num_blocks: int = 4,
        mlp_dim: int | None = None,
        positions: str = "learned",
        dropout: float = 0.0,
        num_classes: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(tokenizer, length=length, num_classes=num_classes, seed=seed, **kwargs)
        self.num_heads = checks.positive("num_heads", num_heads)
        if positions not in POSITIONS:
            raise ValueError(
                f"positions must be one of {', '.join(POSITIONS)}, received {positions!r}."
            )
        self.positions = positions
        base = num_heads * (2 if positions == "rotary" else 1)
        self.model_dim = checks.multiple_of("model_dim", model_dim, base, "for its heads")
        self.num_blocks = checks.in_range("num_blocks", num_blocks, 1, 1000)
        self.mlp_dim = checks.positive("mlp_dim", 4 * model_dim if mlp_dim is None else mlp_dim)
        self.dropout = checks.share("dropout", dropout)
        if isinstance(tokenizer, Pixels):
            _, width, channels = tokenizer.image_shape
            self.block = width * channels  # a row

        num_tokens = tokenizer.num_tokens
        normal = keras.initializers.RandomNormal(stddev=0.02)
        self.embedding = self.add_weight((num_tokens + 1, model_dim), normal, name="embedding")
        if positions == "learned":
            shape = (self.length, model_dim)
            self.position_embedding = self.add_weight(shape, normal, name="position_embedding")
        self._rotations = rotations(self.length, model_dim // num_heads)
        if num_classes is not None:
            shape = (num_classes, model_dim)
            self.label_embedding = self.add_weight(shape, "zeros", name="label_embedding")
        self.blocks = [
            TransformerBlock(
                model_dim,
                num_heads,
                self.mlp_dim,
                dropout,
                dtype=self.dtype_policy,
                name=f"block_{i + 1}",
            )
            for i in range(num_blocks)
        ]
        self.scale = self.add_weight((model_dim,), "ones", name="scale")
        self.offset = self.add_weight((model_dim,), "zeros", name="offset")
        self.head = self.add_weight((model_dim, num_tokens), "glorot_uniform", name="head")
        self.built = True

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels), of a model of images."""
        return getattr(self.tokenizer, "image_shape", None)

    @property
    def levels(self) -> int:
        """How many values a token takes."""
        return self.tokenizer.num_tokens

    def _check_length(self, time: int | None) -> None:
        if time is not None and time > self.length:
            raise ValueError(f"x must have at most {self.length} tokens, received {time}.")

    def check_data(self, x, name="x"):
        x = super().check_data(x, name)
        if self.tokenizer.length is None:
            self._check_length(x.shape[1])
        return x

    # ---- objective -------------------------------------------------------------------------------

    def call(self, x, labels=None, training=False):
        inputs = self.shifted(self.tokenizer.encode(x))
        self._check_length(inputs.shape[1])
        time = tf.shape(inputs)[1]
        features = self._embedded(inputs, labels, slice(None, time))
        rotation = None
        if self.positions == "rotary":
            rotation = [tf.constant(part)[:time] for part in self._rotations]
        seeds = self.dropout_seeds(training)
        features = tf.cast(features, self.compute_dtype)
        for block in self.blocks:
            features = block(features, rotation, (next(seeds), next(seeds)))
        return self._logits(features)

    def _embedded(self, tokens: tf.Tensor, labels, at: Any) -> tf.Tensor:
        """Features of tokens `[n]` or `[n, time]`, at a place or a slice of them."""
        features = tf.gather(self.embedding, tokens)
        if self.positions == "learned":
            features += tf.convert_to_tensor(self.position_embedding)[at]
        if self.num_classes is not None:
            of_label = tf.gather(self.label_embedding, labels)
            features += of_label if tokens.shape.rank == 1 else of_label[:, None]
        return features

    def _logits(self, features: tf.Tensor) -> tf.Tensor:
        normed = _normed(tf.cast(features, tf.float32), (self.scale, self.offset))
        head = tf.cast(self.head, tf.float32)
        return tf.matmul(normed, head) if normed.shape.rank == 2 else pointwise(normed, head)

    # ---- sampling --------------------------------------------------------------------------------

    def _no_entries(self, num: tf.Tensor, count: int) -> list[Entries]:
        head_dim = self.model_dim // self.num_heads
        return [Entries.empty(num, self.num_heads, count, head_dim, head_dim) for _ in self.blocks]

    def start(self, num, labels):
        num_blocks = -(-self.length // self.block)
        return labels, (num, self._no_entries(num, num_blocks * self.block))

    def begin_block(self, block, cache, weights):
        num, past = cache
        column_cache = tf.constant(0), self._no_entries(num, self.block)
        return (), column_cache, (block * self.block, past)

    def step(self, token, features, cache, weights, shared):
        column, recent = cache
        num_past, past = shared
        # Beyond the last place there are places that fill the last block: nobody sees them.
        at = tf.minimum(num_past + column, self.length - 1)
        rotation = None
        if self.positions == "rotary":
            rotation = [tf.gather(part, at) for part in self._rotations]
        x = self._embedded(token, weights, at)
        next_recent = []
        for block, old, new in zip(self.blocks, past, recent, strict=True):
            x, new = block.step(x, rotation, old, num_past, new, column)
            next_recent.append(new)
        return self._logits(x), (column + 1, next_recent), ()

    def end_block(self, block, cache, column_cache, kept):
        num, past = cache
        _, recent = column_cache
        return num, [old.put(block, *new) for old, new in zip(past, recent, strict=True)]
