"""Every example runs, from data to artefact, and says beforehand what it leaves."""

import ast
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_gen_export import runtime

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path):
    result = subprocess.run(
        [sys.executable, str(path), "--smoke", "--output", str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert re.search(r"^\w+: -?\d+\.\d{4} ", result.stdout, re.MULTILINE)
    # What it shows is laid out as the picture that it is to be held against.
    shown, reference = (
        np.asarray(Image.open(picture))
        for picture in (tmp_path / "samples.png", FOLDER / "pictures" / f"{path.stem}.png")
    )
    assert shown.shape == reference.shape
    assert runtime.load(tmp_path / "artefact").sample(2, labels=0).shape == (2, 8, 8, 1)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_begins_with_what_it_prints_and_shows_and_how_long_it_takes(path):
    text = " ".join(ast.get_docstring(ast.parse(path.read_text())).split())
    assert re.search(r"It prints .* it shows .* It takes \d+ seconds", text)
    picture = re.search(r"examples/(pictures/\w+\.png)", text)[1]
    assert (FOLDER / picture).stat().st_size < 100_000


def test_examples_are_all_alike():
    """The same steps, in the same order."""
    steps = [re.findall(r"^# (\w+)", path.read_text(), re.MULTILINE) for path in EXAMPLES]
    assert all(
        of_one == ["Data", "Model", "Fit", "Evaluate", "Sample", "Export"] for of_one in steps
    )
