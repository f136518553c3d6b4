"""The wiring of a U-Net: blocks that make pictures smaller, and blocks that see what those saw.

Ronneberger, Fischer, Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
arXiv 1505.04597.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class UNet(keras.Model):
    """Blocks down, a middle, and as many blocks up, each with what its opposite made.

    Blocks are layers called as `block(x, context=context, training=training)`; what the context
    is, they know: noise, time, nothing. A block up is given its features and those of its opposite,
    joined on channels.

    Args:
        downs: blocks from the picture inwards.
        middle: the innermost block.
        ups: blocks outwards, the innermost first; the last one makes what the network gives.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: there are not as many blocks up as down.
    """

    def __init__(
        self,
        downs: Sequence[keras.layers.Layer],
        middle: keras.layers.Layer,
        ups: Sequence[keras.layers.Layer],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(downs) != len(ups):
            raise ValueError(f"ups must be as many as the {len(downs)} downs, received {len(ups)}.")
        self.downs, self.middle, self.ups = list(downs), middle, list(ups)

    def call(self, x: tf.Tensor, context: Any = None, training: bool = False) -> tf.Tensor:
        """Runs the blocks.

        Args:
            x: `[n, height, width, channels]`.
            context: for all blocks.
            training: whether blocks run in training mode.

        Returns:
            What the last block makes.
        """
        seen = []
        for block in self.downs:
            x = block(x, context=context, training=training)
            seen.append(x)
        x = self.middle(x, context=context, training=training)
        for block in self.ups:
            x = block(tf.concat([x, seen.pop()], axis=-1), context=context, training=training)
        return x


class Chain(keras.layers.Layer):
    """Blocks one after the other, as one block.

    Args:
        blocks: see `UNet`.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, blocks: Sequence[keras.layers.Layer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blocks = list(blocks)

    def call(self, x: tf.Tensor, context: Any = None, training: bool = False) -> tf.Tensor:
        for block in self.blocks:
            x = block(x, context=context, training=training)
        return x
