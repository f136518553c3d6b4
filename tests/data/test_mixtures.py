"""Mixtures of known modes, and the measure of how many of them samples cover."""

import numpy as np
import pytest

from keras_gen import data, metrics
from keras_gen.formats import Points


@pytest.mark.parametrize(("name", "modes", "apart"), [("ring", 8, 0.765), ("grid", 25, 2.0)])
def test_modes(name, modes, apart):
    mixture = data.MIXTURES[name]
    assert mixture.centres.shape == (modes, 2)
    distances = np.linalg.norm(mixture.centres[:, None] - mixture.centres[None], axis=2)
    assert distances[distances > 1e-6].min() == pytest.approx(apart, abs=1e-3)
    points, labels = mixture.sample(5000)
    residual = points - mixture.centres[labels]
    assert residual.std() == pytest.approx(mixture.scale, rel=0.03)
    assert len(np.unique(labels)) == modes


def test_coverage():
    ring = data.MIXTURES["ring"]
    points, labels = ring.sample(2500)
    modes, share = metrics.mode_coverage(points, *ring)
    # Within three deviations lie 1 - exp(-4.5) of a Gaussian of the plane.
    assert (modes, share) == (8, pytest.approx(0.989, abs=0.01))
    assert metrics.mode_coverage(points[labels < 3], *ring)[0] == 3
    far = points + 0.2
    assert metrics.mode_coverage(far, *ring) == (0, 0.0)


def test_they_are_data_by_name():
    x, labels, description = data.load_arrays("points:ring", "test")
    assert description.format == Points(2)
    assert description.num_classes == 8
    assert (x.shape[1], len(labels)) == (2, len(x))
    assert (x[:10] != data.load_arrays("points:ring", "train")[0][:10]).any()
    with pytest.raises(ValueError, match="data must be points:ring or points:grid"):
        data.load_arrays("points:square", "train")
