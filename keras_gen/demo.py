"""The main job, end to end: a trained model, its score, its samples, two verified artefacts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from keras_gen import data, metrics, runs
from keras_gen.autoregressive import GatedPixelCNN
from keras_gen.files import write_beside

_NUM_SAMPLES = 100

# Runs where TensorFlow cannot be imported: what a machine that only serves would do.
_WITHOUT_TENSORFLOW = """
import sys
for name in ("tensorflow", "keras", "tf_keras"):
    sys.modules[name] = None  # importing it raises
import numpy as np
from keras_gen_export import runtime
folder, expected, seed = sys.argv[1:]
expected = np.load(expected)
samples = runtime.load(folder).sample(len(expected), seed=int(seed))
equal = int((samples == expected).sum())
print(f"ONNX Runtime, without TensorFlow: {equal} of {expected.size} pixels equal Keras's")
sys.exit(equal != expected.size)
"""


def run_demo(output: Path, epochs: int, seed: int) -> None:
    """Trains, scores, samples and ships a Gated PixelCNN of scikit-learn's digits.

    Args:
        output: the folder to make.
        epochs: of training.
        seed: of everything.

    Raises:
        ValueError: the folder is not empty.
        RuntimeError: ONNX Runtime drew other pixels than Keras.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"output must be a new or empty folder, received {output}.")
    configuration = runs.Configuration(
        model="gated_pixel_cnn",
        data={"name": "digits", "batch_size": 64},
        options={"filters": 32, "num_blocks": 4, "first_kernel_size": 5},
        epochs=epochs,
        optimizer={"learning_rate": 3e-3, "use_ema": True, "ema_momentum": 0.99},
        schedule="cosine",
        seed=seed,
    )
    model = runs.start(output / "run", configuration, GatedPixelCNN)

    train, _, description = data.load_arrays("digits", "train")
    test, _, _ = data.load_arrays("digits", "test")
    bits, _ = model.measure(test)["bits_per_dim"]
    levels = description.levels
    print(f"\nBits per dimension of {len(test)} held-out digits (8x8, {levels} levels):")
    print(f"  uniform             {metrics.uniform_bits_per_dim(levels):.4f}")
    print(f"  pixel histograms    {metrics.histogram_bits_per_dim(train, test, levels):.4f}")
    print(f"  GatedPixelCNN       {bits:.4f}")

    samples = model.sample(_NUM_SAMPLES, seed=seed)
    print(f"\nSamples: {model.format.write(samples, output / 'samples.png')}")
    print(f"Real:    {model.format.write(test[:_NUM_SAMPLES], output / 'real.png')}\n")

    for format in ("tf_saved_model", "onnx"):
        model.export(output / format, format=format)
    expected = output / "samples.npy"
    write_beside(expected, lambda beside: np.save(beside, samples))
    command = [sys.executable, "-c", _WITHOUT_TENSORFLOW]
    sys.stdout.flush()  # so that the other process prints last
    arguments = [str(output / "onnx"), str(expected), str(seed)]
    if subprocess.run([*command, *arguments], check=False).returncode:
        raise RuntimeError("ONNX Runtime drew other pixels than Keras.")
