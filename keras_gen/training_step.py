"""One step of training or evaluation: a batch unpacked, its noise, the descent, the report."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from keras_gen import random
from keras_gen.fit_arguments import parted, refuse_weights
from keras_gen.global_batch import (
    clipped_together,
    place_in_global_batch,
    sum_over_replicas,
)
from keras_gen.random import Noise, Purpose

if TYPE_CHECKING:
    from keras_gen.averages import Averages
    from keras_gen.formats import Format
    from keras_gen.signature import Input

Conditions = dict[str, tf.Tensor]


class TrainingStep:
    """What a model does with a batch, in `fit` and in `evaluate`: a part of `Model`."""

    format: Format
    seed: int
    steps: keras.Variable
    losses: list
    optimizer: Any
    _term_means: list[keras.metrics.Metric]
    _averages: Averages | None
    _evaluates_averages: bool
    objective: Callable[..., dict[str, tf.Tensor]]
    condition_inputs: Callable[[], dict]
    check_together: Callable[[dict], None]
    learned_weights: Callable[[], Sequence[keras.Variable]]
    reading_averages: Callable[[], contextlib.AbstractContextManager]

    def unpack(self, data: Any) -> tuple[tf.Tensor, Conditions]:
        """Splits a batch into stored data and conditions, both checked in the graph.

        Args:
            data: `x`, `(x, labels)` or `(x, conditions)`; in the place of `x`, a dict of it as "x"
                and of conditions will do.
        """
        x, given, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        refuse_weights(sample_weight=sample_weight)
        x, given = parted(x, given)
        x = self.format.check_in_graph(x)
        return x, self._conditions(x, given)

    def check_names(self, given: dict[str, Any], inputs: dict[str, Input] | None = None) -> None:
        """Refuses conditions that are missing or unknown; `None` counts as not given.

        Args:
            given: conditions by name.
            inputs: what is wanted; `None` is what a batch of training has.
        """
        inputs = self.condition_inputs() if inputs is None else inputs
        if unknown := given.keys() - inputs.keys() - {"labels"}:
            raise ValueError(
                f"{min(unknown)} must not be given: {type(self).__name__} takes "
                f"{', '.join(inputs) or 'no conditions'}."
            )
        shape = tf.TensorShape(getattr(given.get("labels"), "shape", None))
        if "labels" not in inputs and (shape.rank or 0) > 1:
            raise ValueError(
                f"labels must have shape [n], received {list(shape)}: "
                f"{type(self).__name__} learns x by itself, so a batch is x, or (x, labels), whose "
                "labels it ignores."
            )
        for name in inputs:
            if given.get(name) is None:
                raise ValueError(
                    f"{name} must be given: a batch of {type(self).__name__} must be "
                    + ("(x, labels)." if [*inputs] == ["labels"] else f"(x, {{{name!r}: ...}}).")
                )

    def _conditions(
        self, x: tf.Tensor, given: dict[str, Any], inputs: dict[str, Input] | None = None
    ) -> Conditions:
        inputs = self.condition_inputs() if inputs is None else inputs
        self.check_names(given, inputs)
        conditions = {
            name: value.check_in_graph(name, given[name]) for name, value in inputs.items()
        }
        self.check_together({self.format.name: x, **conditions})
        return conditions

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, conditions = self.unpack(data)
        terms = self.descend(
            self.optimizer,
            self.learned_weights(),
            lambda: self.objective(x, conditions, training=True),
        )
        return self.end_step(terms)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, conditions = self.unpack(data)
        with self.reading_averages() if self._evaluates_averages else contextlib.nullcontext():
            terms = self.objective(x, conditions, training=False)
        return self.report(self.with_penalties(terms))

    def descend(
        self,
        optimizer: keras.optimizers.Optimizer,
        variables: Sequence[keras.Variable],
        objective: Callable[[], dict[str, tf.Tensor]],
        norm: str | None = None,
    ) -> dict[str, tf.Tensor]:
        """Takes one step of an optimizer down the mean of an objective's loss.

        Args:
            optimizer: built for `variables`.
            variables: what it may change.
            objective: gives the terms, "loss" among them, each `[batch]`.
            norm: a name for the length of the gradient, a scalar, where that is to be reported.

        Returns:
            What `objective` gave, and the length of the gradient.
        """
        if not variables:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
            return self.with_penalties(objective())
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            terms = self.with_penalties(objective())
            _, count = place_in_global_batch(tf.shape(terms["loss"])[0])
            # An optimizer sums over replicas: the mean over the global batch is the sum of these.
            count = tf.cast(tf.maximum(count, 1), terms["loss"].dtype)
            loss = tf.reduce_sum(terms["loss"]) / count
            loss = optimizer.scale_loss(loss)
        gradients = [
            # Of an embedding. Keras's loss scaling would not see what is not finite in it.
            tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
            for gradient in tape.gradient(loss, variables)
        ]
        if norm is not None:
            whole = sum_over_replicas([each for each in gradients if each is not None])
            scale = optimizer.scale_loss(tf.ones(()))  # of half precision
            terms = terms | {norm: tf.linalg.global_norm(whole) / scale}
        gradients = clipped_together(optimizer, gradients)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return terms

    def with_penalties(self, terms: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The terms, with what layers add to the loss (penalties of weights), as Keras has it."""
        if not self.losses:
            return terms
        loss = terms["loss"]
        return terms | {"loss": loss + tf.add_n([tf.cast(p, loss.dtype) for p in self.losses])}

    def noise_for(
        self, x: tf.Tensor, training: bool, purpose: Purpose = Purpose.TRAIN, part: int = 0
    ) -> Noise:
        """Noise for a batch: new at each training step, a function of the example in evaluation.

        In training, the noise follows from the seed, the step and the example's place in the
        *global* batch, so that any number of replicas takes the same step; in evaluation it
        follows from the example, so that the batch size does not matter.

        Args:
            x: the batch.
            training: whether the model trains.
            purpose: of the noise in training.
            part: which of several uses in one step, such as the steps of players.
        """
        if not training:
            return Noise(random.seeds_of(x), Purpose.EVALUATE, part)
        num = tf.shape(x)[0]
        start, _ = place_in_global_batch(num)
        seeds = random.spread(self.seed, num, stream=self.steps.value, start=start)
        return Noise(seeds, purpose, part)

    def noise_of_step(self, purpose: Purpose) -> Noise:
        """Noise that all examples of a training step share: of one seed."""
        return Noise(random.spread(self.seed, 1, stream=self.steps.value), purpose)

    def end_step(self, terms: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Counts a training step, takes its weights into the averages, and reports its terms."""
        self.steps.assign(self.steps + 1)
        if self._averages is not None:
            self._averages.update(self.steps.value)
        return self.report(terms)

    def report(self, terms: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds a batch's terms to the running means, and gives their means."""
        means = [mean for mean in self._term_means if mean.name in terms]
        for mean in means:
            mean.update_state(terms[mean.name])
        return {mean.name: mean.result() for mean in means}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self._term_means
