"""The game of two players over points, as a picture that moves with training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from PIL import Image

from keras_gen.files import write_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FRAME_MILLISECONDS = 200
_CURVE_POINTS = 200


class GamePlot(keras.callbacks.Callback):
    """Draws what a `GAN` of points does, after each epoch, into an animated GIF.

    On the line: the density of data, the density of what the generator makes, and D(x), as in
    figure 1 of Goodfellow et al. 2014 (arXiv 1406.2661). In the plane: points of either, over what
    the discriminator finds real. It needs matplotlib.

    Args:
        path: of the file to write when training ends, `.gif`.
        data: points to learn from, float `[n, dim]`; dim is 1 or 2.
        every: epochs between two frames.
        num_samples: points drawn for a frame.
        seed: of the points drawn.

    Raises:
        ValueError: the data are not of the line or the plane.

    Example:
        >>> model.fit(points, epochs=50, callbacks=[GamePlot("game.gif", points)])
    """

    def __init__(
        self, path: Any, data: np.ndarray, every: int = 1, num_samples: int = 2000, seed: int = 0
    ) -> None:
        super().__init__()
        if data.ndim != 2 or data.shape[1] > 2:
            raise ValueError(f"data must have shape [n, 1] or [n, 2], received {list(data.shape)}.")
        self.path, self.every, self.num_samples, self.seed = Path(path), every, num_samples, seed
        self.data = data[:num_samples]
        margin = 0.25 * (self.data.max(axis=0) - self.data.min(axis=0)) + 1e-3
        self._low, self._high = self.data.min(axis=0) - margin, self.data.max(axis=0) + margin
        self.frames: list[Image.Image] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch % self.every == 0:
            self.frames.append(self.draw(f"epoch {epoch + 1}"))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self.frames:
            return
        first, *others = self.frames
        write_beside(
            self.path,
            lambda beside: first.save(
                beside,
                format="GIF",
                save_all=True,
                append_images=others,
                duration=_FRAME_MILLISECONDS,
                loop=0,
            ),
        )

    def draw(self, title: str) -> Image.Image:
        """One frame: the game as it stands."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 4), layout="tight")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        samples = self.model.sample(self.num_samples, seed=self.seed)
        (self._draw_line if self.data.shape[1] == 1 else self._draw_plane)(axes, samples)
        axes.set_title(title)
        axes.legend(loc="upper right")
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])

    def _draw_line(self, axes: Axes, samples: np.ndarray) -> None:
        edges = np.linspace(self._low[0], self._high[0], 80)
        for points, label in ((self.data, "data"), (samples, "generated")):
            axes.hist(points[:, 0], list(edges), density=True, histtype="step", label=label)
        x = np.linspace(self._low[0], self._high[0], _CURVE_POINTS, dtype=np.float32)
        axes.plot(x, self.model.probability_of_real(x[:, None]), "k--", label="D(x)")
        axes.set_xlim(self._low[0], self._high[0])

    def _draw_plane(self, axes: Axes, samples: np.ndarray) -> None:
        sides = [np.linspace(a, b, 60) for a, b in zip(self._low, self._high, strict=True)]
        places = np.stack(np.meshgrid(*sides), axis=-1).astype(np.float32)
        judged = self.model.probability_of_real(places.reshape(-1, 2)).reshape(places.shape[:2])
        axes.contourf(*sides, judged, levels=np.linspace(0, 1, 11), cmap="Greys_r", alpha=0.5)
        for points, label in ((self.data, "data"), (samples, "generated")):
            axes.plot(*points.T, ".", markersize=2, label=label)
        axes.set_xlim(self._low[0], self._high[0])
        axes.set_ylim(self._low[1], self._high[1])
