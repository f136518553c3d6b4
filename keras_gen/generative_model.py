"""The contract that every model keeps, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gen import checks, random
from keras_gen.random import Noise
from keras_gen.signature import DECISION, Input, Output, Signature


class GenerativeModel(keras.Model):
    """A Keras model that learns by an objective per example, samples from noise, and ships.

    A subclass keeps each constructor argument as an attribute of the same name, builds its layers
    in its constructor (with `dtype=self.dtype_policy`), and supplies `objective`, `draw`, what its
    data looks like and, where it offers more than samples, `signatures`. Sampling, saving,
    exporting, mixed precision, distribution and the training loop follow.

    Args:
        num_classes: how many labels there are; `None` is an unconditional model, which ignores
            labels that come with the data.
        seed: of the noise used in training; drawn and kept where `None`.
        **kwargs: of `keras.Model`: `name`, `dtype`, `trainable`.

    Attributes:
        terms: the names that `objective` reports, "loss" first.
        data_name: what the data is called in signatures.
        sample_output: how far runtimes may differ in a sample.
        num_optimizers: how many optimizers `compile` takes.
        default_optimizer: the arguments of Adam that the model's paper, or practice, recommends.
    """

    terms: tuple[str, ...] = ("loss",)
    data_name: str = "data"
    sample_output: Output = DECISION
    num_optimizers: int = 1
    default_optimizer: ClassVar[dict[str, float]] = {"learning_rate": 1e-3}

    def __init__(self, *, num_classes: int | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if num_classes is not None:
            checks.positive("num_classes", num_classes)
        self.num_classes = num_classes
        self.seed = int(np.random.randint(2**31)) if seed is None else int(seed)
        self._term_means = [keras.metrics.Mean(name=term) for term in self.terms]
        self._graphs: dict[str, tuple[Callable, str]] = {}

    # ---- what a model supplies -------------------------------------------------------------------

    def objective(
        self, x: tf.Tensor, labels: tf.Tensor | None, training: bool
    ) -> dict[str, tf.Tensor]:
        """The loss and its named terms, per example.

        Args:
            x: a batch of stored data.
            labels: int32 `[batch]`, or `None` for an unconditional model.
            training: whether layers run in training mode.

        Returns:
            A dict of float32 `[batch]`, keyed by `terms`; in nats where it is a likelihood.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply objective().")

    def draw(self, noise: Noise, labels: tf.Tensor | None, temperature: tf.Tensor) -> tf.Tensor:
        """Maps the noise of n seeds to n samples: a pure graph function.

        Args:
            noise: of n seeds.
            labels: int32 `[n]`, or `None` for an unconditional model.
            temperature: float32 `[n]`, at least 0.

        Returns:
            `[n, ...]` stored data.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply draw().")

    def data_input(self) -> Input:
        """The description of a batch of stored data."""
        raise NotImplementedError(f"{type(self).__name__} must supply data_input().")

    def check_data(self, x: Any, name: str = "x") -> np.ndarray:
        """Gives a batch of data as it is stored, or says what is wrong with it."""
        raise NotImplementedError(f"{type(self).__name__} must supply check_data().")

    def signatures(self) -> dict[str, Signature]:
        """The functions that leave Python with this model, by name; "sample" is always there."""

        def sample(seeds, temperature, **conditions):
            return {"samples": self.draw(Noise(seeds), self.condition(**conditions), temperature)}

        inputs = {
            "seeds": Input((None,), "int64"),
            "temperature": Input((None,), "float32", minimum=0.0),
        }
        return {
            "sample": Signature(
                sample, inputs | self.condition_inputs(), {"samples": self.sample_output}
            )
        }

    def condition_inputs(self) -> dict[str, Input]:
        """What a signature is told of a sample: the input "labels", of a conditional model."""
        if self.num_classes is None:
            return {}
        return {"labels": Input((None,), "int32", 0, self.num_classes - 1)}

    def condition(self, labels: tf.Tensor | None = None) -> Any:
        """What networks are told, from the inputs that `condition_inputs` names."""
        return labels

    # ---- training --------------------------------------------------------------------------------

    def fit(self, x=None, y=None, **kwargs):
        # Arrays are seen before training begins; other data, batch by batch in the graph.
        if isinstance(x, np.ndarray):
            self.check_data(x)
        return super().fit(x, y, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        if isinstance(x, np.ndarray):
            self.check_data(x)
        return super().evaluate(x, y, **kwargs)

    def compile(self, optimizer=None, jit_compile: bool = False, **kwargs: Any) -> None:
        """Prepares the model for training, as `keras.Model.compile` does.

        Args:
            optimizer: a Keras optimizer or its name; `None` is Adam as `default_optimizer` has it.
            jit_compile: whether XLA compiles the step; off by default, since on a CPU it slows
                convolutions down.
            **kwargs: of `keras.Model.compile`, but for losses and metrics: a generative model
                brings its own.

        Raises:
            ValueError: a loss or metrics were given.
        """
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            if kwargs.pop(name, None) is not None:
                raise ValueError(
                    f"{name} must not be given: {type(self).__name__} brings its own objective."
                )
        if optimizer is None:
            optimizer = keras.optimizers.Adam(**self.default_optimizer)
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)

    def compile_from_config(self, config: dict) -> None:
        """Compiles as `get_compile_config` recorded, with the optimizer's variables built."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def train_step(self, data):
        x, labels = self.unpack(data)
        terms = self.descend(
            self.optimizer,
            self.trainable_variables,
            lambda: self.objective(x, labels, training=True),
        )
        return self.report(terms)

    def test_step(self, data):
        x, labels = self.unpack(data)
        return self.report(self.objective(x, labels, training=False))

    def unpack(self, data) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Splits a batch, `x` or `(x, labels)`, as this model takes it."""
        x, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if sample_weight is not None:
            raise ValueError("sample_weight must be None: examples count alike.")
        if self.num_classes is None:
            return x, None
        if labels is None:
            raise ValueError(
                f"labels are missing: {type(self).__name__} has num_classes={self.num_classes}, "
                "so a batch must be (x, labels)."
            )
        checks.shaped("labels", labels, (None,))
        if labels.dtype.is_floating:
            raise ValueError(f"labels must be integers, received dtype {labels.dtype.name}.")
        labels = tf.cast(labels, tf.int32)
        return x, checks.in_graph("labels", labels, self.num_classes)

    def descend(
        self,
        optimizer: keras.optimizers.Optimizer,
        variables: Sequence[keras.Variable],
        objective: Callable[[], dict[str, tf.Tensor]],
    ) -> dict[str, tf.Tensor]:
        """Takes one step of an optimizer down the mean of an objective's loss.

        Args:
            optimizer: built for `variables`.
            variables: what it may change.
            objective: gives the terms, "loss" among them, each `[batch]`.

        Returns:
            What `objective` gave.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            terms = objective()
            loss = tf.reduce_mean(terms["loss"])
            if self.losses:  # weight penalties of layers, which a custom step would drop
                loss += tf.add_n([tf.cast(penalty, loss.dtype) for penalty in self.losses])
            # An optimizer sums over replicas: the global mean is the sum of these.
            loss = optimizer.scale_loss(loss / replicas)
        gradients = [
            # Of an embedding. Keras's loss scaling would not see what is not finite in it.
            tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
            for gradient in tape.gradient(loss, variables)
        ]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return terms

    def noise_for(self, x: tf.Tensor, training: bool, stream: int = 0) -> Noise:
        """Noise for a batch: new at each training step, a function of the example in evaluation.

        In training, the noise follows from the seed, the step and the example's place in the
        *global* batch, so that any number of replicas takes the same step; in evaluation it
        follows from the example, so that the batch size does not matter.
        """
        if not training:
            return Noise(random.seeds_of(x))
        num = tf.shape(x)[0]
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        step = tf.cast(self.optimizer.iterations, tf.int64)
        return Noise(random.spread(self.seed + stream, num, stream=step, start=replica * num))

    def report(self, terms: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds a batch's terms to the running means, and gives the means."""
        for mean in self._term_means:
            mean.update_state(terms[mean.name])
        return {mean.name: mean.result() for mean in self._term_means}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self._term_means

    # ---- sampling and shipping -------------------------------------------------------------------

    def sample(
        self,
        num_samples: int,
        labels: Any = None,
        seed: int | None = None,
        temperature: Any = 1.0,
        **conditions: Any,
    ) -> np.ndarray:
        """Draws samples.

        Args:
            num_samples: how many, at least 1.
            labels: ints in `[0, num_classes)`, one or `[num_samples]`; required by a conditional
                model, refused by an unconditional one.
            seed: the same seed gives the same samples, and sample *i* is the same for any
                `num_samples`; a new seed is drawn where `None`.
            temperature: at least 0, one or `[num_samples]`: 1 samples from the model, less stays
                closer to its mode.
            **conditions: what a model takes beside labels, such as `local` of a WaveNet.

        Returns:
            `[num_samples, ...]` stored data, as the model takes it.

        Raises:
            ValueError: an argument is out of range, or labels are missing.

        Example:
            >>> images = model.sample(16, seed=0)
        """
        checks.positive("num_samples", num_samples)
        seeds = random.spread(self.check_seed(seed), num_samples)
        temperature = self.check_temperature(temperature, num_samples)
        conditions = self.check_conditions(num_samples, labels, **conditions)
        return self.run("sample", seeds, temperature, *conditions)

    def run(self, name: str, *inputs: Any, output: str | None = None) -> np.ndarray:
        """Runs one of the signatures as a TensorFlow graph.

        Args:
            name: of the signature.
            *inputs: arrays, in the signature's order; `None` where it takes no such input.
            output: the name of the output wanted; `None` is the first.

        Returns:
            The output, as NumPy.
        """
        if name not in self._graphs:
            signature = self.signatures()[name]
            self._graphs[name] = signature.graph(), next(iter(signature.outputs))
        graph, first_output = self._graphs[name]
        inputs = [tf.convert_to_tensor(value) for value in inputs if value is not None]
        return graph(*inputs)[output or first_output].numpy()

    def export(
        self, filepath: Any, format: str = "tf_saved_model", verbose: bool | None = None, **kwargs
    ) -> dict:
        """Writes every signature as one verified artefact: a folder with graphs and a manifest.

        Args:
            filepath: the folder to make; it must not exist, or be empty.
            format: "tf_saved_model" or "onnx".
            verbose: whether to say what was written, and what verification measured.
            **kwargs: of `keras_gen_export.export`.

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

    def in_float32(self) -> GenerativeModel:
        """This model, or a copy that computes in float32 where this one computes in less."""
        config = self.get_config()
        in_float32 = _with_float32(config)
        if in_float32 == config:
            return self
        twin = type(self).from_config(in_float32)
        twin.set_weights(self.get_weights())
        return twin

    # ---- checks of what a user passes ------------------------------------------------------------

    def check_seed(self, seed: int | None) -> int:
        """Gives the seed, or a new one for `None`."""
        if seed is None:
            return int(np.random.randint(2**31))
        return checks.in_range("seed", seed, -(2**63), 2**63 - 1)

    def check_conditions(
        self, num: int, labels: Any, x: np.ndarray | None = None, **others: Any
    ) -> list[np.ndarray | None]:
        """Gives the conditions of `num` examples, `x` where there are any, in `run`'s order."""
        if others:
            name = next(iter(others))
            raise ValueError(f"{name} must not be given: {type(self).__name__} takes none.")
        return [self.check_labels(labels, num)]

    def check_labels(self, labels: Any, num: int) -> np.ndarray | None:
        """Gives int32 `[num]` labels, or `None` for an unconditional model."""
        if self.num_classes is None:
            if labels is not None:
                raise ValueError(
                    "labels must be None: this model is unconditional (num_classes=None)."
                )
            return None
        if labels is None:
            raise ValueError(f"labels are missing: num_classes is {self.num_classes}.")
        labels = checks.integers("labels", labels, 0, self.num_classes - 1)
        return checks.broadcast("labels", labels, (num,)).astype(np.int32)

    def check_temperature(self, temperature: Any, num: int) -> np.ndarray:
        """Gives float32 `[num]` temperatures."""
        temperature = np.asarray(temperature, np.float32)
        if not (np.isfinite(temperature).all() and (temperature >= 0).all()):
            raise ValueError(f"temperature must be at least 0, received {temperature}.")
        return checks.broadcast("temperature", temperature, (num,))

    # ---- configuration ---------------------------------------------------------------------------

    def get_config(self) -> dict:
        config = super().get_config()
        for name in inspect.signature(type(self)).parameters:
            if name != "kwargs":
                config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        return config

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> GenerativeModel:
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value, custom_objects)
                if isinstance(value, dict) and name != "dtype"
                else value
                for name, value in config.items()
            }
        )


def _with_float32(config: Any) -> Any:
    """A configuration whose mixed policies, nested ones too, are replaced by float32."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return config | {"config": {"name": "float32"}}
        return {name: _with_float32(value) for name, value in config.items()}
    if isinstance(config, list):
        return [_with_float32(value) for value in config]
    return config
