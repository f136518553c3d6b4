"""How far samples are from data, in the features of a network; the network names each figure."""

from __future__ import annotations

import keras
import numpy as np

from keras_gen.metrics.features import features
from keras_gen.metrics.frechet_distance import frechet_distance
from keras_gen.metrics.kernel_distance import kernel_distance

Figures = dict[str, tuple[float, str]]


class FeatureDistances:
    """The Fréchet and the kernel distance of samples from examples; called with samples.

    The examples' features are computed once, so that it serves at each epoch.

    Args:
        examples: held-out stored data, `[n, ...]`, n at least 20.
        extractor: any Keras model that takes such examples.
        name: what figures call the extractor; `None` is the model's own name.

    Attributes:
        lower_is_better: the names of the distances, so that Keras's callbacks can monitor them.

    Raises:
        ValueError: the extractor takes other examples.

    Example:
        >>> distances = FeatureDistances(test_images, classifier("mnist").features)
        >>> distances(model.sample(1000, seed=0))["mnist_kernel_distance"]
        (0.0213, 'in features of mnist')
        >>> distances.floor(train_images, 1000)["mnist_kernel_distance_floor"]
        (0.0001, 'in features of mnist')
    """

    def __init__(
        self, examples: np.ndarray, extractor: keras.Model, name: str | None = None
    ) -> None:
        self.extractor, self.name = extractor, name or extractor.name
        self.lower_is_better = (f"{self.name}_frechet_distance", f"{self.name}_kernel_distance")
        self._features = features(examples, extractor)

    def __call__(self, samples: np.ndarray) -> Figures:
        """Measures samples.

        Args:
            samples: stored data, `[m, ...]`, m at least 20.

        Returns:
            Pairs of a float and its unit, by name: `<extractor>_frechet_distance`,
            `<extractor>_kernel_distance` and its `..._error`, the standard error.

        Raises:
            ValueError: the extractor takes other examples, or these are too few.
        """
        drawn = features(samples, self.extractor)
        kernel = kernel_distance(drawn, self._features)
        unit = f"in features of {self.name}"
        return {
            f"{self.name}_frechet_distance": (frechet_distance(drawn, self._features), unit),
            f"{self.name}_kernel_distance": (kernel.value, unit),
            f"{self.name}_kernel_distance_error": (kernel.standard_error, "standard error"),
        }

    def floor(self, train: np.ndarray, num_samples: int, seed: int = 0) -> Figures:
        """What real data get in the samples' place: no model is to be asked for less.

        Args:
            train: stored data that a model learns from, at least `num_samples`.
            num_samples: how many samples it is the floor of: the Fréchet distance depends on that.
            seed: of the choice of training examples.

        Returns:
            As of samples, each name with `_floor` after it.

        Raises:
            ValueError: there are fewer examples.

        Example:
            >>> distances.floor(train_images, 1000)
        """
        if len(train) < num_samples:
            raise ValueError(
                f"train must be at least {num_samples} examples, as many as samples, received "
                f"{len(train)}."
            )
        chosen = np.random.default_rng(seed).permutation(len(train))[:num_samples]
        figures = self(train[np.sort(chosen)])
        return {f"{name}_floor": figure for name, figure in figures.items()}
