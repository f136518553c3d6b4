"""A model's configuration: what its constructor was given, its seed, name and dtype."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from typing import Self

# What every model's configuration holds, wherever its constructor takes it.
_ALWAYS = ("seed", "name", "dtype")

_SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Configured:
    """Writes `get_config` once, for all models.

    A configuration holds the arguments that the model's own constructor names, those that the
    caller passed through its `**kwargs`, and always the seed, the name and the dtype. Values are
    read back from attributes of the same name. So a variant names only what it adds; what it fixes
    for its parent is not in its configuration, and what it passes on is.
    """

    seed: int
    dtype_policy: Any
    _passed_on: tuple[str, ...]
    get_weights: Callable[[], list]
    set_weights: Callable[[list], None]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().__new__(cls, *args, **kwargs)
        # Past Keras's tracking, which begins in the constructor.
        named = _named(cls)
        instance.__dict__["_passed_on"] = tuple(name for name in kwargs if name not in named)
        return instance

    def get_config(self) -> dict[str, Any]:
        """What `from_config` builds this model from again."""
        names = dict.fromkeys([*_named(type(self)), *self._passed_on, *_ALWAYS])
        values = {name: getattr(self, name) for name in names if name != "dtype"}
        values["dtype"] = self.dtype_policy
        return {name: keras.saving.serialize_keras_object(value) for name, value in values.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict | None = None) -> Self:
        """Builds the model from what `get_config` gave."""
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value, custom_objects)
                if isinstance(value, dict | list)
                else value
                for name, value in config.items()
            }
        )

    def in_float32(self) -> Self:
        """This model, or a copy that computes in float32 where this one computes in less."""
        config = self.get_config()
        in_float32 = _with_float32(config)
        if in_float32 == config:
            return self
        twin = type(self).from_config(in_float32)
        twin.set_weights(self.get_weights())
        return twin


def constructor_options(model_class: type) -> dict[str, inspect.Parameter]:
    """All arguments that a constructor takes, those that it passes to its parents' included."""
    options: dict[str, inspect.Parameter] = {}
    for parent in model_class.__mro__:
        if parent is keras.Model:
            break
        if "__init__" in vars(parent):
            parameters = inspect.signature(vars(parent)["__init__"]).parameters
            options |= {
                name: value
                for name, value in parameters.items()
                if name != "self" and value.kind not in _SEVERAL and name not in options
            }
            if not any(value.kind is value.VAR_KEYWORD for value in parameters.values()):
                break
    return options


def _named(model_class: type) -> dict[str, None]:
    """The names of a constructor's arguments, in their order, but for `*args` and `**kwargs`."""
    parameters = inspect.signature(model_class).parameters
    return {name: None for name, value in parameters.items() if value.kind not in _SEVERAL}


def _with_float32(config: Any) -> Any:
    """A configuration whose mixed policies, nested ones too, are replaced by float32."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return config | {"config": {"name": "float32"}}
        return {name: _with_float32(value) for name, value in config.items()}
    if isinstance(config, list):
        return [_with_float32(value) for value in config]
    return config
