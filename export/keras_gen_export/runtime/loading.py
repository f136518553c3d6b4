"""An ONNX artefact in ONNX Runtime."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from keras_gen_export import checks, checksums
from keras_gen_export import manifest as manifests
from keras_gen_export.artefact import Arrays, Artefact, Function
from keras_gen_export.places import reason

# What runs where nobody chose: the first of these that this ONNX Runtime has, and the CPU.
_PREFERRED = ["CUDAExecutionProvider", "CPUExecutionProvider"]

# A name, or a name and its options.
Provider = str | tuple[str, dict[str, Any]]


def load(
    folder: Any, providers: Sequence[Provider] | None = None, threads: int | None = None
) -> Artefact:
    """Loads an ONNX artefact.

    Args:
        folder: what `model.export(folder, format="onnx")` wrote.
        providers: ONNX Runtime's execution providers, the first choice first: names, or pairs of a
            name and a dict of options; `None` is CUDA where onnxruntime-gpu is installed, and else
            the CPU.
        threads: of each operation; `None` leaves the choice to ONNX Runtime. One is fastest for a
            sampler that draws one picture at a time.

    Returns:
        The artefact, with the verbs of its model.

    Raises:
        ValueError: the folder holds no ONNX artefact, a file of it is damaged, or `providers` are
            of another kind, or some that this ONNX Runtime does not have.

    Example:
        >>> artefact = load("artefacts/gated_pixel_cnn")
        >>> artefact.sample(16, seed=0)
    """
    folder = Path(folder).resolve()
    manifest = manifests.read(folder)
    if manifest["format"] != "onnx":
        raise ValueError(f"{folder} must hold an onnx artefact, received {manifest['format']}.")
    check = checksums.seal(folder)
    return Artefact(manifest, functions(folder, manifest, providers, threads, check))


def functions(
    folder: Path,
    manifest: dict[str, Any],
    providers: Sequence[Provider] | None = None,
    threads: int | None = None,
    check: Callable[[], None] | None = None,
) -> dict[str, Function]:
    """The signatures in a folder, as functions of arrays; each is loaded when it is first called.

    Args:
        folder: of the ONNX files.
        manifest: what the folder holds.
        providers: as in `load`.
        threads: likewise.
        check: is called before a file is opened; raises where it is no longer what it was.

    Raises:
        ValueError: `providers` are of another kind, or some that this ONNX Runtime does not have.
    """
    providers = _checked(providers)
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = checks.positive("threads", threads)

    def load(name: str) -> onnxruntime.InferenceSession:
        if check is not None:
            check()
        return _session(folder / f"{name}.onnx", options, providers)

    return {name: _function(functools.partial(load, name)) for name in manifest["signatures"]}


def _function(load: Callable[[], onnxruntime.InferenceSession]) -> Function:
    sessions: list[onnxruntime.InferenceSession] = []
    loading = threading.Lock()

    def function(arrays: Arrays) -> Arrays:
        with loading:
            if not sessions:
                sessions.append(load())
        names = [output.name for output in sessions[0].get_outputs()]
        return dict(zip(names, sessions[0].run(names, arrays), strict=True))

    return function


def _session(
    path: Path, options: onnxruntime.SessionOptions, providers: list[Provider]
) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's own have no common parent
        raise ValueError(f"{path} cannot be loaded by ONNX Runtime: {reason(error)}.") from error


def _checked(providers: Sequence[Provider] | None) -> list[Provider]:
    available = onnxruntime.get_available_providers()
    if providers is None:
        return [name for name in _PREFERRED if name in available]
    providers = [providers] if isinstance(providers, str) else providers
    names: list[str] = []
    for provider in providers if isinstance(providers, Sequence) else [providers]:
        name = _name(provider)
        if name not in available:
            raise ValueError(f"providers must be among {', '.join(available)}, received {name!r}.")
        if name in names:
            raise ValueError(f"providers must be named once each, received {name!r} again.")
        names.append(name)
    if not names:
        raise ValueError(f"providers must be some of {', '.join(available)}, received none.")
    return list(providers)


def _name(provider: Any) -> str:
    """The name of a provider, whether it comes with options or without."""
    pair = provider if isinstance(provider, tuple) else (provider, {})
    if not (
        len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], dict)
        and all(isinstance(option, str) for option in pair[1])
    ):
        raise ValueError(
            "providers must be names, or pairs of a name and a dict of options, received "
            f"{provider!r}."
        )
    return pair[0]
