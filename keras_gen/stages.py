"""Stages: a model made of models, which learn one after another and ship as one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_gen.model import Conditions, Model


class Stage(NamedTuple):
    """One part of a staged model.

    Args:
        name: of the stage.
        part: the model that learns in it; the whole itself, at its place, where that learns too.
        prepare: (stored data, conditions) of the whole -> those of the part.
    """

    name: str
    part: Model
    prepare: Callable[[tf.Tensor, Conditions], tuple[tf.Tensor, Conditions]]


class StagedModel(Model):
    """A model whose parts are models, built in its constructor and saved in its file.

    Each stage is an ordinary `fit` of its part, on data that `stage_data` prepares:

        for stage in model.stages():
            stage.part.compile()
            stage.part.fit(model.stage_data(stage.name, dataset), epochs=10)

    `fit` of the whole trains its own objective, where it has one. Parts are saved with their
    optimizers, so that each stage can be resumed.
    """

    def stages(self) -> list[Stage]:
        """The stages, in the order in which they learn."""
        raise NotImplementedError(f"{type(self).__name__} must supply stages().")

    def stage_data(self, name: str, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Prepares the whole's data for the part of one stage.

        Args:
            name: of the stage.
            dataset: batches as `fit` of the whole takes them.

        Returns:
            Batches as `fit` of the part takes them.

        Raises:
            ValueError: there is no such stage.
        """
        stages = {stage.name: stage for stage in self.stages()}
        if name not in stages:
            raise ValueError(f"name must be one of {', '.join(stages)}, received {name!r}.")

        @tf.autograph.experimental.do_not_convert
        def prepared(*batch: Any) -> Any:
            x, conditions = self.unpack(batch)
            x, conditions = stages[name].prepare(x, conditions)
            return (x, conditions) if conditions else x

        return dataset.map(prepared, num_parallel_calls=tf.data.AUTOTUNE)

    def untrained_stages(self) -> list[str]:
        """The names of the stages that took no training step."""
        return [stage.name for stage in self.stages() if not int(stage.part.steps.numpy())]

    def run(self, name: str, **inputs: Any) -> dict[str, np.ndarray]:
        if name == "sample" and (untrained := self.untrained_stages()):
            warnings.warn(
                f"These stages have not been trained: {', '.join(untrained)}.", stacklevel=2
            )
        return super().run(name, **inputs)

    # Keras compiles only the whole when it loads: the record of the whole holds each part's.

    def _parts(self) -> dict[str, Model]:
        return {stage.name: stage.part for stage in self.stages() if stage.part is not self}

    def get_compile_config(self) -> dict | None:
        parts = {name: part.get_compile_config() for name, part in self._parts().items()}
        config = {"whole": super().get_compile_config(), "parts": parts}
        return config if config["whole"] or any(parts.values()) else None

    def compile_from_config(self, config: dict) -> None:
        if config["whole"]:
            super().compile_from_config(config["whole"])
        for name, part in self._parts().items():
            if config["parts"][name]:
                part.compile_from_config(config["parts"][name])
