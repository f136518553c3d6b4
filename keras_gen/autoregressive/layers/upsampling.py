"""From the frames of a sound to its samples."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf


class Upsampling(keras.layers.Layer):
    """From frames to samples: a transposed convolution of two frames, each channel by itself.

    Before training, it draws a straight line from each frame to the next.

    Args:
        hop: samples of a frame.
        channels: of the frames.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, hop: int, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hop, self.channels = hop, channels
        after = np.repeat(np.arange(hop)[:, None] / hop, channels, axis=1)
        shape, start = (2, hop, channels), np.stack([1.0 - after, after])
        self.kernel = self.add_weight(shape, lambda *_, **__: start, name="kernel")
        self.built = True

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        """Maps `[n, frames, channels]` to `[n, frames * hop, channels]`."""
        following = tf.concat([frames[:, 1:], frames[:, -1:]], axis=1)
        this, after = tf.unstack(tf.convert_to_tensor(self.kernel))
        samples = frames[:, :, None] * this + following[:, :, None] * after
        return tf.reshape(samples, [-1, tf.shape(frames)[1] * self.hop, self.channels])
