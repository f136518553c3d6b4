"""The adversarial game: two players, each with its own weights and optimizer, in one `fit`.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014, "Generative
Adversarial Networks", arXiv 1406.2661.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf

from keras_gen import checks
from keras_gen.adversarial.augmentation import FAKE_STREAM, REAL_STREAM, DiffAugment
from keras_gen.adversarial.losses import AdversarialLoss, NonSaturating
from keras_gen.adversarial.penalties import Penalty
from keras_gen.adversarial.players_optimizer import PlayersOptimizer, copy_of
from keras_gen.global_batch import place_in_global_batch, sum_over_replicas
from keras_gen.model import Conditions, Model
from keras_gen.random import Noise

# Which part of a step's noise the generator takes; the discriminator's steps follow.
_GENERATOR = 0


class Play(NamedTuple):
    """One exchange of the game, as terms of either player's loss may need it.

    Args:
        x: the batch, stored data.
        conditions: that it comes with.
        real: the batch as networks take it, float32.
        fake: what the generator made, likewise.
        seen_real: `real` as the discriminator sees it: augmented, where a model augments.
        seen_fake: `fake` likewise.
        real_output: what the discriminator says of `seen_real`; `None` where nobody asks.
        fake_output: what it says of `seen_fake`.
        noise: of the step; streams below 16 are the game's, whose generator takes the stream 0.
        training: whether layers run in training mode.
    """

    x: tf.Tensor
    conditions: Conditions
    real: tf.Tensor
    fake: tf.Tensor
    seen_real: tf.Tensor
    seen_fake: tf.Tensor
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
        penalties: of the discriminator: objects of `keras_gen.adversarial.penalties`.
        augmentation: of pictures before the discriminator sees them, for little data: `DiffAugment`
            or `AdaptiveAugment`.
        **kwargs: of `Model`.

    Goodfellow et al. 2014, arXiv 1406.2661, algorithm 1.
    """

    generator: keras.Model
    discriminator: keras.Model
    packing: int = 1  # examples that are judged together
    adversarial_weight: float = 1.0  # in the generator's loss, beside its terms
    terms: Mapping[str, str] = {
        "loss": "nats",
        "generator_loss": "nats",
        "discriminator_loss": "nats",
        "real_accuracy": "share told apart",
        "fake_accuracy": "share told apart",
    }
    measures: Mapping[str, str] = {
        "generator_gradient": "norm",
        "discriminator_gradient": "norm",
    }
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 2e-4, "beta_1": 0.5}

    def __init__(
        self,
        *,
        adversarial_loss: AdversarialLoss | None = None,
        discriminator_steps: int = 1,
        penalties: Sequence[Penalty] = (),
        augmentation: DiffAugment | None = None,
        **kwargs: Any,
    ) -> None:
        if augmentation is not None and not isinstance(augmentation, DiffAugment):
            raise ValueError(
                f"augmentation must be an object such as DiffAugment(), received {augmentation!r}."
            )
        # What this model reports, beside what all of its class do.
        if penalties:
            self.terms = {**self.terms, "penalty": "weighted"}
        if augmentation is not None and augmentation.adaptive:
            self.measures = {**self.measures, "augmentation_probability": "share"}
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
        self.penalties = list(penalties)
        for penalty in self.penalties:
            if not isinstance(penalty, Penalty):
                raise ValueError(
                    f"penalties must be objects such as R1(10.0), received {penalty!r}."
                )
        self.augmentation: Any = augmentation
        self._probability: Any = None
        if augmentation is not None and augmentation.adaptive:
            if adversarial_loss.threshold is None:
                raise ValueError(
                    "augmentation must not adapt where the loss says nothing of real examples by "
                    f"themselves, as {type(adversarial_loss).__name__} does: give DiffAugment()."
                )
            self._probability = self.add_weight(
                (), "zeros", trainable=False, aggregation="only_first_replica", name="probability"
            )

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

    def real(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        """A batch of stored data as the players see it: pictures in [-1, 1], float32."""
        return self.format.to_unit(x)

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

    def recall(self, fake: tf.Tensor, noise: Noise) -> tf.Tensor:
        """What a step of the discriminator sees of what the generator made: past examples too.

        Args:
            fake: what the generator has just made, `[n, ...]` as networks see it.
            noise: of the step.

        Returns:
            Of the shape of `fake`.
        """
        return fake

    def augment(self, data: tf.Tensor, noise: Noise, stream: int) -> tf.Tensor:
        """Data as the discriminator sees it in training, where the model augments.

        Args:
            data: float32 `[n, ...]` as networks see it.
            noise: of the step.
            stream: of the noise.

        Returns:
            Of the shape of `data`.
        """
        probability = None if self._probability is None else self._probability.value
        return self.augmentation(data, noise, stream, probability)

    def validity(self, output: Any) -> Any:
        """The part of what the discriminator says that the adversarial loss is about."""
        return output

    def generator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        """What the generator minimises beside the adversarial loss: `[n]` by name."""
        return {}

    def discriminator_terms(self, play: Play) -> dict[str, tf.Tensor]:
        """What the discriminator minimises beside the adversarial loss: `[n]` by name."""
        return {}

    def generator_weights(self) -> list[keras.Variable]:
        """The generator's weights: its steps change those that are among `learned_weights()`."""
        return self.generator.trainable_variables

    def discriminator_weights(self) -> list[keras.Variable]:
        """The discriminator's weights, likewise."""
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
        self,
        x: tf.Tensor,
        conditions: Conditions,
        noise: Noise,
        training: bool,
        real: bool = True,
        past: bool = False,
    ) -> Play:
        """Lets the generator make something for a batch, and the discriminator look at it.

        Args:
            x: stored data.
            conditions: that it comes with.
            noise: of the generator.
            training: whether layers run in training mode.
            real: whether the discriminator looks at the batch itself too.
            past: whether it may be shown what the generator made in the past.
        """
        data = self.real(x, conditions)
        fake = tf.cast(self.generate(x, conditions, noise, training), tf.float32)
        if past:
            fake = self.recall(fake, noise)
        seen_real, seen_fake = data, fake
        if self.augmentation is not None and training:
            seen_real = self.augment(data, noise, REAL_STREAM)
            seen_fake = self.augment(fake, noise, FAKE_STREAM)
        # Real and generated examples are normalised apart, as Radford et al. train.
        real_output = self.discriminate(seen_real, conditions, training) if real else None
        fake_output = self.discriminate(seen_fake, conditions, training)
        return Play(
            x,
            conditions,
            data,
            fake,
            seen_real,
            seen_fake,
            real_output,
            fake_output,
            noise,
            training,
        )

    def discriminator_loss(self, play: Play) -> dict[str, tf.Tensor]:
        """What the discriminator minimises, as "discriminator_loss", and its terms: `[n]` each."""
        loss, pairs = self.adversarial_loss, self._pairs(play)
        losses = [_per_example(loss.discriminator(real, fake)) for real, fake in pairs]
        right = [loss.told_apart(real, fake) for real, fake in pairs]
        of_real, of_fake = (
            tf.add_n([_per_example(each) for each in of_one]) / len(pairs)
            for of_one in zip(*right, strict=True)
        )
        terms = self.discriminator_terms(play)
        if self.penalties:
            terms = terms | {"penalty": self._penalty(play)}
        return {
            "discriminator_loss": tf.add_n([*losses, *terms.values()]),
            "real_accuracy": of_real,
            "fake_accuracy": of_fake,
            **terms,
        }

    def _penalty(self, play: Play) -> tf.Tensor:
        return self._penalized(
            play, lambda data: self.discriminate(data, play.conditions, play.training)
        )

    def _penalized(self, play: Play, discriminate: Callable[[tf.Tensor], Any]) -> tf.Tensor:
        """The penalties of each example, of what a discriminator says of data like the play's."""

        def judge(data: tf.Tensor) -> tf.Tensor:
            output = self.validity(discriminate(data))
            # What is said of a pack counts once, not for each of its examples.
            return tf.add_n([_per_example(each) for each in _outputs(output)]) / self.packing

        branches = not getattr(self, "jit_compile", False)
        return tf.add_n(
            [penalty(judge, play, self.steps.value, branches) for penalty in self.penalties]
        )

    def generator_loss(self, play: Play) -> dict[str, tf.Tensor]:
        """What the generator minimises, as "generator_loss", and its terms: `[n]` each."""
        loss = self.adversarial_loss
        losses = [
            self.adversarial_weight * _per_example(loss.generator(real, fake))
            for real, fake in self._pairs(play)
        ]
        terms = self.generator_terms(play)
        return {"generator_loss": tf.add_n([*losses, *terms.values()]), **terms}

    def _pairs(self, play: Play) -> list[tuple[tf.Tensor | None, tf.Tensor]]:
        """What the discriminator says of real and of generated examples, each of its outputs."""
        fake = _outputs(self.validity(play.fake_output))
        if play.real_output is None:
            return [(None, each) for each in fake]
        return list(zip(_outputs(self.validity(play.real_output)), fake, strict=True))

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
                losses = self.discriminator_loss(self.play(*share, noise, True, past=True))
                return {"loss": losses["discriminator_loss"], **losses}

            of_step = self.descend(
                self.optimizer.discriminator,
                self._learning(self.discriminator_weights()),
                of_discriminator,
                norm="discriminator_gradient",
            )

        def of_generator() -> dict[str, tf.Tensor]:
            # On the last step's share, with noise of its own.
            noise = self.noise_for(share[0], True, part=_GENERATOR)
            sees_real = self.adversarial_loss.generator_sees_real
            losses = self.generator_loss(self.play(*share, noise, True, real=sees_real))
            return {"loss": losses["generator_loss"], **losses}

        of_step |= self.descend(
            self.optimizer.generator,
            self._learning(self.generator_weights()),
            of_generator,
            norm="generator_gradient",
        )
        of_step["loss"] = of_step["generator_loss"] + of_step["discriminator_loss"]
        if self._probability is not None:
            of_step |= self._adapt_augmentation(of_step["real_accuracy"])
        return self.end_step(self.with_penalties(of_step))

    def _learning(self, weights: list[keras.Variable]) -> list[keras.Variable]:
        """Those of a player's weights that learn: in a model with phases, the phase's."""
        learned = {id(weight) for weight in self.learned_weights()}
        return [weight for weight in weights if id(weight) in learned]

    def _adapt_augmentation(self, real_accuracy: tf.Tensor) -> dict[str, tf.Tensor]:
        """Moves the probability of augmentation by what the discriminator got right."""
        count = tf.cast(tf.size(real_accuracy), tf.float32)
        right, count = sum_over_replicas([tf.reduce_sum(real_accuracy), count])
        # Right is a sign of 1, wrong one of -1.
        mean_sign = 2.0 * right / tf.maximum(count, 1.0) - 1.0
        probability = self.augmentation.next_probability(self._probability.value, mean_sign, count)
        self._probability.assign(probability)
        return {"augmentation_probability": probability}

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


def _outputs(output: Any) -> list[tf.Tensor]:
    return list(output.values()) if isinstance(output, dict) else [output]


def _per_example(values: tf.Tensor) -> tf.Tensor:
    """The mean over each example's values, as of a patch of logits: float32 `[n]`."""
    return tf.reduce_mean(
        tf.reshape(tf.cast(values, tf.float32), [tf.shape(values)[0], -1]), axis=1
    )
