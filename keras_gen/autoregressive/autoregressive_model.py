"""What autoregressive models share: a likelihood value by value, and completion."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks, random
from keras_gen.autoregressive.ancestral_sampling import Given
from keras_gen.explicit_model import ExplicitModel
from keras_gen.random import Noise
from keras_gen.signature import NUMBER, Input, Signature


class AutoregressiveModel(ExplicitModel):
    """A model of p(x) = prod_i p(x_i | the values before it, in the model's order).

    A subclass supplies `log_conditionals`, the terms of the sum log p(x), and `draw`, which draws
    value after value from a cache, never by running the whole network once for each.
    """

    @property
    def has_conditionals(self) -> bool:
        """Whether the model has one order, and so each value a log-probability of its own."""
        return True

    def log_conditionals(
        self, x: tf.Tensor, labels: tf.Tensor | None, training: bool = False
    ) -> tf.Tensor:
        """Each value's log-probability given those before it: float32, of the shape of `x`."""
        raise NotImplementedError(f"{type(self).__name__} must supply log_conditionals().")

    def log_likelihood(self, x, labels, training=False):
        return _sum_per_example(self.log_conditionals(x, labels, training))

    def draw(self, noise, labels, temperature, given: Given | None = None):
        """Maps the noise of n seeds to n samples, which keep what is given."""
        raise NotImplementedError(f"{type(self).__name__} must supply draw().")

    def dropout_seeds(self, training: bool) -> Iterator[tf.Tensor | None]:
        """A seed for each layer that drops: of the model's seed, the step, and the replica.

        A run that goes on after an interruption then drops what it would have dropped. Outside of
        training there is none.
        """
        if not training or not self.dropout:
            return itertools.repeat(None)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        step = tf.cast(self.optimizer.iterations, tf.int32)
        first = tf.constant(self.seed % 2**31, tf.int32) + 1_000_003 * replica
        return (tf.stack([first + layer, step]) for layer in itertools.count())

    def log_prob(
        self, x: Any, labels: Any = None, per_dimension: bool = False, **conditions: Any
    ) -> np.ndarray:
        """The exact log-probability of each example, or of each of its values.

        Args:
            x: stored data `[n, ...]`, as the model takes it.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            per_dimension: whether to give each value's own log-probability, given those before it.
            **conditions: what a model takes beside labels, such as `local` of a WaveNet.

        Returns:
            float32 `[n]`, or of the shape of `x`, in nats.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> model.log_prob(images).mean()
            >>> surprise = -model.log_prob(images, per_dimension=True)
        """
        if per_dimension and not self.has_conditionals:
            raise ValueError("per_dimension must be False: this model mixes several orders.")
        x = self.check_data(x)
        output = "log_conditionals" if per_dimension else "log_prob"
        conditions = self.check_conditions(len(x), labels, x, **conditions)
        return self.run("log_prob", x, *conditions, output=output)

    def complete(
        self,
        x: Any,
        mask: Any,
        labels: Any = None,
        seed: int | None = None,
        temperature: Any = 1.0,
        **conditions: Any,
    ) -> np.ndarray:
        """Draws the missing values of examples, each given those before it in the model's order.

        Args:
            x: stored data `[n, ...]`; ignored where `mask` is false, but of the allowed values.
            mask: bool, of the shape of `x`, true where a value is known; or one example's mask,
                for all.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            seed: the same seed gives the same completions; a new one is drawn where `None`.
            temperature: at least 0, one or `[n]`.
            **conditions: what a model takes beside labels, such as `local` of a WaveNet.

        Returns:
            Stored data of the shape of `x`, and equal to it where `mask` is true.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> mask = np.zeros((28, 28, 1), bool)
            >>> mask[:14] = True  # the upper half is known
            >>> model.complete(images, mask, seed=0)
        """
        x = self.check_data(x)
        conditions = self.check_conditions(len(x), labels, x, **conditions)
        return self._complete(x, mask, conditions, seed, temperature)

    def _complete(self, x: np.ndarray, mask, conditions, seed, temperature, *more: Any):
        """Runs "complete" on data that is checked, with inputs of the subclass's own at the end."""
        mask = checks.mask("mask", mask, x.shape)
        temperature = self.check_temperature(temperature, len(x))
        seeds = random.spread(self.check_seed(seed), len(x))
        return self.run("complete", x, mask, seeds, temperature, *conditions, *more)

    def signatures(self):
        def log_prob(**inputs):
            x = inputs.pop(self.data_name)
            log_conditionals = self.log_conditionals(x, self.condition(**inputs))
            return {
                "log_prob": _sum_per_example(log_conditionals),
                "log_conditionals": log_conditionals,
            }

        def complete(mask, seeds, temperature, **inputs):
            given = Given(inputs.pop(self.data_name), mask)
            condition = self.condition(**inputs)
            return {"samples": self.draw(Noise(seeds), condition, temperature, given)}

        signatures = super().signatures()
        data = self.data_input()
        given = {self.data_name: data, "mask": Input(data.shape, "bool")}
        signatures["complete"] = Signature(
            complete, given | signatures["sample"].inputs, {"samples": self.sample_output}
        )
        if self.has_conditionals:
            outputs = {"log_prob": NUMBER, "log_conditionals": NUMBER}
            signatures["log_prob"] = Signature(log_prob, signatures["log_prob"].inputs, outputs)
        return signatures


def _sum_per_example(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))
