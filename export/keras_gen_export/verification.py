"""Verification: an artefact, run in its own runtime, against the functions it was made of."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen_export import manifest as manifests
from keras_gen_export.loading import load_as_described
from keras_gen_export.places import reason
from keras_gen_export.progress import Progress, silent

BATCH_SIZES = (1, 3)
# Of sequences that may be of any length, one for each batch size: no powers of two, so that the
# last block is not full.
TIMES = (37, 21)
# Of pictures that may have any size: at least so many pixels a side.
LEAST_SIDE = 8


class VerificationError(RuntimeError):
    """An artefact does not give what its model gives."""


def verify(folder: Any, signatures: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    """Compares an artefact with the functions it was made of, on fresh inputs.

    Args:
        folder: the artefact.
        signatures: of the model.
        seed: of the inputs.

    Returns:
        By signature, `batch_sizes` and `outputs`; of each output `max_difference`, what was
        `allowed` there, and `unequal_share`.

    Raises:
        VerificationError: an output differs by more than its signature allows, or the artefact
            cannot be run.
        ValueError: there is no artefact in the folder, or a file of it is damaged.

    Example:
        >>> keras_gen_export.verify("artefacts/vae", model.signatures())
    """
    folder = Path(folder)
    manifest = manifests.read(folder)
    chosen = {
        name: signature.choose(manifest["signatures"].get(name, {}).get("choices", {}))
        for name, signature in signatures.items()
    }
    return measure(folder, manifest, chosen, seed)


def measure(
    folder: Path,
    manifest: dict[str, Any],
    signatures: dict[str, Any],
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """What `verify` measures, of an artefact whose checksums are not asked for.

    Args:
        folder: the artefact.
        manifest: what it holds.
        signatures: of the model, their choices made.
        seed: of the inputs.
        progress: told of each signature.
    """
    try:
        functions = load_as_described(folder, manifest, threads=1).signatures
        measured = {}
        for name, signature in signatures.items():
            progress(f"verifying {name}")
            rng = np.random.default_rng(seed)
            measured[name] = _compare(name, signature, functions[name], rng)
        return measured
    except VerificationError:
        raise
    except Exception as error:
        raise VerificationError(f"{folder} cannot be run: {reason(error)}.") from error


def _compare(
    name: str, signature: Any, function: Callable, rng: np.random.Generator
) -> dict[str, Any]:
    reference = signature.graph()

    def run_reference(inputs: dict[str, np.ndarray]) -> dict[str, Any]:
        # On the CPU: accelerators may multiply in fewer bits.
        with tf.device("/cpu:0"):
            return reference(*(tf.constant(value) for value in inputs.values()))

    measured: dict[str, Any] = {}
    for turn, batch_size in enumerate(BATCH_SIZES):
        inputs = example_inputs(signature.inputs, batch_size, rng, turn)
        # Both at a time: samplers go step by step, and leave cores idle.
        with ThreadPoolExecutor(1) as beside:
            awaited = beside.submit(run_reference, inputs)
            received = function(**inputs)
            expected = awaited.result()
        for key, allowed in signature.outputs.items():
            want, got = expected[key].numpy(), np.asarray(received[key])
            if want.shape != got.shape or want.dtype != got.dtype:
                raise VerificationError(
                    f"{name}: {key} must be {want.dtype} of shape {list(want.shape)}, received "
                    f"{got.dtype} of shape {list(got.shape)}."
                )
            difference = np.abs(want.astype(np.float64) - got.astype(np.float64))
            num_unequal = int(np.sum(difference > 0))
            unequal = num_unequal / max(difference.size, 1)
            limit = allowed.tolerance + allowed.relative * np.abs(want.astype(np.float64))
            few = max(1.0, allowed.unequal * difference.size)
            # Written so that a NaN fails.
            if not np.all(difference <= limit) or num_unequal > few:
                raise VerificationError(
                    f"{name}: {key} differs from the model's by up to {difference.max():.3g}, and "
                    f"in {unequal:.2%} of its values, at batch size {batch_size}; allowed are "
                    f"{allowed.tolerance:g} + {allowed.relative:g} x |value|, and "
                    f"{allowed.unequal:.2%}."
                )
            worst = float(difference.max(initial=0.0))
            there = float(np.min(limit[difference == worst], initial=np.inf))
            before = measured.setdefault(
                key, {"max_difference": worst, "allowed": there, "unequal_share": unequal}
            )
            if worst > before["max_difference"]:
                before |= {"max_difference": worst, "allowed": there}
            before["unequal_share"] = max(before["unequal_share"], unequal)
    return {"batch_sizes": list(BATCH_SIZES), "outputs": measured}


def example_inputs(
    inputs: dict[str, Any], batch_size: int, rng: np.random.Generator, turn: int = 0
) -> dict[str, np.ndarray]:
    """Arrays that a signature allows.

    Args:
        inputs: of the signature, by name.
        batch_size: of the arrays.
        rng: what their values come from.
        turn: 0 or 1: free axes have other sizes at each.
    """
    return {
        key: _example(value, batch_size, free_sizes(value, turn), rng)
        for key, value in inputs.items()
    }


def free_sizes(spec: Any, turn: int) -> list[int]:
    """Sizes for the free axes of an input but the batch: other ones at each turn.

    Args:
        spec: the input.
        turn: 0 or 1.
    """
    free = [axis for axis, size in enumerate(spec.shape) if size is None and axis > 0]
    if spec.multiple_of is not None:
        side = -(-LEAST_SIDE // spec.multiple_of) * spec.multiple_of
        sizes = [side * (1 + (i + turn) % 2) for i in range(len(free))]
    else:
        sizes = [TIMES[turn]] * len(free)
    return [size if spec.longest is None else min(size, spec.longest) for size in sizes]


def _example(spec: Any, batch_size: int, sizes: list[int], rng: np.random.Generator) -> np.ndarray:
    """An array of values that an input allows."""
    batch, *rest = spec.shape or [1]
    shape = [batch_size if batch is None else batch] if spec.shape else []
    free = iter(sizes)
    shape += [next(free) if size is None else size for size in rest]
    dtype = np.dtype(spec.dtype)
    if spec.values is not None:
        return rng.choice(np.array(spec.values, dtype), shape)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        if spec.minimum is None and spec.maximum is None:
            return rng.standard_normal(shape).astype(dtype)
        low = 0.0 if spec.minimum is None else spec.minimum
        # Settings, which have a default, are of use near their least.
        near = spec.maximum is None or spec.default is not None
        high = low + 1.0 if near else spec.maximum
        return rng.uniform(low, high, shape).astype(dtype)
    low = 0 if spec.minimum is None else spec.minimum
    # A scalar counts something, such as samples: a few will do. Else any integer is a seed.
    few = low + 4 if not shape else 2**53
    high = few if spec.maximum is None else spec.maximum + 1
    return np.asarray(rng.integers(low, high, shape), dtype)
