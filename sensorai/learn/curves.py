"""Learning curves and what they say about the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Points of accuracy between training and validation from which a net is said to have learnt by heart.
GAP = 0.08
#: Training accuracy below which, measured against always answering the largest class, a net is too small
#: or was stopped too early: this share of the way from there to 1.
LEARNT = 0.6
#: Rise of the validation loss over its best, as a factor, that counts as turning.
TURN = 1.3


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training rows.

    Attributes
    ----------
    stage : str
        ``float``, ``int8`` or ``binary``: what the forward pass computed with.
    train_loss, train_accuracy, validation_loss, validation_accuracy : float
        Loss: weighted cross-entropy in nats. Training values are means over the pass, taken while learning.
    """

    stage: str
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well a net fits.

    Attributes
    ----------
    fit : str
        ``good``, ``under`` or ``over``.
    why : str
        One sentence with the figures.
    """

    fit: str
    why: str


def best(curve: Sequence[Epoch]) -> int:
    """Place of the epoch with the least validation loss, the first of equal ones."""
    return min(range(len(curve)), key=lambda i: curve[i].validation_loss)


def judge(curve: Sequence[Epoch], largest_class: float) -> Verdict:
    """Say whether the net that was kept (the best epoch of the last stage) fits, and why.

    Parameters
    ----------
    curve : sequence of Epoch
    largest_class : float
        Share of the largest class in the training rows.
    """
    stage = [e for e in curve if e.stage == curve[-1].stage]
    at = best(stage)
    kept, last = stage[at], stage[-1]
    needed = largest_class + LEARNT * (1 - largest_class)
    gap = kept.train_accuracy - kept.validation_accuracy
    figures = (
        f"training {kept.train_accuracy:.1%}, validation {kept.validation_accuracy:.1%} "
        f"in epoch {at + 1} of {len(stage)}"
    )
    if kept.train_accuracy < needed:
        return Verdict(
            "under",
            f"the training rows themselves are not learnt ({figures}; always answering the largest class "
            f"gives {largest_class:.1%}): try a larger net, other features or more epochs",
        )
    if gap > GAP:
        turned = last.validation_loss > TURN * kept.validation_loss and last.train_loss < kept.train_loss
        also = " and the validation loss rises while the training loss falls" if turned else ""
        return Verdict(
            "over",
            f"the net knows its training groups {gap:.1%} better than others ({figures}){also}: more groups, "
            "a smaller net or fewer features would help",
        )
    return Verdict("good", f"training and validation agree ({figures})")
