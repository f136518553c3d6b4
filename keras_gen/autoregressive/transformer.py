"""A Transformer decoder over pixels, codes, characters, sound or any tokens.

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762; norms come first, as in Radford
et al. 2019; rotary positions are those of Su et al. 2021, arXiv 2104.09864.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.autoregressive.layers.transformer_block import (
    NormedHead,
    PositionedEmbedding,
    TransformerBlock,
)
from keras_gen.autoregressive.sequence_model import SequenceModel
from keras_gen.formats import Format, Tokenized
from keras_gen.model import Conditions
from keras_gen.signature import Input

POSITIONS = ("learned", "rotary")


@keras.saving.register_keras_serializable("keras_gen")
class Transformer(SequenceModel):
    """Text, sound, pictures or any tokens, with exact likelihoods: a decoder-only Transformer.

    Norms come first, as in GPT-2 (Radford et al. 2019); unlike there, weights start alike at any
    depth, and the logits' weights are not those of the embedding. `compile()` clips the gradient of
    the loss, a sum over tokens, to a norm of 100.

    Args:
        format: what tokens stand for: `Images`, `Codes`, `Text`, `Sound` or `Tokens`.
        length: the longest sequence, and that of a sample; `None` where the format says it.
        model_dim: features of a token; a multiple of `num_heads`, and with rotary positions of
            twice as many.
        num_heads: of each attention.
        num_blocks: how many there are.
        mlp_dim: hidden units between attentions; `None` is `4 * model_dim`.
        positions: "learned", a vector for each, or "rotary", a turn of keys and queries.
        dropout: the share of each residual's features dropped in training.
        num_classes: of the labels added to every token; `None` is unconditional.
        **kwargs: of `Model`: `average_decay`, `seed` (of the dropout).

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = Transformer(Text("abc "), length=128)
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
        format: Tokenized,
        length: int | None = None,
        *,
        model_dim: int = 128,
        num_heads: int = 4,
        num_blocks: int = 4,
        mlp_dim: int | None = None,
        positions: str = "learned",
        dropout: float = 0.0,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(format, length, num_classes=num_classes, **kwargs)
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
        self.row_length = format.row or self.row_length

        self.embedding = PositionedEmbedding(
            format.num_tokens,
            model_dim,
            self.length,
            self.row_length,
            rotary_dim=model_dim // num_heads if positions == "rotary" else None,
            num_classes=num_classes,
            dtype="float32",
            name="embedding",
        )
        self.blocks = [
            TransformerBlock(
                model_dim,
                num_heads,
                self.mlp_dim,
                self.length,
                self.row_length,
                dropout,
                dtype=self.dtype_policy,
                name=f"block_{i + 1}",
            )
            for i in range(num_blocks)
        ]
        self.head = NormedHead(model_dim, format.num_tokens, dtype="float32", name="head")
        self.stack = [self.embedding, *self.blocks, self.head]
        self.finish_build()

    # ---- data ------------------------------------------------------------------------------------

    def data_input(self) -> Input:
        # An image's input has its own sizes, and no use for a longest one.
        longest = None if self.format.length else self.length
        return dataclasses.replace(super().data_input(), longest=longest)

    def check_data(self, x: Any, name: str = "x") -> np.ndarray:
        x = super().check_data(x, name)
        self.check_together({self.format.name: x})
        return x

    def check_together(self, inputs: dict[str, Any]) -> None:
        x = inputs.get(self.format.name)
        if x is None or self.format.length is not None:
            return
        if x.shape[1] is not None and x.shape[1] > self.length:
            raise ValueError(f"x must have at most {self.length} tokens, received {x.shape[1]}.")

    @classmethod
    def options_for(cls, format: Format, length: int | None = None) -> dict[str, Any]:
        if not isinstance(format, Tokenized):
            raise ValueError(
                f"data must be of a kind that {cls.__name__} models, received {format.name}."
            )
        return {"format": format} if format.length else {"format": format, "length": length}

    # ---- objective -------------------------------------------------------------------------------

    def _parameters(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        tokens = self.shifted(self.format.to_tokens(x))
        features, _ = self.embedding(tokens, labels=conditions.get("labels"))
        seeds = self.dropout_seeds(training)
        for block in self.blocks:
            features, _ = block(features, dropout_seeds=(next(seeds), next(seeds)))
        return self.head(features)
