"""The backend: Keras must run on TensorFlow, and says so before anything is built."""

from __future__ import annotations

import os

from keras_gen.start_up import without_remarks


def require_tensorflow() -> None:
    """Refuses another backend of Keras.

    Raises:
        ImportError: Keras runs on another, or is asked to by the environment.
    """
    # Asked before Keras is imported: the other backend need not be there.
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name == "tensorflow":
        with without_remarks():
            import keras

        name = keras.backend.backend()
    if name != "tensorflow":
        raise ImportError(
            "keras_gen needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow, or the backend in "
            f"~/.keras/keras.json, received {name!r}."
        )


require_tensorflow()
