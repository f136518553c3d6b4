"""Images of any size through strided convolutions: halved down, doubled up, cropped to fit."""

from __future__ import annotations

import keras


def halved(image_shape: tuple[int, int, int], times: int) -> tuple[int, int]:
    """The height and width of an image that was halved so often, rounding up each time."""
    height, width, _ = image_shape
    return -(-height // 2**times), -(-width // 2**times)


def crop_doubled(image_shape: tuple[int, int, int], times: int) -> keras.layers.Layer:
    """Crops what was halved and doubled again so often to the image's size, in float32."""
    height, width, _ = image_shape
    rows, columns = (side * 2**times for side in halved(image_shape, times))
    return keras.layers.Cropping2D(((0, rows - height), (0, columns - width)), dtype="float32")
