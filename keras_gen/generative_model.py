"""What models share that draw: a sampler is a deterministic function of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks, random
from keras_gen.model import Conditions, Model
from keras_gen.random import Noise
from keras_gen.signature import DECISION, Input, Output, Signature

Settings = dict[str, tf.Tensor]


class GenerativeModel(Model):
    """A model that samples from noise: it supplies `draw`.

    Attributes:
        sample_output: how far runtimes may differ in a sample.
    """

    sample_output: Output = DECISION

    def draw(self, noise: Noise, conditions: Conditions, settings: Settings) -> tf.Tensor:
        """Maps the noise of n seeds to n samples: a pure graph function.

        Args:
            noise: of n seeds.
            conditions: tensors `[n, ...]` by name, as `condition_inputs` describes them.
            settings: tensors `[n]` by name, as `setting_inputs` describes them.

        Returns:
            `[n, ...]` stored data.
        """
        raise NotImplementedError(f"{type(self).__name__} must supply draw().")

    def setting_inputs(self) -> dict[str, Input]:
        """How a sample is drawn, by name: one value a sample, each with a default."""
        # Hotter than that every draw is uniform, and noise times temperature must stay finite.
        return {"temperature": Input((None,), "float32", 0.0, 1e6, default=1.0)}

    def sample_condition_inputs(self) -> dict[str, Input]:
        """The conditions of a sample, where its shape says more of theirs than data's does."""
        return self.condition_inputs()

    def sample(
        self,
        num_samples: int,
        labels: Any = None,
        seed: int | None = None,
        **conditions_and_settings: Any,
    ) -> np.ndarray:
        """Draws samples.

        Args:
            num_samples: how many, at least 1.
            labels: ints in `[0, num_classes)`, one or `[num_samples]`; required by a conditional
                model, refused by an unconditional one.
            seed: the same seed gives the same samples, and sample *i* is the same for any
                `num_samples`; a new seed is drawn where `None`.
            **conditions_and_settings: what else a sample comes with, such as `source`, and how it
                is drawn, such as `temperature` (1 samples from the model, less stays closer to its
                mode): each one value, or one a sample.

        Returns:
            `[num_samples, ...]` stored data, as the model takes it.

        Raises:
            ValueError: an argument is missing, unknown or out of range.

        Example:
            >>> images = model.sample(16, seed=0)
        """
        seeds = random.seeds_for(seed, checks.positive("num_samples", num_samples))
        return self.run("sample", seeds=seeds, labels=labels, **conditions_and_settings)["samples"]

    def split_inputs(self, inputs: dict[str, tf.Tensor]) -> tuple[Conditions, Settings]:
        """Splits a signature's inputs into conditions and settings."""
        settings = self.setting_inputs()
        return (
            {name: value for name, value in inputs.items() if name not in settings},
            {name: value for name, value in inputs.items() if name in settings},
        )

    def _signatures(self) -> dict[str, Signature]:
        def sample(seeds: tf.Tensor, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"samples": self.draw(Noise(seeds), *self.split_inputs(inputs))}

        inputs = {"seeds": Input((None,), "int64")}
        inputs |= self.setting_inputs() | self.sample_condition_inputs()
        return {"sample": Signature(sample, inputs, {"samples": self.sample_output})}
