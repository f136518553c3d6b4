"""Autoencoders: a VAE of binarised digits, with bounds of its likelihood.

It prints bounds of the likelihood of held-out digits, in nats and in bits per dimension; it shows
ten samples of each digit, a row each, in `samples.png`, to be held against
examples/pictures/autoencoders.png; and it writes an artefact for ONNX Runtime. It takes 34 seconds
on two CPU cores.

    python examples/autoencoders.py --output runs/autoencoders
"""

import argparse
from pathlib import Path

import keras

from keras_gen import VAE, data

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", type=Path, default=Path("runs/autoencoders"))
parser.add_argument("--smoke", action="store_true", help="a tiny model, one epoch")
arguments = parser.parse_args()
keras.utils.set_random_seed(0)

# Data: what the model must know of it comes with it.
train, description = data.load("digits", "train", batch_size=64, binarize="dynamic")
images, labels, _ = data.load_arrays("digits", "test", binarize="fixed")

# Model.
size = {"filters": (4,), "hidden_units": 8} if arguments.smoke else {"filters": (32, 64)}
model = VAE(
    description.image_shape,
    levels=description.levels,
    num_classes=description.num_classes,
    latent_dim=8,
    **size,
)
model.compile()

# Fit.
model.fit(train, epochs=1 if arguments.smoke else 60, shuffle=False, verbose=2)

# Evaluate: the negative evidence lower bound, its parts, and a tighter bound.
for name, (value, unit) in model.measure(images, labels).items():
    print(f"{name}: {value:.4f} {unit}")

# Sample: ten of each digit, a row each.
digits = [digit for digit in range(10) for _ in range(10)]
samples = model.sample(100, labels=digits, seed=0, temperature=0.0)
print(model.format.write(samples, arguments.output / "samples.png", columns=10))

# Export.
model.export(arguments.output / "artefact", format="onnx")
