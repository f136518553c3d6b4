"""What autoregressive models share: a likelihood value by value, and completion."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks, random
from keras_gen.ancestral_sampling import Given
from keras_gen.explicit_model import ExplicitModel
from keras_gen.likelihoods import Likelihood
from keras_gen.model import Conditions
from keras_gen.random import Noise, Purpose
from keras_gen.signature import NUMBER, Input, Output, Signature

# From a value's parameters `[n, k]` to the value `[n, ...]`.
Choice = Callable[[tf.Tensor], tf.Tensor]


class AutoregressiveModel(ExplicitModel):
    """A model of p(x) = prod_i p(x_i | the values before it, in the model's order).

    A subclass sets `likelihood` and supplies `_log_conditionals`, the terms of the sum log p(x),
    and `draw`, which draws value after value from a cache, never by running the whole network once
    for each.

    Attributes:
        likelihood: of one value.
        dropout: the share of features dropped in training.
    """

    likelihood: Likelihood
    dropout: float = 0.0

    @property
    def has_conditionals(self) -> bool:
        """Whether the model has one order, and so each value a log-probability of its own."""
        return True

    @property
    def sample_output(self) -> Output:  # type: ignore[override]
        return self.likelihood.draw_output

    def _log_conditionals(
        self, x: tf.Tensor, conditions: Conditions, training: bool = False
    ) -> tf.Tensor:
        """Each value's log-probability given those before it: float32, of the shape of `x`."""
        raise NotImplementedError(f"{type(self).__name__} must supply _log_conditionals().")

    def _log_prob(self, x: tf.Tensor, conditions: Conditions, training: bool = False) -> tf.Tensor:
        return _sum_per_example(self._log_conditionals(x, conditions, training))

    def draw(
        self,
        noise: Noise,
        conditions: Conditions,
        settings: dict[str, tf.Tensor],
        given: Given | None = None,
        choose: Choice | None = None,
    ) -> tf.Tensor:
        """Maps the noise of n seeds to n samples.

        Args:
            noise: of n seeds.
            conditions: tensors `[n, ...]` by name.
            settings: tensors `[n]` by name.
            given: values that are known, which samples keep.
            choose: what chooses each value instead of the noise.

        Returns:
            `[n, ...]` stored data.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply draw().")

    def dropout_seeds(self, training: bool) -> Iterator[tf.Tensor | None]:
        """A seed for each layer that drops: of the model's seed, the step, and the replica.

        A run that goes on after an interruption then drops what it would have dropped. Outside of
        training there is none.
        """
        if not training or not self.dropout:
            return itertools.repeat(None)
        noise = self.noise_of_step(Purpose.DROPOUT)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return (
            tf.bitcast(noise.bits((2,), stream=layer, step=replica)[0], tf.int32)
            for layer in itertools.count()
        )

    def log_prob(
        self, x: Any, labels: Any = None, per_dimension: bool = False, **conditions: Any
    ) -> np.ndarray:
        """The exact log-probability of each example, or of each of its values.

        Args:
            x: stored data `[n, ...]`, as the model takes it.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            per_dimension: whether to give each value's own log-probability, given those before it.
            **conditions: what an example comes with beside labels.

        Returns:
            float32 `[n]`, or of the shape of `x`, in nats.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> model.log_prob(images).mean()
            >>> surprise = -model.log_prob(images, per_dimension=True)
        """
        if per_dimension and not self.has_conditionals:
            raise ValueError("per_dimension must be False: this model mixes several masks.")
        outputs = self._run_on("log_prob", x, labels=labels, **conditions)
        return outputs["log_conditionals" if per_dimension else "log_prob"]

    def complete(
        self,
        x: Any,
        mask: Any,
        labels: Any = None,
        seed: int | None = None,
        **conditions_and_settings: Any,
    ) -> np.ndarray:
        """Draws the missing values of examples, each given those before it in the model's order.

        Args:
            x: stored data `[n, ...]`; ignored where `mask` is false, but of the allowed values.
            mask: bool, of the shape of `x`, true where a value is known; or one example's mask,
                for all.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            seed: the same seed gives the same completions; a new one is drawn where `None`.
            **conditions_and_settings: as in `sample`.

        Returns:
            Stored data of the shape of `x`, and equal to it where `mask` is true (sound, but for
            its companding).

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> mask = np.zeros((28, 28, 1), bool)
            >>> mask[:14] = True  # the upper half is known
            >>> model.complete(images, mask, seed=0)
        """
        x = self.check_data(x)
        inputs = {
            self.format.name: x,
            "mask": checks.mask("mask", mask, x.shape),
            "seeds": random.seeds_for(seed, len(x)),
            "labels": labels,
        }
        return self.run("complete", **inputs, **conditions_and_settings)["samples"]

    def step_through(
        self,
        choose: Callable[[np.ndarray], np.ndarray],
        num_examples: int,
        labels: Any = None,
        **conditions: Any,
    ) -> np.ndarray:
        """Goes through all values of examples, one after another in the model's order, in Python.

        What an entropy coder needs: it is given each value's distribution, and gives the value.

        Args:
            choose: from the parameters of the likelihood of a value, float32 `[n, k]`, to the
                values, `[n]` (or `[n, *event_shape]`): of the tokens, where the format has tokens.
            num_examples: n, at least 1.
            labels: ints in `[0, num_classes)`, one or `[n]`; of a conditional model only.
            **conditions: what an example comes with beside labels.

        Returns:
            The examples that were chosen, stored data `[n, ...]`.

        Raises:
            ValueError: an argument is missing, unknown or out of range.

        Example:
            >>> mode = lambda parameters: model.likelihood.mode(parameters).numpy()
            >>> model.step_through(mode, num_examples=4)
        """

        def chosen(parameters: tf.Tensor) -> tf.Tensor:
            return tf.convert_to_tensor(choose(parameters.numpy()), self.likelihood.dtype)

        seeds = np.zeros(checks.positive("num_examples", num_examples), np.int64)
        signature = self.signatures()["sample"]
        arrays = signature.check({"seeds": seeds, "labels": labels, **conditions})
        tensors = {name: tf.convert_to_tensor(array) for name, array in arrays.items()}
        noise = Noise(tensors.pop("seeds"))
        with self.reading_averages():
            return self.draw(noise, *self.split_inputs(tensors), choose=chosen).numpy()

    def _signatures(self) -> dict[str, Signature]:
        name = self.format.name

        def log_prob(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            log_conditionals = self._log_conditionals(inputs.pop(name), inputs)
            return {
                "log_prob": _sum_per_example(log_conditionals),
                "log_conditionals": log_conditionals,
            }

        def complete(
            mask: tf.Tensor, seeds: tf.Tensor, **inputs: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            given = Given(inputs.pop(name), mask)
            noise = Noise(seeds, Purpose.COMPLETE)
            return {"samples": self.draw(noise, *self.split_inputs(inputs), given=given)}

        signatures = super()._signatures()
        data = self.data_input()
        inputs = {
            name: data,
            "mask": Input(data.shape, "bool", longest=data.longest),
            "seeds": Input((None,), "int64"),
            **self.setting_inputs(),
            **self.condition_inputs(),
        }
        signatures["complete"] = Signature(complete, inputs, {"samples": self.sample_output})
        if self.has_conditionals:
            outputs = {"log_prob": NUMBER, "log_conditionals": NUMBER}
            signatures["log_prob"] = Signature(log_prob, signatures["log_prob"].inputs, outputs)
        return signatures


def _sum_per_example(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))
