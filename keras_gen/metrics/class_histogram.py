"""Which classes samples are of, as a classifier sees them: collapse shows as a missing class."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np

from keras_gen.metrics.features import features


class ClassHistogram(NamedTuple):
    """Samples counted by class.

    Attributes:
        counts: int64 `[classes]`.
        shares: float64 `[classes]`, of the sum 1.
        entropy: of the shares, in nats: at most the logarithm of the number of classes, which is
            2.303 of ten.
    """

    counts: np.ndarray
    shares: np.ndarray
    entropy: float


def class_histogram(samples: np.ndarray, classifier: keras.Model) -> ClassHistogram:
    """Counts samples by the class that a classifier takes them for.

    Args:
        samples: stored data `[n, ...]`.
        classifier: any Keras model from such data to logits, or probabilities, `[n, classes]`.

    Returns:
        Counts, shares and entropy.

    Raises:
        ValueError: the classifier takes other data.

    Example:
        >>> class_histogram(model.sample(1000, seed=0), classifier("mnist")).entropy
        2.28
    """
    scores = features(samples, classifier)
    counts = np.bincount(scores.argmax(axis=1), minlength=scores.shape[1])
    shares = counts / len(samples)
    present = shares[shares > 0.0]
    return ClassHistogram(counts, shares, float(-np.sum(present * np.log(present))))


def share_as_asked(samples: np.ndarray, labels: np.ndarray, classifier: keras.Model) -> float:
    """The share of conditional samples that a classifier takes for what they were asked to be.

    Args:
        samples: stored data `[n, ...]`.
        labels: ints `[n]`, with which the samples were drawn.
        classifier: any Keras model from such data to logits, or probabilities, `[n, classes]`.

    Returns:
        A share in [0, 1]; the classifier's own on test data is the most to be expected.

    Raises:
        ValueError: the classifier takes other data, or labels are not as many.

    Example:
        >>> labels = np.arange(1000) % 10
        >>> share_as_asked(model.sample(1000, labels=labels, seed=0), labels, classifier("mnist"))
        0.96
    """
    labels = np.asarray(labels)
    if labels.shape != (len(samples),):
        raise ValueError(
            f"labels must be one for each of {len(samples)} samples, received shape "
            f"{list(labels.shape)}."
        )
    return float(np.mean(features(samples, classifier).argmax(axis=1) == labels))


def class_statistics(
    samples: np.ndarray, classifier: keras.Model, labels: np.ndarray | None = None
) -> dict[str, tuple[float, str]]:
    """What the classes of samples say, as figures that name their classifier.

    Args:
        samples: stored data `[n, ...]`.
        classifier: any Keras model from such data to logits, or probabilities, `[n, classes]`.
        labels: ints `[n]`, with which the samples were drawn; `None` of an unconditional model.

    Returns:
        Pairs of a float and its unit, by name: `<classifier>_class_entropy`, and with labels
        `<classifier>_share_as_asked`.

    Raises:
        ValueError: the classifier takes other data, or labels are not as many.

    Example:
        >>> class_statistics(model.sample(1000, seed=0), classifier("mnist"))
        {'mnist_class_entropy': (2.28, 'nats of at most 2.303')}
    """
    name = classifier.name
    counts, _, entropy = class_histogram(samples, classifier)
    figures = {f"{name}_class_entropy": (entropy, f"nats of at most {np.log(len(counts)):.3f}")}
    if labels is not None:
        share = share_as_asked(samples, labels, classifier)
        figures[f"{name}_share_as_asked"] = (share, "of 1")
    return figures
