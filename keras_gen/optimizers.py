"""What optimizers hold within: the players' of a game, and the one whose loss is scaled."""

from __future__ import annotations

from typing import Any

import keras


def players_of(optimizer: Any) -> list[keras.optimizers.Optimizer]:
    """The optimizers that take steps: those of both players in a game, and else the one itself."""
    return list(getattr(optimizer, "players", [optimizer]))


def unscaled(optimizer: Any) -> Any:
    """The optimizer within a `LossScaleOptimizer`, and else the one itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)
