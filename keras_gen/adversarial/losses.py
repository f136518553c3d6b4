"""The objectives of the two-player game, per example.

Each takes the discriminator's logits of real and of generated examples, and gives the loss that
the discriminator minimises and the loss that the generator minimises, in nats.
"""

from __future__ import annotations

import keras
import tensorflow as tf


def _discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(x) - log(1 - D(G(z))): the cross-entropy of telling real from generated."""
    return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


@keras.saving.register_keras_serializable("keras_gen")
def minimax(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The zero-sum game: the generator minimises log(1 - D(G(z))).

    Args:
        real_logits: float32 `[n]`.
        fake_logits: float32 `[n]`.

    Returns:
        The discriminator's and the generator's loss, float32 `[n]` each.

    Example:
        >>> discriminator_loss, generator_loss = minimax(real_logits, fake_logits)

    Goodfellow et al. 2014, arXiv 1406.2661, equation 1.
    """
    return _discriminator_loss(real_logits, fake_logits), -tf.nn.softplus(fake_logits)


@keras.saving.register_keras_serializable("keras_gen")
def non_saturating(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The game in which the generator minimises -log D(G(z)), and so learns when it is losing.

    Args:
        real_logits: float32 `[n]`.
        fake_logits: float32 `[n]`.

    Returns:
        The discriminator's and the generator's loss, float32 `[n]` each.

    Example:
        >>> discriminator_loss, generator_loss = non_saturating(real_logits, fake_logits)

    Goodfellow et al. 2014, arXiv 1406.2661, section 3.
    """
    return _discriminator_loss(real_logits, fake_logits), tf.nn.softplus(-fake_logits)
