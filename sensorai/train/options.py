"""What the user may decide about a training, checked against the device."""

from __future__ import annotations

from dataclasses import dataclass, field

from sensorai.errors import ConfigError
from sensorai.mlc.devices import MlcDevice


@dataclass(frozen=True, slots=True)
class MlcOptions:
    """What the user may decide; None means: chosen from the data.

    ``trees`` holds (name, label column) pairs. ``end_counters`` is ``auto``, ``off`` or one number per
    result group. ``split`` is ``group`` or ``time``; ``test_groups`` names the groups of the test.
    """

    device: str = "LSM6DSV16X"
    name: str = "model"
    trees: tuple[tuple[str, str], ...] = (("tree1", "label"),)
    window: int | None = None
    rate_hz: float | None = None
    sensors: tuple[str, ...] | None = None
    max_nodes: int | None = None
    max_features: int = 12
    end_counters: str | tuple[int, ...] = "auto"
    use_code_0: bool = False
    test_share: float = 0.25
    split: str = "group"
    test_groups: tuple[str, ...] = ()
    seed: int = 0
    resample: bool = True


@dataclass(slots=True)
class Choices:
    """What was tried on the way and why the winner won; goes into the report as it is.

    ``warnings`` are what the report says first, ``notes`` what it says last.
    """

    window: list[dict[str, object]] = field(default_factory=list)
    sensors: list[dict[str, object]] = field(default_factory=list)
    features: list[dict[str, object]] = field(default_factory=list)
    trees: list[dict[str, object]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_options(options: MlcOptions, target: MlcDevice) -> None:
    """Refuse options that the device does not allow; a ConfigError with the way out."""
    limits = target.limits
    if options.window is not None and not 1 <= options.window <= limits.window:
        raise ConfigError(
            f"--window {options.window} is outside 1 to {limits.window} samples",
            hint=f"the window counter of {target.name} has 8 bits; use a lower --rate for longer windows",
        )
    if len(options.trees) > limits.trees:
        raise ConfigError(
            f"{len(options.trees)} trees do not fit: {target.name} has {limits.trees}",
            hint="drop a --tree or choose another device (sensorai devices)",
        )
    if len({name for name, _ in options.trees}) < len(options.trees):
        raise ConfigError("two trees have the same name", hint="--tree NAME=COLUMN needs different names")
    if options.max_nodes is not None and not len(options.trees) <= options.max_nodes <= limits.nodes:
        raise ConfigError(
            f"--max-nodes {options.max_nodes} is outside {len(options.trees)} to {limits.nodes}",
            hint=f"{target.name} has room for {limits.nodes} nodes",
        )
    if not 1 <= options.max_features <= limits.features:
        raise ConfigError(
            f"--max-features {options.max_features} is outside 1 to {limits.features}",
            hint=f"{target.name} computes at most {limits.features} features",
        )
    if options.rate_hz is not None and options.rate_hz not in target.mlc_rates:
        rates = ", ".join(f"{hz:g}" for hz in target.mlc_rates)
        raise ConfigError(
            f"the machine learning core of {target.name} has no rate of {options.rate_hz:g} Hz",
            hint=f"its rates are {rates} Hz",
        )
    check_split(options.seed, options.test_share)
    if isinstance(options.end_counters, tuple):
        if len(options.end_counters) not in (1, limits.groups):
            raise ConfigError(
                f"{len(options.end_counters)} end counters for {limits.groups} result groups",
                hint=f"give one number for all groups, or {limits.groups}",
            )
        if not all(0 <= n <= 14 for n in options.end_counters):
            raise ConfigError(
                "an end counter is outside 0 to 14", hint="0 switches the filter of a group off"
            )


def check_split(seed: int, test_share: float) -> None:
    """Refuse a seed or a share for the test that has no meaning, on every target; a ConfigError."""
    if not 0 <= seed < 2**32:
        raise ConfigError(f"--seed {seed} is outside 0 to 4294967295")
    if not 0.05 <= test_share <= 0.5:
        raise ConfigError(f"--test-share {test_share:g} is outside 0.05 to 0.5")
