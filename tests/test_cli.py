"""The command, as a user types it: runs, pictures, scores, mistakes, and a run killed half-way."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image

import keras_gen as library
from command import keras_gen
from keras_gen import data, runs
from keras_gen.cli.models import command_name, model_classes
from keras_gen.formats import Images
from keras_gen.metrics.train_classifier import train_classifier
from keras_gen_export import runtime

TINY = {
    "gated_pixel_cnn": ["--set", "filters=4", "--set", "num_blocks=1"],
    "vae": ["--set", "filters=(4,)", "--set", "hidden_units=8", "--set", "latent_dim=2"],
    "dcgan": ["--set", "filters=4", "--set", "latent_dim=4"],
}


def train(model, run, *arguments) -> int:
    return keras_gen("train", model, "--run", run, "--epochs", 1, *TINY[model], *arguments)


@pytest.fixture(scope="module", params=TINY)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / request.param
    assert train(request.param, folder, "--binarize", "fixed", "--conditional") == 0
    return folder


def test_a_run_folder(run):
    assert {path.name for path in run.iterdir()} == {
        "config.json",
        "history.csv",
        "logs",
        "model.keras",
    }
    config = json.loads((run / "config.json").read_text())
    assert config["model"] == run.name
    assert config["versions"]["keras"] == keras.__version__
    with (run / "history.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert np.isfinite(float(row["val_loss"]))
    assert any(path.name.startswith("events") for path in (run / "logs" / "samples").iterdir())


def test_a_finished_run_is_not_overwritten(run, capsys):
    before = (run / "model.keras").read_bytes()
    assert train(run.name, run) == 2
    assert "run must be a new or empty folder" in capsys.readouterr().err
    assert keras_gen("train", "--resume", run) == 2
    assert "which is finished" in capsys.readouterr().err
    assert (run / "model.keras").read_bytes() == before


def test_evaluate(run, capsys):
    assert keras_gen("evaluate", run, "--num-samples", 3) == 0
    output = capsys.readouterr().out
    assert output.startswith("179 examples of test\n")
    expected = {
        "gated_pixel_cnn": {"nll": "nats", "bits_per_dim": "bits per dimension"},
        "vae": {
            "negative_elbo": "nats",
            "bits_per_dim_bound": "bits per dimension",
            "negative bound of 3 samples": "nats",
        },
        "dcgan": {"discriminator_loss": "nats", "pixel_frechet_distance": "of the full range"},
    }
    for name, unit in expected[run.name].items():
        assert re.search(rf"^{name}: -?\d+\.\d{{4}} {unit}$", output, re.MULTILINE)
    assert keras_gen("evaluate", run, "--sample-rate", 8000) == 2
    assert "sample_rate must not be given: digits has no use for it" in capsys.readouterr().err


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """A file with a classifier of small digits, in 256 levels."""
    folder = tmp_path_factory.mktemp("classifier")
    images, labels, _ = data.load_arrays("digits")
    np.savez(folder / "a.npz", x_train=(images * 15.9375).astype(np.uint8), y_train=labels)
    train_classifier(f"npz:{folder / 'a.npz'}", folder / "small.npz", epochs=2)
    return folder / "small.npz"


def test_evaluate_by_a_classifier(run, classifier, capsys):
    assert keras_gen("evaluate", run, "--classifier", classifier) == 0
    output = capsys.readouterr().out
    figures = dict(re.findall(r"^small_(\w+): (-?[\d.]+) ", output, re.MULTILINE))
    assert figures.keys() == {
        "class_entropy",
        "share_as_asked",
        *(f"frechet_distance{floor}" for floor in ("", "_floor")),
        *(f"kernel_distance{end}{floor}" for end in ("", "_error") for floor in ("", "_floor")),
    }
    # Two levels come to black and white; samples of a single epoch are farther than data.
    assert float(figures["frechet_distance"]) > 2 * float(figures["frechet_distance_floor"]) > 0
    assert keras_gen("evaluate", run, "--classifier", "mnist") == 2
    message = "pictures must have shape [n, 28 or more, 28 or more, 1], which mnist takes"
    assert message in capsys.readouterr().err
    assert keras_gen("evaluate", run, "--classifier", "cifar") == 2
    assert "classifier must be fashion_mnist, mnist, or" in capsys.readouterr().err


def test_sample(run, tmp_path):
    for name in ("a", "b"):
        assert keras_gen("sample", run, "-n", 6, "--output", tmp_path / f"{name}.png") == 0
    a, b = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("a", "b"))
    np.testing.assert_array_equal(a, b)
    assert min(a.shape[:2]) > 100
    assert len(np.unique(a)) > 1


def test_settings(run, tmp_path, capsys):
    """Each model has its own: what it has not is refused, not left out in silence."""
    setting, other = {
        "gated_pixel_cnn": ("temperature", "truncation"),
        "vae": ("temperature", "top_k"),
        "dcgan": ("truncation", "temperature"),
    }[run.name]
    class_name = model_classes()[run.name].__name__
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path, value, seed in zip(paths, (0, 0.0, 1), (0, 1, 1), strict=True):
        arguments = ["-n", 4, "--output", path, "--set", f"{setting}={value}", "--seed", seed]
        assert keras_gen("sample", run, *arguments, "--label", 3) == 0
    a, b, c = (np.asarray(Image.open(path)) for path in paths)
    if run.name != "vae":  # whose latents are drawn at any temperature
        np.testing.assert_array_equal(a, b)
    assert a.shape != c.shape or (a != c).any()
    capsys.readouterr()
    assert keras_gen("sample", run, "--set", f"{other}=1") == 2
    error = capsys.readouterr().err
    assert f"{other} must not be given: the settings of {class_name} are {setting}" in error
    assert keras_gen("sample", run, "--set", f"{setting}s=1") == 2
    assert f"{setting}s must not be given: did you mean {setting}?" in capsys.readouterr().err
    assert keras_gen("sample", run, "--set", "temperature") == 2
    assert "set must be NAME=VALUE" in capsys.readouterr().err
    if run.name == "dcgan":
        assert keras_gen("sample", run, "--temperature", 0.5) == 2
        assert "temperature must not be given" in capsys.readouterr().err


def test_complete_and_interpolate_where_the_model_can(run, tmp_path, capsys):
    complete = keras_gen("complete", run, "--num-images", 2, "--output", tmp_path / "c.png")
    interpolate = keras_gen("interpolate", run, "--num-walks", 2, "--output", tmp_path / "i.png")
    errors = capsys.readouterr().err
    if run.name == "gated_pixel_cnn":
        assert (complete, interpolate) == (0, 2)
        assert "run must hold a model with latents" in errors
    else:
        assert (complete, interpolate) == (2, 0)
        assert "run must hold a model that completes images" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["i.png" if complete else "c.png"]


def test_export(run, tmp_path):
    assert keras_gen("export", run, "--output", tmp_path / "a", "--format", "onnx") == 0
    samples = runtime.load(tmp_path / "a").sample(2, labels=3, seed=0)
    np.testing.assert_array_equal(samples, runs.load_model(run).sample(2, labels=3, seed=0))


@pytest.mark.parametrize("argument", ["format='onnx'", "filepath='b'", "verbose=1", "seed=1"])
def test_export_is_set_choices_alone(argument, run, tmp_path, capsys):
    assert keras_gen("export", run, "--output", tmp_path / "a", "--set", argument) == 2
    assert f"{argument.split('=')[0]} must not be given: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# ---- the models ----------------------------------------------------------------------------------


def test_models_are_found():
    classes = model_classes()
    assert [*classes] == sorted(classes)
    assert classes.keys() >= {
        "char_rnn",
        "dcgan",
        "gated_pixel_cnn",
        "made",
        "pixel_cnn",
        "pixel_cnn_plus_plus",
        "pixel_rnn",
        "pixel_snail",
        "transformer",
        "vae",
        "wavenet",
    }
    # What cannot be built is not there.
    assert not {library.Model, library.GenerativeModel, library.LatentGAN} & {*classes.values()}
    assert command_name(library.PixelCNNPlusPlus) == "pixel_cnn_plus_plus"


def test_models_lists_what_each_is_for_and_its_options(capsys):
    assert keras_gen("models") == 0
    output = capsys.readouterr().out
    for name, model_class in model_classes().items():
        assert re.search(rf"^{name}: [A-Z].*\.$", output, re.MULTILINE)
        options = runs.plain_options(model_class)
        # Of bases too; but not what the data says, the run, or Python alone.
        assert "average_decay" in options
        assert not options.keys() & {"image_shape", "length", "seed", "num_classes", "likelihood"}
    assert "    discriminator_steps=1" in output
    assert "    hidden_units=256" in output


@pytest.mark.parametrize("name", ["gated_pixel_cnn", "vae", "dcgan"])
def test_options_of_bases_can_be_set(name, tmp_path):
    assert train(name, tmp_path / "run", "--set", "average_decay=0.9") == 0
    assert runs.load_model(tmp_path / "run").average_decay == 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pixel_gan"], "model must be one of big_gan, char_rnn, .*, received 'pixel_gan'"),
        (
            ["vae", "--data", "minst"],
            "data must be digits, tfds:NAME, npz:FILE, folder",
        ),
        (
            ["vae", "--set", "depth=3"],
            "depth must not be given: the options of vae are latent_dim, filters, .*, average",
        ),
        (["vae", "--set", "hidden_unit=3"], "hidden_unit must not be given: did you mean hidden_u"),
        (["vae", "--set", "depth"], "set must be NAME=VALUE"),
        (["vae", "--set", "=3"], "set must be NAME=VALUE"),
        (["vae", "--set", "filters={1, 2}"], "set must be NAME=VALUE with a number, a word"),
        (["vae", "--set", "filters=" + "(" * 2000], r"set must be NAME=VALUE .*, received .{,99}$"),
        (["vae", "--set", "latent_dim=0"], "latent_dim must be at least 1, received 0"),
        (["vae", "--resize", "8x8"], "resize must be whole numbers with commas between"),
        (["vae", "--set", "filters=32"], "filters must be whole numbers of at least 1, such as"),
        (["vae", "--steps-per-execution", "4"], "steps_per_execution must divide the 23 steps"),
        (["vae", "--data", "text"], "data must be of a kind that VAE models, received text"),
        (["char_rnn"], "data must be of a kind that CharRNN models, received images"),
        (["vae", "--set", "levels=3"], "levels must not be given: the options of vae are"),
        (["dcgan", "--set", "adversarial_loss=1"], "adversarial_loss must not be given: the"),
        (["char_rnn", "--data", "text", "--binarize", "fixed"], "binarize must be None: text"),
        (["char_rnn", "--data", "text:none.txt"], "data must name a text file that exists"),
        (["wavenet", "--data", "audio:nowhere"], "data must name a folder that exists"),
        (["vae", "--schedule", "linear"], "schedule must be constant or cosine"),
        (["vae", "--resize", "0,0"], r"resize must be \(height, width\), both at least 1"),
        (["vae", "--resize", "8"], r"resize must be \(height, width\), both at least 1"),
        (["vae", "--resize", "100000,100000"], "resize must be smaller: the 1439 pictures would"),
        (["vae", "--image-shape", "8,8"], r"image_shape must be \(height, width, channels\)"),
        (["vae", "--sample-rate", "99999999"], "sample_rate must be 1 to 1000000, received 99999"),
        (["char_rnn", "--data", "text", "--length", "1" + "0" * 30], "length must be at most"),
        (["vae", "--batch-size", "9" * 23], "batch_size must be 1 to 2147483647, received 9999"),
        (["vae", "--epochs", "9" * 23], "epochs must be 1 to 2147483647, received 9999"),
        (["vae", "--steps-per-execution", "9" * 23], "steps_per_execution must be 1 to 21474"),
        (["vae", "--seed", "-1"], "seed must be 0 to 2147483647, received -1"),
        (["vae", "--ema", "nan"], "ema_momentum must be at least 0 and less than 1, received nan"),
        (["vae", "--set", "hidden_units=10000000000"], "set must be smaller: to train the model's"),
        (["vae", "--set", "beta='a'"], "beta must be at least 0 and finite, received 'a'"),
        (["gated_pixel_cnn", "--set", "filters=True"], "set must give values of the right kind: "),
        (["vae", "--set", "likelihood=3"], "likelihood must not be given: the options of vae are"),
        (["vae", "--set", "encoder=3"], "encoder must not be given: the options of vae are"),
        (["vae", "--dtype", "float7"], "dtype"),
        (["vae", "--data", "npz:/"], "data must name an .npz file that exists"),
        (["vae", "--data", "folder:/nowhere"], "data must name a folder that exists"),
        (["vae", "--data", "tfds:../x"], "data must be a data set of TFDS"),
        (["vae", "--data", "\0"], "data must be digits, tfds:NAME"),
        (["vae", "--length", "8"], "length must not be given: digits has no use for it"),
        (["vae", "--data-dir", "."], "data_dir must not be given: digits has no use for it"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(arguments, message, tmp_path, capsys):
    assert keras_gen("train", *arguments, "--run", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1
    assert re.search(message, error)
    assert not (tmp_path / "run").exists()


def test_other_mistakes(tmp_path, capsys):
    assert keras_gen("sample", tmp_path / "nowhere") == 2
    assert "run must be a run folder or a .keras file" in capsys.readouterr().err
    assert keras_gen("train", "--resume", tmp_path) == 2
    assert "run must be a folder with config.json" in capsys.readouterr().err
    assert keras_gen("train") == 2
    assert "train needs a model and --run FOLDER" in capsys.readouterr().err
    assert keras_gen("train", "--resume", tmp_path, "--epochs", 10, "--data", "digits") == 2
    assert "give nothing else, received data, epochs." in capsys.readouterr().err


def test_damaged_and_foreign_files(tmp_path, capsys):
    def error_of(*arguments):
        assert keras_gen(*arguments) == 2
        error = capsys.readouterr().err
        assert len(error.strip().splitlines()) == 1
        return error

    (tmp_path / "a.keras").write_bytes(b"no archive")
    assert "a.keras must be a file that Keras can load" in error_of("sample", tmp_path / "a.keras")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "b.keras")
    assert "must hold a model of keras_gen" in error_of("sample", tmp_path / "b.keras")
    for text in ("{", "[]", '{"model": "vae"}'):
        (tmp_path / "config.json").write_text(text)
        assert "must be as a run writes it" in error_of("train", "--resume", tmp_path)


def test_conditions_that_the_command_cannot_give_are_missed_before_the_run_begins(tmp_path, capsys):
    for i in range(20):
        data.write_wav(tmp_path / "sounds" / f"{i}.wav", np.zeros((1, 64)), 1000, pause=0.0)
    arguments = ["--data", f"audio:{tmp_path / 'sounds'}", "--set", "filters=4"]
    arguments += ["--set", "layers_per_block=2", "--set", "num_blocks=1", "--run", tmp_path / "run"]
    assert keras_gen("train", "wavenet", *arguments, "--set", "local_channels=5") == 2
    assert "local must be given" in capsys.readouterr().err
    # An embedding of a billion labels, one for each.
    images, _, _ = data.load_arrays("digits", "test", binarize="fixed")
    np.savez(tmp_path / "a.npz", x_train=images, y_train=np.arange(len(images)) * 10**7)
    arguments = ["--data", f"npz:{tmp_path / 'a.npz'}", "--conditional", "--run", tmp_path / "run"]
    assert keras_gen("train", "gated_pixel_cnn", *arguments) == 2
    assert "data must be smaller: to train the model's weights" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"sounds", "a.npz"}


def test_a_conditional_model_needs_labels(run, tmp_path, capsys):
    images, _, _ = data.load_arrays("digits", "test", binarize="fixed")
    np.savez(tmp_path / "a.npz", train=images)
    arguments = ["--data", f"npz:{tmp_path / 'a.npz'}"]
    assert keras_gen("evaluate", run, *arguments) == 2
    assert (
        f"data must have labels, which {model_classes()[run.name].__name__} needs"
        in capsys.readouterr().err
    )
    assert keras_gen("evaluate", run, "--data", "digits", "--binarize", "dynamic") == 0


# ---- texts and sounds ----------------------------------------------------------------------------


def test_text(tmp_path, capsys):
    (tmp_path / "verse.txt").write_text("so much depends upon a red wheel barrow\n" * 60)
    data = ["--data", f"text:{tmp_path / 'verse.txt'}", "--length", 40]
    tiny = ["--set", "units=12", "--set", "num_layers=1", "--set", "truncation=15"]
    run = tmp_path / "run"
    assert keras_gen("train", "char_rnn", "--run", run, "--epochs", 1, *data, *tiny) == 0
    capsys.readouterr()

    assert keras_gen("evaluate", run) == 0
    assert "bits_per_dim" in capsys.readouterr().out
    assert keras_gen("evaluate", run, "--classifier", "mnist") == 2
    assert "classifier must not be given: CharRNN draws no pictures" in capsys.readouterr().err
    arguments = ["--prompt", "a red ", "--length", 30, "--top-k", 5, "--temperature", 0.5]
    texts = []
    for _ in range(2):
        assert keras_gen("generate", run, *arguments) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].startswith("a red ")
    assert len(texts[0]) == 37
    assert keras_gen("sample", run, "-n", 3, "--output", tmp_path / "samples.txt") == 0
    assert len((tmp_path / "samples.txt").read_text()) == 3 * 40 + 5
    assert keras_gen("generate", run, "--prompt", "?") == 2
    assert "text must be in the vocabulary" in capsys.readouterr().err
    assert keras_gen("complete", run) == 2
    assert "run must hold a model that completes images" in capsys.readouterr().err

    # The artefact takes code points and gives code points: the vocabulary is inside.
    assert keras_gen("export", run, "--output", tmp_path / "a", "--format", "onnx") == 0
    samples = runtime.load(tmp_path / "a").sample(1, seed=0)
    assert set(map(chr, samples[0])) <= set("so much depends upon a red wheel barrow\n")


@pytest.mark.parametrize("model", ["wavenet", "transformer"])
def test_sounds(model, tmp_path, capsys):
    rng = np.random.default_rng(0)
    (tmp_path / "sounds").mkdir()
    for i in range(40):
        sound = 0.5 * np.sin(np.arange(300) * (0.1 + 0.1 * (i % 2)) + rng.random())
        data.write_wav(tmp_path / "sounds" / f"{i % 2}_{i}.wav", sound[None], 1000, pause=0.0)
    tiny = {
        "wavenet": ["filters=4", "skip_filters=4", "layers_per_block=3", "num_blocks=1"],
        "transformer": ["model_dim=8", "num_heads=2", "num_blocks=1"],
    }[model]
    run = tmp_path / "run"
    arguments = ["--data", f"audio:{tmp_path / 'sounds'}", "--length", 100, "--sample-rate", 500]
    arguments += [part for option in tiny for part in ("--set", option)]
    assert keras_gen("train", model, "--run", run, "--epochs", 1, "--conditional", *arguments) == 0
    assert keras_gen("evaluate", run) == 0
    output = tmp_path / "samples.wav"
    assert keras_gen("sample", run, "-n", 2, "--output", output) == 0
    sound, rate = data.read_wav(output)
    assert rate == 500
    assert len(sound) == 2 * (100 + 125)
    assert keras_gen("generate", run) == 2
    assert "generate needs a model of text, this one is of audio" in capsys.readouterr().err


def test_a_transformer_of_pictures(tmp_path):
    tiny = ["--set", "model_dim=8", "--set", "num_heads=2", "--set", "num_blocks=1"]
    run = tmp_path / "run"
    assert keras_gen("train", "transformer", "--run", run, "--epochs", 1, *tiny) == 0
    assert runs.load_model(run).format == Images((8, 8, 1), levels=17)
    assert any((run / "logs" / "samples").iterdir())
    arguments = ["--num-images", 2, "--completions", 2, "--known", 0.25]
    assert keras_gen("complete", run, *arguments, "--output", tmp_path / "c.png") == 0
    picture = np.asarray(Image.open(tmp_path / "c.png"))
    cells = picture[::14, ::14]  # as it was before it was magnified
    assert cells.shape == (17, 35)
    # Rows of the original, what is known of it, and two completions that keep that.
    original, hidden, *drawn = (cells[:8, 9 * i : 9 * i + 8] for i in range(4))
    assert not hidden[2:].any()
    for x in (hidden, *drawn):
        np.testing.assert_array_equal(x[:2], original[:2])


# ---- interruption --------------------------------------------------------------------------------


def kill_in_the_third_epoch(arguments) -> None:
    """Starts the command as a process of its own, and kills it in the middle of an epoch."""
    # The callback waits there, so that the kill lands inside the epoch however fast the machine is.
    code = """
import sys, time, keras
from keras_gen import cli
class Wait(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None): self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2 and batch == 3:
            print("waiting", flush=True); time.sleep(600)
fit = keras.Model.fit
def waiting_fit(self, *args, callbacks, **kwargs):
    return fit(self, *args, callbacks=[*callbacks, Wait()], **kwargs)
keras.Model.fit = waiting_fit
cli.main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 240
    for line in process.stdout:
        if line.strip() == "waiting":
            break
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("model", ["gated_pixel_cnn", "dcgan"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(model, tmp_path):
    arguments = ["train", model, "--epochs", 4, "--batch-size", 128, *TINY[model]]
    arguments += ["--binarize", "dynamic", "--schedule", "cosine", "--seed", 5]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    kill_in_the_third_epoch([*arguments, "--run", killed])
    assert not (killed / "model.keras").exists()
    # The newest whole epoch is what is there to look at.
    assert isinstance(runs.load_model(killed).sample(1, seed=0), np.ndarray)

    assert keras_gen("train", "--resume", killed) == 0
    assert keras_gen(*arguments, "--run", whole) == 0
    a, b = (keras.models.load_model(run / "model.keras") for run in (killed, whole))
    for x, y in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(x, y, err_msg=x.path)
    for x, y in zip(a.optimizer.variables, b.optimizer.variables, strict=True):
        np.testing.assert_array_equal(x, y, err_msg=x.path)
    histories = [(run / "history.csv").read_text().splitlines() for run in (killed, whole)]
    assert histories[0] == histories[1]
    assert len(histories[0]) == 5
