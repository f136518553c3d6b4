"""What every model does, whatever its family: it learns from data, runs its functions, ships."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks, fit_arguments, random
from keras_gen.averages import Averages, reading
from keras_gen.configuration import Configured, constructor_options
from keras_gen.formats import Format
from keras_gen.learner import Learner
from keras_gen.signature import Input, Signature
from keras_gen.training_step import Conditions


class Model(Configured, Learner):
    """A Keras model that learns by an objective per example, and ships pure functions.

    A subclass keeps each constructor argument as an attribute of the same name, sets `format`,
    builds its layers in its constructor (with `dtype=self.dtype_policy`), ends it with
    `finish_build()`, and supplies `objective`, `forward` and `_signatures`.

    Args:
        num_classes: how many labels there are; `None` is an unconditional model, which ignores
            labels that come with the data.
        average_decay: of an average of the weights, in (0, 1), which all verbs read but `fit`, and
            `evaluate` unless asked; `None` keeps none.
        seed: of the noise used in training; drawn and kept where `None`.
        **kwargs: of `keras.Model`: `name`, `dtype`, `trainable`.

    Attributes:
        format: what the data is.
        usual_data: arguments of `keras_gen.data.load` that the command takes where it is not told.
    """

    format: Format
    usual_data: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        *,
        num_classes: int | None = None,
        average_decay: float | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Without autocasting: half precision must not round stored floats.
        super().__init__(autocast=False, **kwargs)
        if self.variable_dtype != "float32":
            raise ValueError(
                "dtype must be float32, mixed_bfloat16 or mixed_float16, received "
                f"{self.dtype_policy.name}."
            )
        if num_classes is not None:
            checks.positive("num_classes", num_classes)
        self.num_classes = num_classes
        if average_decay is not None and not (
            isinstance(average_decay, int | float | np.floating) and 0.0 < average_decay < 1.0
        ):
            raise ValueError(f"average_decay must be in (0, 1), received {average_decay!r}.")
        self.average_decay = average_decay
        self.seed = random.new_seed() if seed is None else checks.seed(seed)
        # Counted here: the optimizer's own count is divided where gradients accumulate.
        self.steps = self._counter("steps")
        reported = [*self.terms, *self.measures]
        self._term_means = [keras.metrics.Mean(name=name) for name in reported]
        self._made_signatures: dict[str, Signature] | None = None
        self._averages: Averages | None = None
        self._evaluates_averages = False
        self._test_of_averages: Any = None
        starts_from_data = type(self).adapt is not Model.adapt
        self._adapted = self._counter("adapted") if starts_from_data else None

    def _counter(self, name: str) -> keras.Variable:
        return self.add_weight(
            (), "zeros", "int64", trainable=False, aggregation="only_first_replica", name=name
        )

    def finish_build(self) -> None:
        """Says that all weights are there: what a constructor ends with."""
        # Graphs are sized before the first batch, so that saving needs no call.
        self.built = True
        if self.average_decay is not None:
            if self._averages is None:
                self._averages = Averages(self, self.average_decay)
            self._averages.add(self.averaged_weights())

    # ---- what a model supplies -------------------------------------------------------------------

    def objective(self, x: tf.Tensor, conditions: Conditions, training: bool) -> dict:
        """The loss and its named terms, per example.

        Args:
            x: a batch of stored data.
            conditions: tensors `[batch, ...]` by name, as `condition_inputs` describes them.
            training: whether layers run in training mode.

        Returns:
            A dict of float32 `[batch]`, keyed by `terms`; in nats where it is a likelihood.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply objective().")

    def forward(self, x: tf.Tensor, conditions: Conditions) -> tf.Tensor:
        """What `model(x)` and `predict` give: the pass that best says what the model is for."""
        raise NotImplementedError(f"{type(self).__name__} has no forward pass.")

    def forward_input(self) -> Input:
        """What `forward` takes: data, or in its place the latents of a model that decodes them."""
        return self.format.input()

    def condition_inputs(self) -> dict[str, Input]:
        """What an example comes with, by name; "labels", of a conditional model."""
        if self.num_classes is None:
            return {}
        return {"labels": Input((None,), "int32", 0, self.num_classes - 1)}

    def forward_condition_inputs(self) -> dict[str, Input]:
        """What `forward` takes beside it: all that an example comes with, or less of it."""
        return self.condition_inputs()

    def data_input(self) -> Input:
        """The description of a batch of stored data."""
        return self.format.input()

    def check_together(self, inputs: dict[str, Any]) -> None:
        """Refuses data and conditions whose shapes do not fit each other, by name."""

    def _signatures(self) -> dict[str, Signature]:
        """The functions that leave Python with this model, by name."""
        return {}

    # ---- runs ----------------------------------------------------------------------------------

    def check_data(self, x: Any, name: str = "x") -> np.ndarray:
        """Gives a batch of data as it is stored, or says in a ValueError what is wrong with it."""
        return self.format.check(x, name)

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """The model's forward pass.

        Args:
            inputs: stored data, or a dict of it as "x" and of conditions.
            training: must be `False`: models train by `fit`.
        """
        x, given = fit_arguments.parted(inputs)
        x = self.forward_input().check_in_graph("x", x)
        wanted = self.forward_condition_inputs()
        # A batch may hold what only training needs.
        only_learned = self.condition_inputs().keys() - wanted.keys()
        given = {name: value for name, value in given.items() if name not in only_learned}
        with self.reading_averages():
            return self.forward(x, self._conditions(x, given, wanted))

    def predict_step(self, data: Any) -> tf.Tensor:
        x, given, _ = keras.utils.unpack_x_y_sample_weight(data)
        if isinstance(x, dict) or given is None:
            return self(x)
        return self({"x": x} | (given if isinstance(given, dict) else {"labels": given}))

    def signatures(self) -> dict[str, Signature]:
        """The functions that leave Python with this model: they read the averages of weights."""
        if self._made_signatures is None:  # so that each graph is traced once, whoever runs it
            self._made_signatures = {
                name: dataclasses.replace(signature, function=self._of_averages(signature.function))
                for name, signature in self._signatures().items()
            }
        return dict(self._made_signatures)

    def _of_averages(self, function: Callable) -> Callable:
        def of_averages(**inputs: Any) -> Any:
            with self.reading_averages():
                return function(**inputs)

        return of_averages

    def reading_averages(self) -> contextlib.AbstractContextManager:
        """Within it, weights read as their averages, where the model or a part of it keeps any."""
        models = [layer for layer in self._flatten_layers() if isinstance(layer, Model)]
        averages = [model._averages for model in models if model._averages is not None]
        return reading(averages) if averages else contextlib.nullcontext()

    def run(self, name: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Runs one of the signatures as a TensorFlow graph.

        Args:
            name: of the signature.
            **inputs: arrays by name, or one value for all examples, and choices; what has a default
                may be left out, and `None` counts as left out.

        Returns:
            The outputs, by name.

        Raises:
            ValueError: an input is missing or unknown, of another kind or shape, or out of range.

        Example:
            >>> model.run("sample", seeds=[1, 2, 3])["samples"]
        """
        signatures = self.signatures()
        if name not in signatures:
            raise ValueError(f"name must be one of {', '.join(signatures)}, received {name!r}.")
        choices = {key: inputs.pop(key) for key in signatures[name].choices if key in inputs}
        signature = signatures[name].choose(choices)
        arrays = signature.check(inputs)
        self.check_together(arrays)
        tensors = [tf.convert_to_tensor(array) for array in arrays.values()]
        outputs = signature.graph()(*tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    def _run_on(self, name: str, x: Any, **inputs: Any) -> dict[str, np.ndarray]:
        """Runs a signature that takes data, and what that comes with."""
        return self.run(name, **{self.format.name: self.check_data(x)}, **inputs)

    # ---- ships -----------------------------------------------------------------------------------

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        **kwargs: Any,
    ) -> dict:
        """Writes every signature as one verified artefact: a folder with graphs and a manifest.

        Args:
            filepath: the folder to make; it must not exist, or be empty.
            format: "tf_saved_model" or "onnx".
            verbose: whether to say what was written, and what verification measured.
            **kwargs: of `keras_gen_export.export`: `seed` of the verification's inputs, and what
                signatures leave to choose, such as a VAE's `num_samples`.

        Returns:
            The manifest, as written.

        Raises:
            ValueError: an unknown format, or a target that is not empty.
            keras_gen_export.VerificationError: the artefact's outputs differ from the model's;
                nothing is left at the target.

        Example:
            >>> model.export("artefacts/pixel_cnn", format="onnx")
        """
        import keras_gen_export

        return keras_gen_export.export(
            self.in_float32(), filepath, format=format, verbose=verbose, **kwargs
        )

    @classmethod
    def options_for(cls, format: Format, length: int | None = None) -> dict[str, Any]:
        """What data says to this model's constructor.

        Args:
            format: of the data.
            length: of its examples, where examples of the format may have any.

        Raises:
            ValueError: the model is of another kind of data.
        """
        options = format.options(length)
        if not options or not options.keys() <= constructor_options(cls).keys():
            raise ValueError(
                f"data must be of a kind that {cls.__name__} models, received {format.name}."
            )
        return options
