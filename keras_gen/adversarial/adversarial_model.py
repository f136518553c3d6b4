"""The adversarial game: two players, each with its own weights and optimizer, in one `fit`.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014, "Generative
Adversarial Networks", arXiv 1406.2661.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.losses import AdversarialLoss, NonSaturating
from keras_gen.adversarial.players_optimizer import PlayersOptimizer, copy_of
from keras_gen.global_batch import place_in_global_batch
from keras_gen.model import Conditions, Model
from keras_gen.random import Noise

# Which part of a step's noise the generator takes; the discriminator's steps follow.
_GENERATOR = 0


class Play(NamedTuple):
    """One exchange of the game, as terms of either player's loss may need it.

    Args:
        x: the batch, stored data.
        conditions: that it comes with.
        real: the batch as the discriminator sees it, float32.
        fake: what the generator made, likewise.
        real_output: what the discriminator says of `real`; `None` where nobody asks.
        fake_output: what it says of `fake`.
        noise: of the step; the generator took the stream 0.
        training: whether layers run in training mode.
    """

    x: tf.Tensor
    conditions: Conditions
    real: tf.Tensor
    fake: tf.Tensor
    real_output: Any
    fake_output: Any
    noise: Noise
    training: bool


class AdversarialModel(Model):
    """The game of a generator and a discriminator, whatever their networks and whatever they make.

    A subclass builds `self.generator` and `self.discriminator`, and supplies `generate` and
    `discriminate`; `generator_terms` and `discriminator_terms` add to the players' losses.

    Args:
        adversarial_loss: an object of `keras_gen.adversarial.losses`, or one like them.
        discriminator_steps: k, steps of the discriminator for one of the generator, each on new
            data: example i of a batch belongs to step i mod k, and k must divide the batch size.
        **kwargs: of `Model`.

    Goodfellow et al. 2014, arXiv 1406.2661, algorithm 1.
    """

    generator: keras.Model
    discriminator: keras.Model
    terms: ClassVar[dict[str, str]] = {
        "loss": "nats",
        "generator_loss": "nats",
        "discriminator_loss": "nats",
    }
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 2e-4, "beta_1": 0.5}

    def __init__(
        self,
        *,
        adversarial_loss: AdversarialLoss | None = None,
        discriminator_steps: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if adversarial_loss is None:
            adversarial_loss = NonSaturating()
        if not isinstance(adversarial_loss, AdversarialLoss):
            raise ValueError(
                "adversarial_loss must be an object such as NonSaturating(), received "
                f"{adversarial_loss!r}."
            )
        self.adversarial_loss = adversarial_loss
        self.discriminator_steps = checks.positive("discriminator_steps", discriminator_steps)

    # ---- what a model supplies -------------------------------------------------------------------

    def generate(
        self, x: tf.Tensor, conditions: Conditions, noise: Noise, training: bool
    ) -> tf.Tensor:
        """What the generator makes for a batch.

        Args:
            x: the batch, stored data.
            conditions: that it comes with.
            noise: of the generator in this step.
            training: whether layers run in training mode.

        Returns:
            `[n, ...]` data as networks see it: pictures in [-1, 1].
        """
        raise NotImplementedError(f"{type(self).__name__} must supply generate().")

    def discriminate(self, data: tf.Tensor, conditions: Conditions, training: bool) -> Any:
        """What the discriminator says of data.

        Args:
            data: float32 `[n, ...]` as networks see it: pictures in [-1, 1].
            conditions: that it comes with.
            training: whether layers run in training mode.

        Returns:
            Logits `[n, ...]`, or a dict of such.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply discriminate().")

    def generator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        """What the generator minimises beside the adversarial loss: `[n]` by name."""
        return {}

    def discriminator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        """What the discriminator minimises beside the adversarial loss: `[n]` by name."""
        return {}

    def generator_weights(self) -> list[keras.Variable]:
        """What the generator's steps change."""
        return self.generator.trainable_variables

    def discriminator_weights(self) -> list[keras.Variable]:
        """What the discriminator's steps change."""
        return self.discriminator.trainable_variables

    def averaged_weights(self) -> Sequence[keras.Variable]:
        # Moments of a batch normalisation are those of the weights beside them.
        moments = [
            weight
            for weight in self.generator.non_trainable_variables
            if keras.backend.is_float_dtype(weight.dtype)
        ]
        return [*self.generator_weights(), *moments]

    # ---- two optimizers --------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = None,
        loss: Any = None,
        *,
        generator_optimizer: Any = None,
        discriminator_optimizer: Any = None,
        auto_scale_loss: bool = True,
        **kwargs: Any,
    ) -> None:
        """Prepares both players for training.

        Args:
            optimizer: of both players, a copy each: a Keras optimizer or its name; `None` is Adam
                as `default_optimizer` has it (of Radford et al. 2016). With `use_ema`, `fit` ends
                with the averaged weights, as Keras does for any model.
            loss: must be `None`: the game has its own.
            generator_optimizer: of the generator, in place of `optimizer`.
            discriminator_optimizer: of the discriminator, in place of `optimizer`.
            auto_scale_loss: whether losses are scaled in mixed_float16.
            **kwargs: of `Model.compile`.

        Raises:
            ValueError: both players were given the same object, or a loss or metrics were given.

        Example:
            >>> model.compile(keras.optimizers.Adam(1e-4))
            >>> model.compile(discriminator_optimizer=keras.optimizers.Adam(4e-4))
        """
        if not isinstance(optimizer, PlayersOptimizer):
            if optimizer is None:
                optimizer = keras.optimizers.Adam(**self.default_optimizer)
            shared = keras.optimizers.get(optimizer)
            players = [
                copy_of(shared) if own is None else keras.optimizers.get(own)
                for own in (generator_optimizer, discriminator_optimizer)
            ]
            if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
                scaled = keras.optimizers.LossScaleOptimizer
                players = [p if isinstance(p, scaled) else scaled(p) for p in players]
            optimizer = PlayersOptimizer(*players)
        super().compile(optimizer, loss, auto_scale_loss=False, **kwargs)
        self.optimizer.build_players(self.generator_weights(), self.discriminator_weights())

    # ---- the game --------------------------------------------------------------------------------

    def check_batch_size(self, batch_size: int) -> None:
        if batch_size % self.discriminator_steps:
            raise ValueError(
                f"batch_size must be a multiple of discriminator_steps="
                f"{self.discriminator_steps}, whose steps share a batch, received {batch_size}."
            )

    def play(
        self, x: tf.Tensor, conditions: Conditions, noise: Noise, training: bool, real: bool = True
    ) -> Play:
        """Lets the generator make something for a batch, and the discriminator look at it.

        Args:
            x: stored data.
            conditions: that it comes with.
            noise: of the generator.
            training: whether layers run in training mode.
            real: whether the discriminator looks at the batch itself too.
        """
        seen = self.format.to_unit(x)
        fake = tf.cast(self.generate(x, conditions, noise, training), tf.float32)
        # Real and generated examples are normalised apart, as Radford et al. train.
        real_output = self.discriminate(seen, conditions, training) if real else None
        fake_output = self.discriminate(fake, conditions, training)
        return Play(x, conditions, seen, fake, real_output, fake_output, noise, training)

    def discriminator_loss(self, play: Play) -> dict[str, tf.Tensor]:
        """What the discriminator minimises, as "discriminator_loss", and its terms: `[n]` each."""
        loss = _per_example(self.adversarial_loss.discriminator, play.real_output, play.fake_output)
        terms = self.discriminator_terms(play)
        return {"discriminator_loss": sum(terms.values(), loss), **terms}

    def generator_loss(self, play: Play) -> dict[str, tf.Tensor]:
        """What the generator minimises, as "generator_loss", and its terms: `[n]` each."""
        loss = _per_example(self.adversarial_loss.generator, play.real_output, play.fake_output)
        terms = self.generator_terms(play)
        return {"generator_loss": sum(terms.values(), loss), **terms}

    def objective(
        self, x: tf.Tensor, conditions: Conditions, training: bool
    ) -> dict[str, tf.Tensor]:
        play = self.play(x, conditions, self.noise_for(x, training), training)
        losses = self.generator_loss(play) | self.discriminator_loss(play)
        return {"loss": losses["generator_loss"] + losses["discriminator_loss"], **losses}

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, conditions = self.unpack(data)
        if x.shape[0] is not None and not tf.executing_eagerly():
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            self.check_batch_size(x.shape[0] * replicas)
        for step, share in enumerate(self._shares(x, conditions)):

            def of_discriminator(
                step: int = step, share: tuple[tf.Tensor, Conditions] = share
            ) -> dict[str, tf.Tensor]:
                noise = self.noise_for(share[0], True, part=_GENERATOR + 1 + step)
                losses = self.discriminator_loss(self.play(*share, noise, True))
                return {"loss": losses["discriminator_loss"], **losses}

            of_step = self.descend(
                self.optimizer.discriminator, self.discriminator_weights(), of_discriminator
            )

        def of_generator() -> dict[
            str, tf.Tensor
        ]:  # on the last step's share, with noise of its own
            noise = self.noise_for(share[0], True, part=_GENERATOR)
            sees_real = self.adversarial_loss.generator_sees_real
            losses = self.generator_loss(self.play(*share, noise, True, real=sees_real))
            return {"loss": losses["generator_loss"], **losses}

        of_step |= self.descend(self.optimizer.generator, self.generator_weights(), of_generator)
        of_step["loss"] = of_step["generator_loss"] + of_step["discriminator_loss"]
        return self.end_step(self.with_penalties(of_step))

    def _shares(self, x: tf.Tensor, conditions: Conditions) -> list[tuple[tf.Tensor, Conditions]]:
        """A batch's examples by the discriminator's step: i mod k, of the global batch."""
        k = self.discriminator_steps
        if k == 1:
            return [(x, conditions)]
        if x.shape[0] is None or x.shape[0] < k:
            # A last batch of fewer examples than steps goes round again.
            num = tf.shape(x)[0]
            again = tf.range(tf.maximum(num, k)) % tf.maximum(num, 1)
            x = tf.gather(x, again)
            conditions = {name: tf.gather(value, again) for name, value in conditions.items()}
        first: Any = 0
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            first, _ = place_in_global_batch(tf.shape(x)[0])
        begins = [(step - first) % k for step in range(k)]
        return [
            (x[begin::k], {name: value[begin::k] for name, value in conditions.items()})
            for begin in begins
        ]


def _per_example(loss: Any, real: Any, fake: Any) -> tf.Tensor:
    """The mean of a loss over each example's outputs, summed over the keys of a dict of them."""
    if isinstance(fake, dict):
        return sum(_per_example(loss, None if real is None else real[k], fake[k]) for k in fake)
    values = loss(real, fake)
    return tf.reduce_mean(tf.reshape(values, [tf.shape(values)[0], -1]), axis=1)
