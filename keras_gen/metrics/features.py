"""What a Keras model makes of pictures: the vectors that distances compare."""

from __future__ import annotations

import keras
import numpy as np


def features(examples: np.ndarray, extractor: keras.Model, batch_size: int = 250) -> np.ndarray:
    """Runs a network over examples, some at a time.

    Args:
        examples: what the network takes, `[n, ...]`, stored data where it scales by itself.
        extractor: any Keras model of one input and one output, such as
            `classifier("mnist").features` or a `keras.applications` network; it is called with
            `training=False`.
        batch_size: examples at a time; no number depends on it but by rounding.

    Returns:
        float32 `[n, size]`, the output of each example as one vector.

    Raises:
        ValueError: the network takes examples of another shape or kind.

    Example:
        >>> features(images, classifier("mnist").features).shape
        (1000, 64)
    """
    check_input(examples, extractor)
    outputs = extractor.predict(examples, batch_size=batch_size, verbose=0)
    return np.asarray(outputs, np.float32).reshape(len(examples), -1)


def check_input(examples: np.ndarray, network: keras.Model) -> None:
    """Refuses examples that a network was not built for, as far as it says.

    Args:
        examples: `[n, ...]`.
        network: that shall take them.

    Raises:
        ValueError: examples of another shape, or floats in place of whole numbers.
    """
    if len(examples) == 0:
        raise ValueError("examples must be at least one, received none.")
    inputs = getattr(network, "inputs", None)  # of a functional model, not of a subclass
    if not inputs:
        return
    shape, dtype = inputs[0].shape, inputs[0].dtype
    fits = len(shape) == examples.ndim and all(
        side in (None, given) for side, given in zip(shape[1:], examples.shape[1:], strict=True)
    )
    # Keras would cast floats, and cut pictures in [-1, 1] down to 0.
    whole = "int" in dtype and not np.issubdtype(examples.dtype, np.integer)
    if not fits or whole:
        raise ValueError(
            f"examples must be {dtype} {[*shape]}, which {network.name} takes, received "
            f"{examples.dtype} {[*examples.shape]}."
        )
