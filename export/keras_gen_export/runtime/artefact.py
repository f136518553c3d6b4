"""An ONNX artefact as functions on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from keras_gen_export import manifest as manifests


def load(folder: Any, threads: int | None = None) -> Artefact:
    """Loads an ONNX artefact.

    Args:
        folder: what `model.export(folder, format="onnx")` wrote.
        threads: of each operation; `None` leaves the choice to ONNX Runtime. One is fastest for a
            sampler that draws one picture at a time.

    Returns:
        The artefact; each signature is a method of it.

    Raises:
        ValueError: the folder holds no ONNX artefact, or a file differs from its checksum.

    Example:
        >>> artefact = load("artefacts/gated_pixel_cnn")
        >>> artefact.sample(seeds=spread(0, 16), temperature=1.0)["samples"]
    """
    return Artefact(Path(folder), threads)


class Artefact:
    """An ONNX artefact's signatures, as functions on NumPy arrays.

    Attributes:
        manifest: what the folder says of itself.
        signatures: functions by name. Each takes its inputs by name and gives a dict of arrays; one
            value for an input that has one a sample serves for the whole batch.
    """

    def __init__(self, folder: Path, threads: int | None = None):
        self.manifest = manifests.read(folder)
        if self.manifest["format"] != "onnx":
            raise ValueError(
                f"{folder} must hold an onnx artefact, received {self.manifest['format']}."
            )
        self._folder = folder
        self._options = onnxruntime.SessionOptions()
        if threads is not None:
            self._options.intra_op_num_threads = threads
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self.signatures: dict[str, Callable[..., dict[str, np.ndarray]]] = {
            name: self._function(name) for name in self.manifest["signatures"]
        }

    def __getattr__(self, name: str) -> Callable[..., dict[str, np.ndarray]]:
        signatures = self.__dict__.get("signatures", {})
        if name not in signatures:
            raise AttributeError(
                f"this artefact has no signature {name!r}; it has {', '.join(signatures)}."
            )
        return signatures[name]

    def _function(self, name: str) -> Callable[..., dict[str, np.ndarray]]:
        description = self.manifest["signatures"][name]

        def function(**inputs: Any) -> dict[str, np.ndarray]:
            arrays = check_inputs(description["inputs"], inputs)
            session = self._session(name)
            outputs = [output.name for output in session.get_outputs()]
            return dict(zip(outputs, session.run(outputs, arrays), strict=True))

        function.__name__ = name
        return function

    def _session(self, name: str) -> onnxruntime.InferenceSession:
        if name not in self._sessions:
            self._sessions[name] = onnxruntime.InferenceSession(
                str(self._folder / f"{name}.onnx"),
                self._options,
                providers=["CPUExecutionProvider"],
            )
        return self._sessions[name]


def check_inputs(
    descriptions: dict[str, dict[str, Any]], inputs: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Gives inputs as the arrays that a signature takes.

    Raises:
        ValueError: an input is missing or unknown, of another kind or shape, or out of range.
    """
    for name in descriptions.keys() ^ inputs.keys():
        what = "is missing" if name in descriptions else "is not an input"
        raise ValueError(f"{name} {what}: the inputs are {', '.join(descriptions)}.")
    arrays = {name: _check(name, inputs[name], descriptions[name]) for name in descriptions}
    batched = [name for name, value in descriptions.items() if value["shape"][:1] == [None]]
    sizes = {len(arrays[name]) for name in batched if arrays[name].ndim}
    if len(sizes) > 1:
        shapes = ", ".join(f"{name} {list(arrays[name].shape)}" for name in batched)
        raise ValueError(f"all inputs must have the same batch size, received {shapes}.")
    for name in batched:
        if not arrays[name].ndim:
            arrays[name] = np.full(max(sizes, default=1), arrays[name])
    return arrays


def _check(name: str, value: Any, description: dict[str, Any]) -> np.ndarray:
    value = np.asarray(value)
    dtype = np.dtype(description["dtype"])
    kinds = {"f": "fiu", "b": "b"}.get(dtype.kind, "iu")
    if value.dtype.kind not in kinds:
        raise ValueError(f"{name} must be {dtype}, received {value.dtype}.")
    minimum, maximum = description["minimum"], description["maximum"]
    if value.size and (
        (minimum is not None and value.min() < minimum)
        or (maximum is not None and value.max() > maximum)
    ):
        allowed = f"at least {minimum}" if maximum is None else f"in [{minimum}, {maximum}]"
        raise ValueError(
            f"{name} must be {allowed}, received values from {value.min()} to {value.max()}."
        )
    values = description.get("values")
    if values is not None and not np.isin(value, values).all():
        unknown = sorted(set(np.unique(value).tolist()) - set(values))
        raise ValueError(
            f"{name} must be among the {len(values)} values that the manifest lists, received "
            f"{', '.join(map(str, unknown))}."
        )
    shape = description["shape"]
    one_for_all = shape == [None] and value.ndim == 0
    fits = len(shape) == value.ndim and all(
        want in (None, got) for got, want in zip(value.shape, shape, strict=True)
    )
    if not (fits or one_for_all):
        allowed = ", ".join("n" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must have shape [{allowed}], received {list(value.shape)}.")
    return value.astype(dtype)
