"""Adversarial: a conditional DCGAN of digits.

It prints both players' losses, and how far the samples' pixels are from those of held-out digits;
it shows ten samples of each digit, a row each, in `samples.png`, to be held against
examples/pictures/adversarial.png; and it writes an artefact for ONNX Runtime. It takes 43 seconds
on two CPU cores.

    python examples/adversarial.py --output runs/adversarial
"""

import argparse
from pathlib import Path

import keras

from keras_gen import DCGAN, data

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", type=Path, default=Path("runs/adversarial"))
parser.add_argument("--smoke", action="store_true", help="a tiny model, one epoch")
arguments = parser.parse_args()
keras.utils.set_random_seed(0)

# Data: what the model must know of it comes with it.
train, description = data.load("digits", "train", batch_size=64)
images, labels, _ = data.load_arrays("digits", "test")

# Model.
size = {"filters": 4} if arguments.smoke else {"filters": 64}
model = DCGAN(
    description.image_shape,
    levels=description.levels,
    num_classes=description.num_classes,
    latent_dim=32,
    average_decay=0.995,
    **size,
)
model.compile()

# Fit.
model.fit(train, epochs=1 if arguments.smoke else 150, shuffle=False, verbose=2)

# Evaluate: both players' losses, in nats, and statistics of samples beside those of data.
for name, (value, unit) in model.measure(images, labels).items():
    print(f"{name}: {value:.4f} {unit}")

# Sample: ten of each digit, a row each.
digits = [digit for digit in range(10) for _ in range(10)]
samples = model.sample(100, labels=digits, seed=0)
print(model.format.write(samples, arguments.output / "samples.png", columns=10))

# Export.
model.export(arguments.output / "artefact", format="onnx")
