"""SavedModel: every signature an endpoint of one graph, loaded as a server loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_gen_export.artefact import Arrays, Artefact, Function
from keras_gen_export.graphs import graph_on_cpu
from keras_gen_export.logs import quiet
from keras_gen_export.places import reason
from keras_gen_export.progress import Progress, silent


def write(signatures: dict[str, Any], folder: Path, progress: Progress = silent) -> None:
    """Writes all signatures into `folder`; the first also becomes "serving_default"."""
    archive = keras.export.ExportArchive()  # it finds the variables that the functions read
    for name, signature in signatures.items():
        progress(f"writing {name}")
        graph = graph_on_cpu(signature)
        graph.get_concrete_function()  # traced, so that the archive takes it as it is
        archive.add_endpoint(name, graph)
    archive.write_out(str(folder), verbose=False)


def load(folder: Path, manifest: dict[str, Any]) -> Artefact:
    """Loads a SavedModel as an artefact.

    Args:
        folder: what `write` wrote.
        manifest: what the folder holds.

    Raises:
        ValueError: TensorFlow cannot load it.
    """
    try:
        return Artefact(manifest, functions(folder))
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        raise ValueError(f"{folder} cannot be loaded by TensorFlow: {reason(error)}.") from error


def functions(folder: Path) -> dict[str, Function]:
    """The signatures in a session, as TensorFlow Serving and the C API load them, by name."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default(), quiet("tensorflow"):
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))

    def function_of(definition: Any) -> Function:
        def function(arrays: Arrays) -> Arrays:
            feed = {definition.inputs[name].name: value for name, value in arrays.items()}
            fetch = {name: tensor.name for name, tensor in definition.outputs.items()}
            return session.run(fetch, feed)

        return function

    return {
        name: function_of(definition)
        for name, definition in meta_graph.signature_def.items()
        if not name.startswith("__")
    }
