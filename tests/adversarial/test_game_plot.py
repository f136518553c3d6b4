"""The picture of the game: a frame an epoch, of the line and of the plane."""

import numpy as np
import pytest
from PIL import Image

from keras_gen import GAN
from keras_gen.callbacks import GamePlot

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dim", [1, 2])
def test_a_frame_an_epoch(dim, tmp_path):
    x = RNG.standard_normal((40, dim)).astype(np.float32)
    model = GAN(dim, latent_dim=2, units=(8,), seed=0)
    model.compile()
    plot = GamePlot(tmp_path / "game.gif", x, every=2, num_samples=50)
    model.fit(x, batch_size=20, epochs=4, verbose=0, callbacks=[plot])
    with Image.open(tmp_path / "game.gif") as film:
        assert film.n_frames == 2
        first = np.asarray(film.convert("RGB"), int)
        film.seek(1)
        assert (np.asarray(film.convert("RGB"), int) != first).any()


def test_points_of_space_are_refused():
    with pytest.raises(ValueError, match=r"data must have shape \[n, 1\] or \[n, 2\]"):
        GamePlot("game.gif", np.zeros((4, 3)))
