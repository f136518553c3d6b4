"""The commands that take pictures: they are made larger, translated, or looked for in a model."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Annotated

import typer

from keras_gen.cli.app import MOST, app

if typing.TYPE_CHECKING:
    import numpy as np

    from keras_gen.signature import Input

_Run = Annotated[Path, typer.Option(help="A run folder, or a .keras file.")]
_Picture = Annotated[Path, typer.Argument(help="A picture of any size.")]
_Output = Annotated[Path, typer.Option(help="The PNG file to write.")]


@app.command()
def upscale(picture: _Picture, run: _Run, output: _Output = Path("upscaled.png")) -> None:
    """Make a picture larger."""
    from keras_gen import memory, runs
    from keras_gen.adversarial.super_resolution import SuperResolution

    model = runs.load_model(run)
    if not isinstance(model, SuperResolution):
        raise ValueError(f"run must hold a model that upscales, not {type(model).__name__}.")
    stored = _read(picture, model.forward_input())
    # The last layer's feature maps are by far the greatest: in, out, and their sum.
    pixels = stored.shape[0] * stored.shape[1] * model.scale**2
    memory.require("picture", 3 * 4 * pixels * model.filters, "upscaling it")
    _write(model.upscale(stored[None])[0], model.levels, output)


@app.command()
def translate(
    picture: _Picture,
    run: _Run,
    output: _Output = Path("translated.png"),
    direction: Annotated[
        str | None, typer.Option(help="a_to_b, or b_to_a, of a model with two sides.")
    ] = None,
) -> None:
    """Translate a picture, cut to sides that the model's strides divide."""
    from keras_gen import CycleGAN, Translator, memory, runs
    from keras_gen.adversarial.cycle_gan import DIRECTIONS
    from keras_gen.adversarial.super_resolution import SuperResolution

    model = runs.load_model(run)
    if not isinstance(model, Translator) or isinstance(model, SuperResolution):
        raise ValueError(f"run must hold a model that translates, not {type(model).__name__}.")
    directions = DIRECTIONS if isinstance(model, CycleGAN) else ()
    if direction is not None and direction not in directions:
        allowed = f"be {' or '.join(directions)}" if directions else "not be given"
        raise ValueError(f"direction must {allowed}, received {direction!r}.")
    described = model.forward_input()
    stored = _read(picture, described)
    base = described.multiple_of or 1
    height, width = (side - side % base for side in stored.shape[:2])
    # The widest feature maps are of the picture's own size: in, out, and a copy to be padded.
    memory.require("picture", 3 * 4 * height * width * model.filters, "translating it")
    options = {} if direction is None else {"direction": direction}
    made = model.translate(stored[None, :height, :width], **options)
    _write(made[0], model.levels, output)


@app.command()
def project(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, which are resized.")],
    run: _Run,
    output: _Output = Path("projected.png"),
    styles: Annotated[
        Path | None, typer.Option(help="An .npy file to write the styles to, float32.")
    ] = None,
    num_steps: Annotated[int, typer.Option(min=1, max=MOST)] = 300,
) -> None:
    """Find styles whose pictures are near given ones: given above, found below."""
    import numpy as np

    from keras_gen import StyleGAN, runs
    from keras_gen.data.pictures import resized
    from keras_gen.files import write_beside

    model = runs.load_model(run)
    if not isinstance(model, StyleGAN):
        raise ValueError(f"run must hold a StyleGAN, not {type(model).__name__}.")
    described, sides = model.data_input(), model.image_shape[:2]
    given = np.concatenate([resized(_read(path, described)[None], sides) for path in pictures])
    found = model.project(given, num_steps)
    if styles is not None:

        def save(beside: Path) -> None:
            with beside.open("wb") as file:
                np.save(file, found)

        typer.echo(f"wrote {write_beside(styles, save, name='styles')}")
    shown = np.concatenate([given, model.decode_styles(found)])
    path = model.format.write(shown, output, columns=len(given))
    typer.echo(f"wrote {path}")


def _read(path: Path, described: Input) -> np.ndarray:
    """A picture as an input of a model stores it.

    Raises:
        ValueError: it cannot be read, or the model's pictures have another number of channels.
    """
    import numpy as np

    from keras_gen.data.pictures import read_picture

    channels, most = described.shape[-1], float(described.maximum or 0)
    if channels not in (1, 3):
        raise ValueError(f"run must hold a model of 1 or 3 channels, not of {channels}.")
    return np.rint(read_picture(path, channels) * (most / 255.0)).astype(np.uint8)


def _write(stored: np.ndarray, levels: int, output: Path) -> None:
    """Writes one picture as it is, without magnification."""
    import numpy as np
    from PIL import Image

    from keras_gen.files import write_beside

    scaled = np.rint(stored * (255.0 / (levels - 1))).astype(np.uint8)
    made = Image.fromarray(scaled[..., 0] if scaled.shape[-1] == 1 else scaled)
    path = write_beside(output, lambda beside: made.save(beside, format="PNG"))
    typer.echo(f"wrote {path}, {made.width} x {made.height}")
