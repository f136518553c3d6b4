"""What a run survives: divergence, a second process, a full disk, damage, Ctrl-C."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from command import keras_gen
from damage import flip
from keras_gen import MADE, Tokens, Transformer, files, runs
from keras_gen.callbacks import (
    DivergenceError,
    EpochCheckpoint,
    HistoryFile,
    StopOnDivergence,
    checkpoints,
)
from keras_gen.formats import Images, Sound, Text

TINY = ["made", "--epochs", 3, "--batch-size", 512, "--set", "hidden_units=(4,)"]
TINY += ["--binarize", "fixed", "--seed", 3]


def sentence(capsys) -> str:
    """What was said of an error: one line."""
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1, said
    return said


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def weights(path) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in keras.models.load_model(path).weights]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run from its beginning to its end."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert keras_gen("train", *TINY, "--run", folder) == 0
    return folder


@contextlib.contextmanager
def interrupted_in(epoch):
    """Within it, Ctrl-C is pressed in the second batch of an epoch."""

    class CtrlC(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == (epoch, 1):
                signal.raise_signal(signal.SIGINT)

    fit = keras.Model.fit
    # As on a terminal: what was started in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            keras.Model,
            "fit",
            lambda self, *args, callbacks=(), **kwargs: fit(
                self, *args, callbacks=[*callbacks, CtrlC()], **kwargs
            ),
        )
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with interrupted_in(epoch=2):
        assert keras_gen("train", *TINY, "--run", folder) == 130
    return folder


@pytest.fixture
def run(stopped, tmp_path):
    """A run that was stopped in its third epoch, for one test."""
    shutil.copytree(stopped, tmp_path / "run")
    return tmp_path / "run"


def assert_same_end(run, whole):
    assert names(run) == names(whole)
    for a, b in zip(weights(run / "model.keras"), weights(whole / "model.keras"), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (run / "history.csv").read_text() == (whole / "history.csv").read_text()


# ---- Ctrl-C --------------------------------------------------------------------------------------


def test_ctrl_c_says_where_it_stopped_and_how_to_go_on(tmp_path, capsys):
    run = tmp_path / "run"
    with interrupted_in(epoch=1):
        assert keras_gen("train", *TINY, "--run", run) == 130
    assert sentence(capsys) == f"keras-gen: stopped in epoch 2; go on with --resume {run}"


def test_a_run_that_was_stopped_goes_on_to_the_same_end(run, whole):
    assert [epochs for _, epochs in checkpoints(run)] == [2, 1]
    assert keras_gen("train", "--resume", run) == 0
    assert_same_end(run, whole)


# ---- divergence ----------------------------------------------------------------------------------


def test_a_run_that_diverges_says_so_and_keeps_its_checkpoint(tmp_path, capsys):
    run = tmp_path / "run"
    assert keras_gen("train", *TINY, "--run", run, "--learning-rate", 1e38) == 1
    said = sentence(capsys)
    assert "training diverged in batch 2 of epoch 1: loss is nan, and must be finite" in said
    assert said.endswith(f"{run / 'checkpoint-000000.keras'} is kept.")
    assert all(np.isfinite(x).all() for x in weights(run / "checkpoint-000000.keras"))
    assert keras_gen("sample", run, "-n", 2, "--output", tmp_path / "a.png") == 0


def break_weights(model) -> None:
    for variable in model.trainable_variables:
        variable.assign(variable * float("nan"))


def poisoned(at_batch=None, at_epoch=None):
    """A callback that breaks a weight before a batch of the second epoch, or at an epoch's end."""

    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, batch, logs=None):
            if (self.epoch, batch) == (1, at_batch):
                break_weights(self.model)

        def on_epoch_end(self, epoch, logs=None):
            if epoch == at_epoch:
                break_weights(self.model)

    return Poison()


def tiny_model():
    model = MADE((2, 2, 1), levels=2, hidden_units=(3,), seed=0)
    model.compile()
    return model, np.zeros((12, 2, 2, 1), np.uint8)


def test_the_batch_and_the_epoch_are_named():
    model, x = tiny_model()
    callbacks = [poisoned(at_batch=2), StopOnDivergence()]
    with pytest.raises(DivergenceError, match="in batch 3 of epoch 2: loss is nan"):
        model.fit(x, batch_size=3, epochs=3, verbose=0, callbacks=callbacks)


class BrokenValidation(keras.callbacks.Callback):
    """Breaks the weights while they are measured after the second epoch, and mends them again."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.weights = epoch, None

    def on_test_begin(self, logs=None):
        if self.epoch == 1:
            self.weights = self.model.get_weights()
            break_weights(self.model)

    def on_test_end(self, logs=None):
        if self.weights is not None:
            self.model.set_weights(self.weights)


def test_a_loss_of_validation_that_is_not_finite_ends_training(tmp_path):
    model, x = tiny_model()
    callbacks = [BrokenValidation(), StopOnDivergence(), EpochCheckpoint(tmp_path)]
    with pytest.raises(DivergenceError, match="diverged in epoch 2: val_loss is nan, and must be"):
        model.fit(x, epochs=3, verbose=0, validation_data=x, callbacks=callbacks)
    assert names(tmp_path) == {"checkpoint-000000.keras", "checkpoint-000001.keras"}


def test_weights_that_are_not_finite_replace_no_checkpoint(tmp_path):
    # The last step of an epoch may break weights after its loss was measured.
    model, x = tiny_model()
    callbacks = [poisoned(at_epoch=1), EpochCheckpoint(tmp_path)]
    with pytest.raises(DivergenceError, match="after epoch 2 must have finite weights"):
        model.fit(x, epochs=3, verbose=0, callbacks=callbacks)
    assert names(tmp_path) == {"checkpoint-000000.keras", "checkpoint-000001.keras"}
    assert all(np.isfinite(w).all() for w in weights(tmp_path / "checkpoint-000001.keras"))


def test_models_of_weights_that_are_not_finite_are_refused(tmp_path, capsys):
    model, _ = tiny_model()
    break_weights(model)
    model.save(tmp_path / "a.keras")
    assert keras_gen("sample", tmp_path / "a.keras", "--output", tmp_path / "a.png") == 2
    assert "a.keras must have finite weights" in sentence(capsys)
    assert names(tmp_path) == {"a.keras"}


@pytest.mark.parametrize("rate", ["nan", "inf", "-1", "0"])
def test_learning_rates_are_finite_and_above_0(rate, tmp_path, capsys):
    assert keras_gen("train", *TINY, "--run", tmp_path / "run", "--learning-rate", rate) == 2
    assert "learning_rate must be finite and above 0" in sentence(capsys)
    assert not names(tmp_path)


# ---- two processes -------------------------------------------------------------------------------


def test_a_second_process_is_refused_and_readers_are_not(run, whole, tmp_path, capsys):
    code = (
        "import sys, time, pathlib; from keras_gen.files import alone_in\n"
        "with alone_in(pathlib.Path(sys.argv[1])): print('in', flush=True); time.sleep(600)"
    )
    before = names(run)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run)], stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout.readline() == "in\n"
            for arguments in (["--resume", run], [*TINY, "--run", run]):
                assert keras_gen("train", *arguments) == 2
                assert "run must be a folder that no other process trains in" in sentence(capsys)
            assert keras_gen("sample", run, "-n", 2, "--output", tmp_path / "a.png") == 0
        finally:
            other.kill()
    # The file is there, and locks nobody out.
    assert names(run) == before | {files.LOCK}
    assert keras_gen("train", "--resume", run) == 0
    assert_same_end(run, whole)


def test_a_folder_that_a_killed_process_only_locked_is_empty(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / files.LOCK).touch()
    (run / ".config.7.part.json").touch()
    assert keras_gen("train", *TINY, "--run", run) == 0
    assert names(run) == {"config.json", "history.csv", "logs", "model.keras"}


# ---- disks that are full -------------------------------------------------------------------------


def fail_at(patch, number) -> list[str]:
    """Lets the disk be full at one of the files written; gives the names of all, as they come."""
    written = []
    to_disk = files._to_disk

    def full(path):
        written.append(path.name)
        if len(written) == number + 1:
            raise OSError(28, "No space left on device")
        to_disk(path)

    patch.setattr(files, "_to_disk", full)
    return written


# The configuration, the first checkpoint, then a row and a checkpoint an epoch, and the model.
@pytest.mark.parametrize("number", [0, 1, 2, 3, 7, 8])
def test_a_disk_that_is_full_at_the_nth_file_loses_nothing(number, tmp_path, whole, capsys):
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        written = fail_at(patch, number)
        assert keras_gen("train", *TINY, "--run", run) == 2
    assert len(written) == number + 1
    said = sentence(capsys)
    assert "run must be a place that can be written" in said
    assert "No space left on device" in said
    if number == 0:
        assert not run.exists()
        assert keras_gen("train", *TINY, "--run", run) == 0
    else:
        assert f"go on with --resume {run}" in said
        assert not any(files.is_unfinished(path) for path in run.iterdir())
        assert keras_gen("train", "--resume", run) == 0
    assert_same_end(run, whole)


@contextlib.contextmanager
def no_file_above(size):
    """Within it, the operating system lets no file grow beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1, 100, 700, 10_000, 20_000])
def test_training_on_a_disk_that_takes_only_so_much(size, tmp_path, whole, capsys):
    """What fails at what size: the configuration, TensorBoard's files, the checkpoint."""
    run = tmp_path / "run"
    with no_file_above(size):
        status = keras_gen("train", *TINY, "--run", run)
    assert status == 2
    assert "run must be a place that can be written" in sentence(capsys)
    assert not run.exists() or not any(files.is_unfinished(path) for path in run.iterdir())
    arguments = ["--resume", run] if run.exists() else [*TINY, "--run", run]
    assert keras_gen("train", *arguments) == 0
    assert_same_end(run, whole)


WRITERS = {
    "png": lambda path: Images((8, 8, 1)).write(np.zeros((9, 8, 8, 1), np.uint8), path),
    "wav": lambda path: Sound(8000).write(np.zeros((2, 99), np.float32), path),
    "txt": lambda path: Text("ab").write(np.full((9, 99), 97), path),
    "tokens.txt": lambda path: Tokens(9).write(np.zeros((9, 99), np.int32), path),
    "csv": lambda path: history(path),
}


def history(path) -> None:
    callback = HistoryFile(path)
    for epoch in range(20):
        callback.on_epoch_end(epoch, {"loss": 1.0})


@pytest.mark.parametrize("size", [0, 1, 100])
@pytest.mark.parametrize("suffix", WRITERS)
def test_writers_on_a_full_disk_keep_what_was_there(suffix, size, tmp_path):
    path = tmp_path / f"a.{suffix}"
    path.write_text("of old")
    with no_file_above(size), pytest.raises(files.UnwritableError, match="File too large"):
        WRITERS[suffix](path)
    if suffix != "csv":  # whose first rows fit
        assert path.read_text() == "of old"
    new = tmp_path / "new" / "folder" / path.name
    with no_file_above(size), pytest.raises(files.UnwritableError):
        WRITERS[suffix](new)
    if not (suffix == "csv" and size == 100):
        assert names(tmp_path) == {path.name}


@pytest.mark.parametrize("format", ["tf_saved_model", "onnx"])
def test_an_export_to_a_full_disk_leaves_nothing(format, whole, tmp_path, capsys):
    with no_file_above(1000):
        assert keras_gen("export", whole, "--output", tmp_path / "a", "--format", format) == 2
    said = sentence(capsys)
    assert "filepath must be a place that can be written" in said
    assert "File too large" in said
    assert not names(tmp_path)


def test_what_the_dead_left_is_removed_and_what_the_living_write_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for left in (
        f".a.{dead.pid}.part.txt",
        f".a.{os.getppid()}.part.txt",
        f".b.{dead.pid}.part.txt",
    ):
        (tmp_path / left).touch()
    files.write_beside(tmp_path / "a.txt", lambda beside: beside.write_text("whole"))
    assert names(tmp_path) == {
        "a.txt",
        f".a.{os.getppid()}.part.txt",
        f".b.{dead.pid}.part.txt",  # of another file: whoever writes that removes it
    }


def test_only_ordinary_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "link").symlink_to("a.txt")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="output must be an ordinary file"):
            files.write_beside(path, lambda beside: beside.write_text("new"))
    files.write_beside(tmp_path / "link", lambda beside: beside.write_text("new"))
    assert (tmp_path / "a.txt").read_text() == "new"
    assert (tmp_path / "link").is_symlink()


# ---- damage --------------------------------------------------------------------------------------


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "garbage": lambda data: b"\0" * len(data),
    "flipped weights": lambda data: flip(data, len(data) // 2),
    "flipped directory": lambda data: flip(data, len(data) - 20),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_the_newest_intact_checkpoint_is_used(damage, run, whole, tmp_path):
    newest, before = (path for path, _ in checkpoints(run))
    newest.write_bytes(damage(newest.read_bytes()))
    expected = f"{newest.name} must be a file that Keras can load.* is used: .*{before.name}"
    with pytest.warns(UserWarning, match=expected):
        runs.load_model(run)
    with pytest.warns(UserWarning, match=expected):
        assert keras_gen("train", "--resume", run) == 0
    assert_same_end(run, whole)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_where_none_is_intact_one_sentence_says_so(damage, run, whole, tmp_path, capsys):
    for path, _ in checkpoints(run):
        path.write_bytes(damage(path.read_bytes()))
    before = names(run)
    for arguments in (["sample", run], ["train", "--resume", run]):
        assert keras_gen(*arguments) == 2
        assert "checkpoint-000002.keras must be a file that Keras can load" in sentence(capsys)
    assert names(run) == before
    damaged = tmp_path / "a.keras"
    damaged.write_bytes(damage((whole / "model.keras").read_bytes()))
    assert keras_gen("evaluate", damaged) == 2
    assert "a.keras must be a file that Keras can load" in sentence(capsys)


def test_a_history_that_ends_in_half_a_row_goes_on(run, whole):
    with (run / "history.csv").open("a") as file:
        file.write("1,0.5")
    assert keras_gen("train", "--resume", run) == 0
    assert_same_end(run, whole)


CONFIGURATIONS = {
    "{}": "it lacks",
    "[]": "an object",
    "{": "must be as a run writes it",
    "\xff": "must be as a run writes it",
    '{"unknown": 1}': "it has unknown besides",
    '{"model": "pixel_gan"}': "must name one of big_gan, char_rnn, .*, received 'pixel_gan'",
    '{"model": 3}': "model must be a str, received 3",
    '{"data": {}}': "data must have a name",
    '{"data": {"name": 3, "batch_size": 4}}': "data's name must be a str",
    '{"data": {"name": "digits", "batch_size": "x"}}': "batch_size must be an integer",
    '{"data": {"name": "digits", "batch_size": 4, "depth": 3}}': "data must have .* depth",
    '{"data": {"name": "digits", "batch_size": 4, "resize": "ab"}}': "resize must be",
    '{"options": []}': "options must be a dict",
    '{"optimizer": {"rate": 1}}': "optimizer must be as Adam takes it",
    '{"optimizer": {"learning_rate": "x"}}': "learning_rate must be finite",
    '{"optimizer": {"use_ema": true, "ema_momentum": NaN}}': "ema_momentum must be",
    '{"epochs": "ten"}': "epochs must be an integer",
    '{"schedule": 1}': "schedule must be constant or cosine",
    '{"seed": -1}': "seed must be 0 to",
    '{"steps_per_execution": 0}': "steps_per_execution must be 1 to",
    '{"jit_compile": "no"}': "jit_compile must be true or false",
}


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_configurations_that_no_run_wrote(text, whole, tmp_path, capsys):
    path = tmp_path / "config.json"
    with contextlib.suppress(ValueError):  # parts of a good one; else the text as it is
        change = json.loads(text)
        if change and isinstance(change, dict):
            good = json.loads((whole / "config.json").read_text())
            text_of = json.dumps(good | change)
            path.write_text(text_of)
    if not path.exists():
        path.write_text(text, encoding="latin-1")
    written = path.read_bytes()
    assert keras_gen("train", "--resume", tmp_path) == 2
    assert re.search(CONFIGURATIONS[text], sentence(capsys))
    assert names(tmp_path) == {"config.json"}
    assert path.read_bytes() == written


def test_models_of_tokens_are_sampled(tmp_path):
    model = Transformer(Tokens(12), length=8, model_dim=8, num_heads=2, num_blocks=1)
    model.save(tmp_path / "a.keras")
    output = tmp_path / "a.txt"
    assert keras_gen("sample", tmp_path / "a.keras", "-n", 3, "--output", output) == 0
    assert np.loadtxt(output, dtype=int).shape == (3, 8)
