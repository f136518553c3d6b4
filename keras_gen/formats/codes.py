"""Codes: grids of values without an order, such as the entries of a codebook."""

from __future__ import annotations

from typing import Any

import keras

from keras_gen.formats.images import Grid


@keras.saving.register_keras_serializable("keras_gen")
class Codes(Grid):
    """Indices on a grid: int32 `[n, height, width, channels]` in `[0, levels)`.

    Args:
        image_shape: (height, width, channels) of the grid; both sides may be `None`, free.
        levels: how many codes there are, 2 to 65,536.
        multiple_of: what divides free sides.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> PixelSNAIL(**Codes((7, 7, 1), levels=512).options())
    """

    name = "codes"
    dtype = "int32"
    ordered = False
    most_levels = 2**16

    def options(self, length: int | None = None) -> dict[str, Any]:
        return {"image_shape": self.image_shape, "levels": self.levels, "codes": True}
