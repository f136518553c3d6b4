"""Every example runs, from data to artefact."""

import pathlib
import subprocess
import sys

import pytest

from keras_gen_export import runtime

EXAMPLES = sorted((pathlib.Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path):
    subprocess.run(
        [sys.executable, str(path), "--smoke", "--output", str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert (tmp_path / "samples.png").stat().st_size > 0
    samples = runtime.load(tmp_path / "artefact").sample(seeds=[1, 2], temperature=1.0, labels=0)
    assert samples["samples"].shape == (2, 8, 8, 1)
