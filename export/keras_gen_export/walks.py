"""Walks between latent vectors.

White 2016, "Sampling Generative Networks", arXiv 1609.04468.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_gen_export import checks


def interpolate(
    decode: Callable[..., np.ndarray],
    inputs: Mapping[str, Mapping[str, Any]],
    start: Mapping[str, np.ndarray],
    end: Mapping[str, np.ndarray],
    num_steps: int,
    conditions: Mapping[str, Any],
) -> np.ndarray:
    """Decodes walks between latents, along great circles.

    Args:
        decode: from latents and conditions, by name, to stored data `[n, ...]`.
        inputs: what conditions `decode` takes, described in plain types, as in a manifest.
        start: latents by name, floats `[n, ...]`.
        end: likewise.
        num_steps: examples of each walk, both ends included; 2 to 10 000.
        conditions: what an example comes with; one for all, or one a walk.

    Returns:
        Stored data `[n, num_steps, ...]`.

    Raises:
        ValueError: the ends do not have the same latents, or `num_steps` is out of range.

    Example:
        >>> interpolate(decode, {}, {"latents": start}, {"latents": end}, 8, {})
    """
    if end.keys() != start.keys():
        raise ValueError(f"end must be {' and '.join(start)}, received {' and '.join(end)}.")
    for name in start:
        checks.shaped("end", end[name], start[name].shape)
    num_steps = checks.in_range("num_steps", num_steps, 2, 10_000)
    shares = np.linspace(0.0, 1.0, num_steps)
    walks = {name: great_circle(start[name], end[name], shares) for name in start}
    walks = {name: walk.reshape(-1, *walk.shape[2:]) for name, walk in walks.items()}
    repeated = {
        # A condition of each walk, for each of its steps; one for all stays as it is.
        name: np.repeat(value, num_steps, axis=0)
        if name in inputs and np.ndim(value) == len(inputs[name]["shape"])
        else value
        for name, value in conditions.items()
    }
    decoded = decode(**walks, **repeated)
    return decoded.reshape(-1, num_steps, *decoded.shape[1:])


def great_circle(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points between pairs of arrays, at even angles.

    Gaussian vectors lie near a sphere; a straight line between two would leave it.

    Args:
        start: floats `[n, ...]`.
        end: likewise.
        shares: `[k]` in [0, 1], of the way from start to end.

    Returns:
        float32 `[n, k, ...]`.

    Example:
        >>> great_circle(start, end, np.linspace(0.0, 1.0, 8))
    """
    shape = start.shape[1:]
    # In float64, where the square of any float32 is a number.
    start, end = (x.reshape(len(x), -1).astype(np.float64) for x in (start, end))
    norms = np.linalg.norm(start, axis=-1) * np.linalg.norm(end, axis=-1)
    cosine = np.sum(start * end, axis=-1) / np.maximum(norms, 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None]
    sine = np.sin(angle)
    # Through the origin, or between vectors of one direction, no circle is the greatest.
    straight = (sine < 1e-4) | (norms < 1e-12)[:, None]
    sine = np.where(straight, 1.0, sine)
    from_start = np.where(straight, 1.0 - shares, np.sin((1.0 - shares) * angle) / sine)
    from_end = np.where(straight, shares, np.sin(shares * angle) / sine)
    points = from_start[..., None] * start[:, None] + from_end[..., None] * end[:, None]
    return points.astype(np.float32).reshape(len(start), len(shares), *shape)
