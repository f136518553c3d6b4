"""All that a classifier of pictures says of samples, in one call."""

from __future__ import annotations

import numpy as np

from keras_gen.metrics.class_histogram import class_statistics
from keras_gen.metrics.feature_distances import FeatureDistances, Figures
from keras_gen.metrics.picture_classifier import PictureClassifier


def classifier_figures(
    samples: np.ndarray,
    examples: np.ndarray,
    classifier: PictureClassifier,
    *,
    labels: np.ndarray | None = None,
    train: np.ndarray | None = None,
    levels: int = 256,
) -> Figures:
    """The classes of samples, their distances from data, and the floor of these distances.

    Args:
        samples: uint8 `[n, height, width, channels]` in `[0, levels)`, n at least 20.
        examples: uint8 `[m, height, width, channels]`, held-out data, m at least 20.
        classifier: of such pictures, or of what is in the middle of them; it names each figure.
        labels: ints `[n]`, with which the samples were drawn; `None` of an unconditional model.
        train: the data that the model learned from, at least n; `None` leaves the floor out.
        levels: how many values a channel takes.

    Returns:
        Pairs of a float and its unit, by name, as of `class_statistics` and `FeatureDistances`.

    Raises:
        ValueError: pictures that the classifier does not take, or too few.

    Example:
        >>> samples = model.sample(1000, labels=test_labels[:1000], seed=0)
        >>> classifier_figures(
        ...     samples, test_images, classifier("mnist"), labels=test_labels[:1000], train=images
        ... )
    """
    samples = classifier.prepare(samples, levels)
    distances = FeatureDistances(classifier.prepare(examples, levels), classifier.features)
    figures = class_statistics(samples, classifier, labels) | distances(samples)
    if train is not None:
        figures |= distances.floor(classifier.prepare(train, levels), len(samples))
    return figures
