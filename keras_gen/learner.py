"""Keras's verbs of learning, as models of this package have them: compile, fit, evaluate."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import fit_arguments
from keras_gen.adaptation import first_batch
from keras_gen.optimizers import players_of, unscaled
from keras_gen.training_step import Conditions, TrainingStep


class Learner(TrainingStep, keras.Model):
    """What learns by an objective per example, not by a loss of `compile`: a part of `Model`.

    Attributes:
        terms: what `objective` reports, "loss" first, each with its unit.
        measures: what a training step reports of itself beside them, each with its unit.
        default_optimizer: the arguments of Adam that the model's paper, or practice, recommends.
    """

    terms: Mapping[str, str] = {"loss": "nats"}
    measures: Mapping[str, str] = {}
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 1e-3}
    average_decay: float | None
    test_function: Any
    _adapted: keras.Variable | None
    _test_of_averages: Any

    # ---- what a model supplies -------------------------------------------------------------------

    def adapt(self, x: tf.Tensor, conditions: Conditions) -> None:
        """Sets what starts from data; `fit` calls it once, on the first global batch."""

    def learned_weights(self) -> Sequence[keras.Variable]:
        """The weights that a training step changes."""
        return self.trainable_variables

    def averaged_weights(self) -> Sequence[keras.Variable]:
        """The weights that `average_decay` averages."""
        return self.trainable_variables

    def check_batch_size(self, batch_size: int) -> None:
        """Refuses a size of batches that the model cannot learn from."""

    # ---- what a user calls -----------------------------------------------------------------------

    def compile(
        self, optimizer: Any = None, loss: Any = None, *, jit_compile: bool = False, **kwargs: Any
    ) -> None:
        """Prepares the model for training, as `keras.Model.compile` does.

        Args:
            optimizer: a Keras optimizer or its name; `None` is Adam as `default_optimizer` has it.
            loss: must be `None`: the model brings its own objective.
            jit_compile: whether XLA compiles the step; off by default, since on a CPU it slows
                convolutions down.
            **kwargs: of `keras.Model.compile`, but for weights of losses, and metrics.

        Raises:
            ValueError: a loss or metrics were given, or two kinds of averages.
        """
        kwargs["loss"] = loss
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.pop(name, None) is not None:
                raise ValueError(
                    f"{name} must not be given: {type(self).__name__} brings its own objective."
                )
        if optimizer is None:
            optimizer = keras.optimizers.Adam(**self.default_optimizer)
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)
        self._test_of_averages = None
        inner = [unscaled(player) for player in players_of(self.optimizer)]
        if self.average_decay is not None and any(each.use_ema for each in inner):
            raise ValueError(
                "use_ema must be off: the model keeps an average of its own, average_decay="
                f"{self.average_decay}."
            )

    def compile_from_config(self, config: dict) -> None:
        """Compiles as `get_compile_config` recorded, with the optimizer's variables built."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: None = None,
        sample_weight: None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> keras.callbacks.History:
        """Trains as `keras.Model.fit` does.

        Args:
            x: stored data, a dataset, or what else Keras takes; batches of `x`, `(x, labels)` or
                `(x, conditions)`, conditions a dict by name.
            y: labels, or a dict of conditions, where `x` is an array.
            batch_size: examples a step, where `x` is an array; `None` is 32.
            epochs: the epoch to stop after.
            verbose: 0 is silent, 1 a progress bar, 2 a line an epoch; "auto" chooses.
            callbacks: of Keras; those that monitor a term of the model may leave out their `mode`.
            validation_split: the share of an array's examples, its last, to measure on.
            validation_data: held-out data, as `x` or as `(x, y)`, to measure on after each epoch.
            shuffle: whether an array's examples come in a new order each epoch.
            class_weight: must be `None`: examples count alike.
            sample_weight: likewise.
            initial_epoch: the epoch to go on from.
            steps_per_epoch: batches of an epoch; `None` is until data end.
            validation_steps: likewise, of validation.
            validation_batch_size: examples of a batch of validation; `None` is `batch_size`.
            validation_freq: epochs between two validations.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: data of another kind or shape, or, in arrays, out of range.
            tf.errors.InvalidArgumentError: a dataset's values are out of range.
        """
        if x is None:
            raise ValueError("x must be given: stored data, or a dataset of it.")
        fit_arguments.refuse_weights(class_weight=class_weight, sample_weight=sample_weight)
        fit_arguments.check_examples(self, x, y)
        fit_arguments.check_held_out(self, validation_data)
        fit_arguments.set_directions(callbacks, self.terms)
        if isinstance(x, np.ndarray):
            self.check_batch_size(32 if batch_size is None else batch_size)
        if self._adapted is not None and not int(self._adapted.numpy()):
            x = self._adapt(x, y, batch_size)
        return super().fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )

    def _adapt(self, x: Any, y: Any, batch_size: int | None) -> Any:
        """Starts what starts from data, and gives what `fit` takes in place of `x`."""
        batch, x = first_batch(x, y, batch_size)
        self.adapt(*self.unpack(batch))
        if self._adapted is not None:
            self._adapted.assign(1)
        return x

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: None = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        *,
        averages: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Measures as `keras.Model.evaluate` does.

        Args:
            x: as in `fit`.
            y: as in `fit`.
            batch_size: as in `fit`; no result depends on it.
            verbose: as in `fit`.
            sample_weight: must be `None`: examples count alike.
            steps: batches to measure; `None` is until data end.
            callbacks: of Keras.
            return_dict: whether to give all terms by name.
            averages: whether to measure the average of the weights.
            **kwargs: what Keras's own `fit` passes on.

        Returns:
            The terms' means: a list of them, or a dict with `return_dict=True`.

        Raises:
            ValueError: data of another kind or shape, or, in arrays, out of range.
            tf.errors.InvalidArgumentError: a dataset's values are out of range.
        """
        fit_arguments.refuse_weights(sample_weight=sample_weight)
        fit_arguments.check_examples(self, x, y)
        if averages and self._averages is None:
            raise ValueError("averages must be False: the model keeps none, average_decay is None.")
        with self._evaluating_averages() if averages else contextlib.nullcontext():
            return super().evaluate(
                x,
                y,
                batch_size=batch_size,
                verbose=verbose,
                steps=steps,
                callbacks=callbacks,
                return_dict=return_dict,
                **kwargs,
            )

    @contextlib.contextmanager
    def _evaluating_averages(self) -> Iterator[None]:
        """Within it, `evaluate` measures the averages, by a compiled step of their own."""
        of_weights, self.test_function = self.test_function, self._test_of_averages
        self._evaluates_averages = True
        try:
            yield
        finally:
            self._evaluates_averages = False
            self._test_of_averages, self.test_function = self.test_function, of_weights

    def measure(
        self, x: np.ndarray, y: Any = None, batch_size: int = 250, *, num_samples: int = 50
    ) -> dict[str, tuple[float, str]]:
        """Scores held-out data by all measures that the model brings.

        Args:
            x: stored data.
            y: labels, or a dict of conditions.
            batch_size: examples at a time; no score depends on it.
            num_samples: of an estimate, for each example; scores that are exact need none.

        Returns:
            Pairs of a float and its unit, by name.
        """
        averages = self._averages is not None
        scores = self.evaluate(x, y, batch_size, averages=averages, return_dict=True, verbose=0)
        return {name: (value, self.terms[name]) for name, value in scores.items()}
