"""Baselines, statistics of samples, and pictures."""

import numpy as np
import pytest
from PIL import Image

from keras_gen import metrics, pictures


def test_baselines():
    assert metrics.uniform_bits_per_dim(16) == 4.0
    rng = np.random.default_rng(0)
    # Two pixels: a fair coin, and one that is always 1.
    x = np.stack([rng.integers(0, 2, 4000), np.ones(4000, int)], axis=1).reshape(-1, 1, 2, 1)
    bits = metrics.histogram_bits_per_dim(x[:2000], x[2000:], levels=2)
    assert bits == pytest.approx(0.5, abs=0.01)
    # What was never seen is unlikely, but possible.
    surprise = metrics.histogram_bits_per_dim(x[:2000, :, 1:], 1 - x[:1, :, 1:], levels=2)
    assert surprise == pytest.approx(np.log2(2002))


def test_frechet_distance_of_gaussians():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200_000, 3)) * [1.0, 2.0, 0.5]
    y = rng.standard_normal((200_000, 3)) * [1.0, 1.0, 0.5] + [3.0, 0.0, 0.0]
    # |m|^2 + sum of (s_x - s_y)^2 where covariances commute.
    assert metrics.frechet_distance(x, y) == pytest.approx(9.0 + 1.0, rel=0.02)
    assert metrics.frechet_distance(x, x) == pytest.approx(0.0, abs=1e-8)
    with pytest.raises(ValueError, match="x and y must be"):
        metrics.frechet_distance(x, y[:, :2])


def test_sample_statistics():
    images = np.random.default_rng(0).integers(0, 256, (500, 3, 3, 1), dtype=np.uint8)
    same = metrics.sample_statistics(images, images, 256)
    assert all(value == pytest.approx(0.0, abs=1e-8) for value in same.values())
    darker = metrics.sample_statistics(images // 2, images, 256)
    assert darker["mean_difference"] == pytest.approx(0.25, abs=0.02)
    assert darker["pixel_frechet_distance"] > 0.05


def test_a_grid():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((5, 2, 3, 1), np.uint8)
    grid = pictures.grid(images, levels=5, columns=3)
    assert grid.shape == (2 * 3 - 1, 3 * 4 - 1, 1)
    assert grid[0, 0] == 0
    assert grid[3, 4] == 255
    assert grid[2, 0] == 128  # the gap


def test_save_grid(tmp_path):
    images = np.zeros((4, 8, 8, 3), np.uint8)
    images[..., 1] = 1
    path = pictures.save_grid(images, tmp_path / "new" / "a.png", levels=2)
    picture = Image.open(path)
    assert min(picture.size) >= 480
    assert picture.getpixel((0, 0)) == (0, 255, 0)
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]
    with pytest.raises(ValueError, match="images must have 1 or 3 channels, received 2"):
        pictures.save_grid(images[..., :2], tmp_path / "b.png", levels=2)
    with pytest.raises(ValueError, match="filepath must be a place that can be written"):
        pictures.save_grid(images, path / "b.png", levels=2)
