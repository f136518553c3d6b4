"""The command `keras-gen`: train, measure, look, ship."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

app = typer.Typer(
    help="Deep generative models: train, measure, look, ship.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Run = Annotated[Path, typer.Argument(help="A run folder, or a .keras file.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.")]
Temperature = Annotated[float, typer.Option(min=0.0, help="1 samples, 0 gives the mode.")]
Label = Annotated[int | None, typer.Option(help="A label for all; else each in turn.")]
Data = Annotated[
    str | None,
    typer.Option(
        help="digits, tfds:NAME, npz:FILE, folder:PATH, text, text:FILE or audio:PATH; else the "
        "run's own data."
    ),
]
DataDir = Annotated[Path | None, typer.Option(help="Where TFDS has prepared its data.")]
Binarize = Annotated[str | None, typer.Option(help="fixed, or dynamic (anew each epoch).")]
Resize = Annotated[str | None, typer.Option(help="HEIGHT,WIDTH.")]
Shape = Annotated[
    str | None, typer.Option(help="HEIGHT,WIDTH,CHANNELS of an .npz file's flat or packed rows.")
]
Length = Annotated[int | None, typer.Option(min=1, help="Characters of texts, samples of sounds.")]
SampleRate = Annotated[int | None, typer.Option(min=1, help="Resample sounds to so many Hz.")]


# Options of a constructor that `--set` has no part in.
_NOT_SET = (
    "adversarial_loss",
    "decoder",
    "encoder",
    "levels",
    "likelihood",
    "num_classes",
    "length",
    "sample_rate",
    "seed",
    "tokenizer",
    "vocabulary",
)


def model_classes() -> dict[str, type]:
    """The models by the names that the command knows them by."""
    import keras_gen

    return {
        "char_rnn": keras_gen.CharRNN,
        "dcgan": keras_gen.DCGAN,
        "gated_pixel_cnn": keras_gen.GatedPixelCNN,
        "made": keras_gen.MADE,
        "pixel_cnn": keras_gen.PixelCNN,
        "pixel_cnn_plus_plus": keras_gen.PixelCNNPlusPlus,
        "pixel_rnn": keras_gen.PixelRNN,
        "pixel_snail": keras_gen.PixelSNAIL,
        "transformer": keras_gen.Transformer,
        "vae": keras_gen.VAE,
        "wavenet": keras_gen.WaveNet,
    }


def _integers(name: str, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"{name} must be whole numbers with commas between, received {text!r}."
        ) from None


def _option(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    try:
        if not sign:
            raise ValueError
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        raise ValueError(
            f"set must be NAME=VALUE with a value as Python writes it, received {text!r}."
        ) from None


def _model_class(name: str) -> type:
    classes = model_classes()
    if name not in classes:
        raise ValueError(f"model must be one of {', '.join(classes)}, received {name!r}.")
    return classes[name]


class DataOptions(NamedTuple):
    """What a command was told of its data beside the name."""

    data_dir: Path | None = None
    binarize: str | None = None
    resize: str | None = None
    image_shape: str | None = None
    length: int | None = None
    sample_rate: int | None = None


def _data_arguments(name: str | None, batch_size: int, options: DataOptions) -> dict[str, Any]:
    # A run is read again from other places: paths are recorded whole.
    if name is not None and name.startswith(("npz:", "folder:", "text:", "audio:")):
        kind, _, path = name.partition(":")
        name = f"{kind}:{Path(path).absolute()}"
    return {
        "name": name,
        "batch_size": batch_size,
        **options._asdict(),
        "data_dir": None if options.data_dir is None else str(options.data_dir.absolute()),
        "resize": _integers("resize", options.resize),
        "image_shape": _integers("image_shape", options.image_shape),
    }


def _load_split(run: Path, split: str, data: str | None, options: DataOptions):
    """The examples of a split: of the data named, or of the run's own."""
    from keras_gen import data as datasets
    from keras_gen import runs

    arguments, seed = _data_arguments(data, 1, options), 0
    if data is None:
        configuration = runs.read_configuration(run if run.is_dir() else run.parent)
        given = {name: value for name, value in arguments.items() if value is not None}
        arguments, seed = configuration.data | given, configuration.seed
    arguments.pop("batch_size")
    if arguments["binarize"] == "dynamic":
        arguments["binarize"] = "fixed"  # to measure on, images must not change
    return datasets.load_arrays(split=split, seed=seed, **arguments)


def _labels(model: Any, num: int, label: int | None) -> Any:
    import numpy as np

    if model.num_classes is None:
        return label  # the model refuses one
    return np.arange(num) % model.num_classes if label is None else label


@app.command()
def models() -> None:
    """List the models and their options."""
    for name, model_class in model_classes().items():
        typer.echo(f"{name}: {inspect.getdoc(model_class).splitlines()[0]}")
        for option, parameter in inspect.signature(model_class).parameters.items():
            # What `--set` can give: the rest comes from the data, or is for Python.
            if option not in _NOT_SET and parameter.default is not parameter.empty:
                typer.echo(f"    {option}={parameter.default!r}")


@app.command()
def train(
    model: Annotated[str | None, typer.Argument(help="One of `keras-gen models`.")] = None,
    run: Annotated[Path | None, typer.Option(help="The run folder to make.")] = None,
    resume: Annotated[Path | None, typer.Option(help="A run folder to go on with.")] = None,
    data: Annotated[
        str,
        typer.Option(
            help="digits, tfds:NAME, npz:FILE, folder:PATH, text, text:FILE or audio:PATH."
        ),
    ] = "digits",
    data_dir: DataDir = None,
    binarize: Binarize = None,
    resize: Resize = None,
    image_shape: Shape = None,
    length: Length = None,
    sample_rate: SampleRate = None,
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    learning_rate: Annotated[float | None, typer.Option(help="Else the model's own.")] = None,
    schedule: Annotated[str, typer.Option(help="constant, or cosine.")] = "constant",
    ema: Annotated[
        float | None, typer.Option(help="Momentum of the weight average that training ends with.")
    ] = None,
    conditional: Annotated[bool, typer.Option(help="Tell the model the data's labels.")] = False,
    dtype: Annotated[str | None, typer.Option(help="float32, mixed_bfloat16...")] = None,
    jit: Annotated[bool, typer.Option(help="Compile the training step with XLA.")] = False,
    steps_per_execution: Annotated[int, typer.Option(min=1)] = 1,
    seed: Seed = 0,
    set: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, a model's option.")] = None,
) -> None:
    """Train a model in a new run folder, or go on with an interrupted run."""
    from keras_gen import runs

    if resume is not None:
        if model is not None or run is not None:
            raise ValueError("resume takes all that it needs from its run: give nothing else.")
        runs.resume(resume, model_classes())
        typer.echo(f"finished {resume}")
        return
    if model is None or run is None:
        raise ValueError("train needs a model and --run FOLDER, or --resume FOLDER.")
    if schedule not in ("constant", "cosine"):
        raise ValueError(f"schedule must be constant or cosine, received {schedule!r}.")
    optimizer: dict[str, Any] = {}
    if learning_rate is not None:
        optimizer["learning_rate"] = learning_rate
    if ema is not None:
        optimizer |= {"use_ema": True, "ema_momentum": ema}
    options = dict(_option(text) for text in set or [])
    if dtype is not None:
        options["dtype"] = dtype
    configuration = runs.Configuration(
        model=model,
        data=_data_arguments(
            data,
            batch_size,
            DataOptions(data_dir, binarize, resize, image_shape, length, sample_rate),
        ),
        options=options,
        conditional=conditional,
        epochs=epochs,
        optimizer=optimizer,
        schedule=schedule,
        jit_compile=jit,
        steps_per_execution=steps_per_execution,
        seed=seed,
    )
    runs.start(run, configuration, _model_class(model))
    typer.echo(f"finished {run}")


@app.command()
def evaluate(
    run: Run,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    batch_size: Annotated[int, typer.Option(min=1)] = 250,
    num_samples: Annotated[
        int, typer.Option(min=1, help="Of a latent model's importance-weighted bound.")
    ] = 50,
    data: Data = None,
    data_dir: DataDir = None,
    binarize: Binarize = None,
    resize: Resize = None,
    image_shape: Shape = None,
    length: Length = None,
    sample_rate: SampleRate = None,
) -> None:
    """Print a model's scores on held-out data: nats and bits per dimension, or statistics."""
    from keras_gen import metrics, runs

    model = runs.load_model(run)
    options = DataOptions(data_dir, binarize, resize, image_shape, length, sample_rate)
    examples, labels, _ = _load_split(run, split, data, options)
    examples = model.check_data(examples, "data")
    labels = labels if model.num_classes is not None else None
    scores = model.evaluate(examples, labels, batch_size=batch_size, return_dict=True, verbose=0)
    typer.echo(f"{len(examples)} examples of {split}")
    for name, value in scores.items():
        unit = "bits per dimension" if "bits_per_dim" in name else "nats"
        typer.echo(f"{name}: {value:.4f} {unit}")
    if hasattr(model, "importance_weighted_bound"):
        bound = -model.importance_weighted_bound(
            examples, labels, num_samples=num_samples, batch_size=batch_size
        ).mean()
        typer.echo(f"negative bound of {num_samples} samples: {bound:.4f} nats")
        typer.echo(f"  {model.bits_per_dim(bound):.4f} bits per dimension")
    if not hasattr(model, "log_prob"):
        num = min(len(examples), 1000)
        samples = model.sample(num, labels=None if labels is None else labels[:num], seed=0)
        for name, value in metrics.sample_statistics(samples, examples, model.levels).items():
            typer.echo(f"{name}: {value:.4f}")


@app.command()
def sample(
    run: Run,
    output: Annotated[
        Path | None, typer.Option(help="The file to write: else samples.png, .wav or .txt.")
    ] = None,
    num_samples: Annotated[int, typer.Option("--num-samples", "-n", min=1)] = 64,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    label: Label = None,
) -> None:
    """Write samples: a grid of pictures, sounds one after another, or texts."""
    from keras_gen import data, pictures, runs

    model = runs.load_model(run)
    labels = _labels(model, num_samples, label)
    samples = model.sample(num_samples, labels=labels, seed=seed, temperature=temperature)
    output = output or Path("samples").with_suffix(_SUFFIXES[model.data_name])
    if model.data_name == "images":
        pictures.save_grid(samples, output, model.levels)
    elif model.data_name == "audio":
        data.write_wav(output, samples, _sample_rate(run, model))
    else:
        _write_text(output, "\n\n".join(model.tokenizer.texts(samples)) + "\n")
    typer.echo(f"wrote {output}")


# What a file of samples is called, by the kind of data.
_SUFFIXES = {"images": ".png", "audio": ".wav", "text": ".txt"}


def _sample_rate(run: Path, model: Any) -> int:
    """A model's own rate in Hz, or that of the run's data."""
    if hasattr(model, "sample_rate"):
        return model.sample_rate
    return _load_split(run, "test", None, DataOptions())[2].sample_rate


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"output must be a file that can be written, received {path}: {error.strerror}."
        ) from None


@app.command()
def generate(
    run: Run,
    prompt: Annotated[str, typer.Option(help="The text to go on with.")] = "",
    length: Annotated[
        int | None, typer.Option(min=1, help="Characters to add; else the model's own number.")
    ] = None,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Draw from so many of the likeliest alone.")
    ] = None,
    label: Label = None,
) -> None:
    """Go on writing a text, and print it."""
    from keras_gen import runs

    model = runs.load_model(run)
    if not hasattr(model, "generate"):
        raise ValueError(f"run must hold a model of text, not {model.name}.")
    labels = _labels(model, 1, label)
    typer.echo(model.generate(prompt, length, seed, temperature, top_k, labels))


@app.command()
def complete(
    run: Run,
    output: Annotated[Path, typer.Option(help="The PNG file to write.")] = Path("completions.png"),
    num_images: Annotated[int, typer.Option(min=1)] = 8,
    completions: Annotated[int, typer.Option(min=1, help="Of each image.")] = 6,
    known: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="The share of rows, from the top, that is given."),
    ] = 0.5,
    seed: Seed = 0,
    temperature: Temperature = 1.0,
    data: Data = None,
    data_dir: DataDir = None,
    binarize: Binarize = None,
    resize: Resize = None,
    image_shape: Shape = None,
) -> None:
    """Draw the missing lower part of test images: a row each, the original and the hidden first."""
    import numpy as np

    from keras_gen import pictures, runs

    model = runs.load_model(run)
    if not hasattr(model, "complete") or model.data_name != "images":
        raise ValueError(f"run must hold a model that completes images, not {model.name}.")
    options = DataOptions(data_dir, binarize, resize, image_shape)
    images, labels, _ = _load_split(run, "test", data, options)
    # Spread over the split, since some come sorted.
    chosen = np.linspace(0, len(images) - 1, num_images).astype(int)
    images = model.check_data(images[chosen], "data")
    mask = np.zeros(model.image_shape, bool)
    mask[: round(known * model.image_shape[0])] = True
    repeated = np.repeat(images, completions, axis=0)
    repeated_labels = None
    if model.num_classes is not None:
        repeated_labels = np.repeat(labels[chosen], completions)
    drawn = model.complete(
        repeated, mask, labels=repeated_labels, seed=seed, temperature=temperature
    ).reshape(len(images), completions, *model.image_shape)
    hidden = np.where(mask, images, 0).astype(np.uint8)
    rows = np.concatenate([images[:, None], hidden[:, None], drawn], axis=1)
    rows = rows.reshape(-1, *model.image_shape)
    typer.echo(f"wrote {pictures.save_grid(rows, output, model.levels, completions + 2)}")


@app.command()
def interpolate(
    run: Run,
    output: Annotated[Path, typer.Option(help="The PNG file to write.")] = Path("walks.png"),
    num_walks: Annotated[int, typer.Option(min=1)] = 8,
    num_steps: Annotated[int, typer.Option(min=2)] = 10,
    seed: Seed = 0,
    label: Label = None,
) -> None:
    """Walk between latent vectors of the prior: a row each."""
    from keras_gen import pictures, runs

    model = runs.load_model(run)
    if not hasattr(model, "interpolate"):
        raise ValueError(f"run must hold a model with latent vectors, not {model.name}.")
    ends = model.prior(2 * num_walks, seed)
    walks = model.interpolate(
        ends[:num_walks], ends[num_walks:], num_steps, _labels(model, num_walks, label)
    )
    images = walks.reshape(-1, *model.image_shape)
    typer.echo(f"wrote {pictures.save_grid(images, output, model.levels, num_steps)}")


@app.command()
def export(
    run: Run,
    output: Annotated[Path, typer.Option(help="The artefact's folder to make.")],
    format: Annotated[str, typer.Option(help="tf_saved_model or onnx.")] = "tf_saved_model",
) -> None:
    """Write all of a model's signatures as one artefact, verified."""
    from keras_gen import runs

    runs.load_model(run).export(output, format=format)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="The folder to make.")] = Path("runs/demo"),
    epochs: Annotated[int, typer.Option(min=1)] = 60,
    seed: Seed = 0,
) -> None:
    """Train a Gated PixelCNN on real digits, score it, look at it, ship it twice, and sample it
    again in ONNX Runtime without TensorFlow."""
    from keras_gen.demo import run_demo

    run_demo(output, epochs, seed)


def main() -> None:
    """Runs the command; a mistake in what it was given is one sentence and exit status 2."""
    try:
        app()
    except ValueError as error:
        typer.echo(f"keras-gen: {error}", err=True)
        sys.exit(2)
    except RuntimeError as error:
        # A failed verification, say: not the user's mistake, but to be said as plainly.
        typer.echo(f"keras-gen: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
