"""Samples measured while a model learns: a term of the epoch, like its losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_gen import checks, random
from keras_gen.generative_model import GenerativeModel

Measure = Callable[[np.ndarray], Mapping[str, Any]]


class SampleMeasure(keras.callbacks.Callback):
    """Measures samples of the same seed after epochs, and puts the figures into the epoch's logs.

    Callbacks that come after it in the list see them as they see losses: `HistoryFile` writes
    them, TensorBoard draws them, and Keras's own `ModelCheckpoint` keeps the best model by them, or
    `EarlyStopping` ends with it; of figures other than distances, their `mode` says which way is
    better. Of epochs that are not measured there is no figure.

    Args:
        measure: from samples to figures by name: floats, or pairs of a float and its unit, as
            `metrics.FeatureDistances` gives them. No term of the model may have such a name. A
            `lower_is_better` of it names those to be minimised.
        num_samples: how many are drawn.
        every: epochs between two measurements; the last epoch is always measured.
        seed: of the samples, the same each time.
        **conditions_and_settings: what samples come with and how they are drawn, as `sample` takes
            it: of arrays, such as the labels of held-out data, the first `num_samples`.

    Raises:
        ValueError: an argument is out of range; and in `fit`, before the first step, a model that
            draws nothing, or conditions that it does not take.

    Example:
        >>> distances = metrics.FeatureDistances(test_images, metrics.classifier("mnist").features)
        >>> best = keras.callbacks.ModelCheckpoint(
        ...     "best.keras", monitor="mnist_kernel_distance", save_best_only=True
        ... )
        >>> model.fit(images, epochs=20, callbacks=[SampleMeasure(distances), best])
    """

    def __init__(
        self,
        measure: Measure,
        *,
        num_samples: int = 1000,
        every: int = 1,
        seed: int = 0,
        **conditions_and_settings: Any,
    ) -> None:
        super().__init__()
        self.measure = measure
        self.lower_is_better: Sequence[str] = getattr(measure, "lower_is_better", ())
        self.num_samples = checks.positive("num_samples", num_samples)
        self.every = checks.positive("every", every)
        self.seed = checks.seed(seed)
        self._inputs = {
            name: _first(name, value, num_samples)
            for name, value in conditions_and_settings.items()
        }

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not isinstance(self.model, GenerativeModel):
            raise ValueError(
                f"SampleMeasure needs a model that draws samples, {type(self.model).__name__} "
                "draws none."
            )
        # What samples lack is said before training, not after its first epoch.
        signature = self.model.signatures()["sample"]
        given = {name: x for name, x in self._inputs.items() if name not in signature.choices}
        signature.check({"seeds": random.seeds_for(self.seed, self.num_samples)} | given)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        last = epoch + 1 == (self.params or {}).get("epochs")
        if logs is None or not (last or (epoch + 1) % self.every == 0):
            return
        samples = self.model.sample(self.num_samples, seed=self.seed, **self._inputs)
        for name, figure in self.measure(samples).items():
            if name in logs:
                raise ValueError(f"measure must give names that are no terms, received {name}.")
            logs[name] = float(figure[0] if isinstance(figure, tuple) else figure)


def _first(name: str, value: Any, num: int) -> Any:
    """The first of what each sample has its own of."""
    if np.ndim(value) == 0:
        return value
    if len(value) < num:
        raise ValueError(f"{name} must be at least {num}, one a sample, received {len(value)}.")
    return value[:num]
