"""500 mutations of good inputs: each is taken, or refused in one sentence, and loses nothing."""

import io
import shutil
import sys
import traceback
import warnings

import numpy as np
import pytest
from PIL import Image

from command import keras_gen
from keras_gen import data

pytestmark = pytest.mark.slow

NUM_MUTATIONS = 500
PARTS = 10  # of the list, so that a failure names a tenth of it

# What stands in a place where something else was meant.
VALUES = ["", "0", "-1", "1", "7", "2.5", "nan", "inf", "9" * 25, "None", "()", "(1,)", "'a'", "[]"]
VALUES += ["../x", "/", ".", "\0", "é", "x" * 300, "1,1", "1,2,3", "a=b", "--", "{}", "True"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with good data of each kind, a finished run and one to go on with."""
    place = tmp_path_factory.mktemp("fuzz")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (20, 4, 4, 1)).astype(np.uint8)
    np.savez(place / "a.npz", x_train=images, y_train=np.arange(20) % 2)
    (place / "pictures").mkdir()
    for i in range(10):
        Image.fromarray(images[i, ..., 0] * 255).save(place / "pictures" / f"{i}.png")
        data.write_wav(place / "sounds" / f"{i}.wav", rng.uniform(-1, 1, (1, 40)), 1000)
    (place / "a.txt").write_text("so much depends upon a red wheel barrow\n" * 20)
    assert keras_gen(*GOOD["npz"](place), "--run", place / "finished") == 0
    shutil.copytree(place / "finished", place / "unfinished")
    (place / "unfinished" / "model.keras").rename(place / "unfinished" / "checkpoint-000001.keras")
    return place


MADE = ["train", "made", "--epochs", "1", "--batch-size", "16", "--set", "hidden_units=(4,)"]
WAVENET = ["train", "wavenet", "--epochs", "1", "--set", "filters=2", "--set", "skip_filters=2"]
WAVENET += ["--set", "layers_per_block=2", "--set", "num_blocks=1", "--length", "20"]
RNN = ["train", "char_rnn", "--epochs", "1", "--set", "units=4", "--set", "num_layers=1"]

# Commands by the kind of what they read.
GOOD = {
    "npz": lambda place: [*MADE, "--data", f"npz:{place / 'a.npz'}"],
    "folder": lambda place: [*MADE, "--data", f"folder:{place / 'pictures'}", "--resize", "3,3"],
    "audio": lambda place: [*WAVENET, "--data", f"audio:{place / 'sounds'}"],
    "text": lambda place: [*RNN, "--data", f"text:{place / 'a.txt'}", "--length", "8"],
    "resume": lambda place: ["train", "--resume", place / "unfinished"],
    "sample": lambda place: ["sample", place / "finished", "-n", "2", "--seed", "1"],
    "evaluate": lambda place: ["evaluate", place / "finished", "--batch-size", "5"],
    "complete": lambda place: ["complete", place / "finished", "--num-images", "1"],
}

# The files that each of these reads.
READS = {
    "npz": ["a.npz"],
    "folder": ["pictures/3.png"],
    "audio": ["sounds/3.wav"],
    "text": ["a.txt"],
    "resume": ["unfinished/config.json", "unfinished/checkpoint-000001.keras"],
    "sample": ["finished/model.keras"],
    "evaluate": ["finished/config.json", "finished/model.keras", "a.npz"],
    "complete": ["finished/model.keras", "a.npz"],
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A file's content with a piece flipped, cut out, doubled, or made of noise."""
    if not content:
        return content
    place = int(rng.integers(len(content)))
    length = int(rng.integers(1, 40))
    piece = content[place : place + length]
    other = {
        0: bytes(byte ^ (1 << int(rng.integers(8))) for byte in piece[:1]) + piece[1:],
        1: b"",
        2: piece * 2,
        3: rng.integers(0, 256, len(piece)).astype(np.uint8).tobytes(),
        4: b"9" * len(piece),
    }
    kind = int(rng.integers(6))
    return (
        content[:place] if kind == 5 else content[:place] + other[kind] + content[place + length :]
    )


def mutated(arguments: list, rng: np.random.Generator) -> list:
    """Arguments of which one is another, missing, or there twice."""
    arguments = list(arguments)
    place = int(rng.integers(1, len(arguments)))
    if "=" in str(arguments[place]):
        name = str(arguments[place]).partition("=")[0]
        arguments[place] = f"{name}={VALUES[rng.integers(len(VALUES))]}"
    elif (kind := int(rng.integers(8))) == 0:
        del arguments[place]
    elif kind == 1:
        arguments.insert(place, arguments[place])
    else:
        arguments[place] = VALUES[rng.integers(len(VALUES))]
    return arguments


def contents(folder) -> dict:
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def try_one(seed, place, work, monkeypatch) -> str | None:
    """Runs one mutation in a copy of the place; gives what is wrong with what came of it."""
    rng = np.random.default_rng([7, seed])
    shutil.copytree(place, work)
    monkeypatch.chdir(work)
    kind = [*GOOD][seed % len(GOOD)]
    arguments = GOOD[kind](work)
    of_file = rng.random() < 0.6
    if of_file:
        path = work / READS[kind][rng.integers(len(READS[kind]))]
        path.write_bytes(damaged(path.read_bytes(), rng))
    else:
        arguments = mutated(arguments, rng)
    if arguments[0] == "train" and "--resume" not in arguments:
        arguments += ["--run", work / "run"]
    if kind in ("sample", "complete"):
        arguments += ["--output", work / "output.png"]
    before = contents(work)
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status = keras_gen(*arguments)
    except BaseException:
        status = traceback.format_exc()
    what = f"{seed}: {'damaged ' + path.name if of_file else ''} {arguments}: {status}"
    what += f": {said.getvalue()}"
    after = contents(work)
    if status not in (0, 1, 2):
        return what
    if status == 2 and after != before:
        return f"{what} left or lost {[*map(str, after.keys() ^ before.keys())]}"
    # Nobody's data, and no finished run, changes whatever happens.
    lost = [
        str(name)
        for name, content in before.items()
        if name.parts[0] != "unfinished" and after.get(name) != content
    ]
    return f"{what} lost {lost}" if lost else None


@pytest.mark.parametrize("part", range(PARTS))
def test_mutations(part, place, tmp_path, monkeypatch):
    faults = []
    for seed in range(part, NUM_MUTATIONS, PARTS):
        with monkeypatch.context() as patch:
            fault = try_one(seed, place, tmp_path / "work", patch)
        shutil.rmtree(tmp_path / "work")
        if fault is not None:
            faults.append(fault)
    assert not faults, "\n\n".join(faults)
