"""The command that makes a picture larger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from keras_gen.cli.app import app


@app.command()
def upscale(
    picture: Annotated[Path, typer.Argument(help="A picture of any size.")],
    run: Annotated[Path, typer.Option(help="A run folder, or a .keras file.")],
    output: Annotated[Path, typer.Option(help="The PNG file to write.")] = Path("upscaled.png"),
) -> None:
    """Make a picture larger."""
    import numpy as np
    from PIL import Image

    from keras_gen import memory, runs
    from keras_gen.adversarial.super_resolution import SuperResolution
    from keras_gen.data.pictures import read_picture
    from keras_gen.files import write_beside

    model = runs.load_model(run)
    if not isinstance(model, SuperResolution):
        raise ValueError(f"run must hold a model that upscales, not {type(model).__name__}.")
    channels = model.image_shape[-1]
    if channels not in (1, 3):
        raise ValueError(f"run must hold a model of 1 or 3 channels, not of {channels}.")
    image = read_picture(picture, channels)
    # The last layer's feature maps are by far the greatest: in, out, and their sum.
    pixels = image.shape[0] * image.shape[1] * model.scale**2
    memory.require("picture", 3 * 4 * pixels * model.filters, "upscaling it")
    most = model.levels - 1
    stored = np.rint(image * (most / 255.0)).astype(np.uint8)
    upscaled = np.rint(model.upscale(stored[None])[0] * (255.0 / most)).astype(np.uint8)
    made = Image.fromarray(upscaled[..., 0] if channels == 1 else upscaled)
    path = write_beside(output, lambda beside: made.save(beside, format="PNG"))
    typer.echo(f"wrote {path}, {made.width} x {made.height}")
