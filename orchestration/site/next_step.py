"""What a criterion's value is short of for more points, by the rubric's own rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

ZERO, ONE = Decimal(0), Decimal(1)
# Products and quotients of decimals of 38 digits.
EXACT = Context(prec=60)


@dataclass(frozen=True)
class Band:
    """A band of values and its points, as in dim_bands; an empty bound is none."""

    lower: Decimal | None
    lower_inclusive: bool
    upper: Decimal | None
    upper_inclusive: bool
    points: Decimal | None
    upper_points: Decimal | None


@dataclass(frozen=True)
class Rule:
    """How a criterion gives points, as in dim_criteria; an empty parameter has its default."""

    method: str
    points: Decimal
    full_mark_at: Decimal | None = None
    over_target: str | None = None
    threshold: Decimal | None = None
    direction: str | None = None
    step_size: Decimal | None = None
    points_per_step: Decimal | None = None
    step_rounding: str | None = None
    bands: tuple[Band, ...] = ()


@dataclass(frozen=True)
class NextStep:
    """The nearest value that earns more.

    Attributes:
        sign: How the value must stand to the target: ≥, >, ≤ or <.
        target: The value to reach.
        distance: How far it is.
        points: What it earns there.
        gain: How much more that is.
    """

    sign: str
    target: Decimal
    distance: Decimal
    points: Decimal
    gain: Decimal


def next_step(rule: Rule, value: Decimal, points: Decimal) -> NextStep | None:
    """The nearest value that earns a criterion more points than it has.

    Args:
        rule: How the criterion gives points: docs/concepts.md, the five methods.
        value: Its value, a fraction for a rate.
        points: What it has for that.

    Returns:
        The step to the next band, to one step less taken off, or in proportion to the full mark;
        none where there is nothing more to earn, or an assessor has the word.
    """
    ways = {"linear": _linear, "band": _bands, "step": _steps}
    found = ways[rule.method](rule, value, points) if rule.method in ways else ()
    better = [
        NextStep(sign, target, abs(target - value), earned, earned - points)
        for sign, target, earned in found
        if earned > points
    ]
    return min(better, key=lambda step: (step.distance, -step.points), default=None)


Way = tuple[str, Decimal, Decimal]


def _linear(rule: Rule, value: Decimal, points: Decimal) -> Iterator[Way]:
    full = ONE if rule.full_mark_at is None else rule.full_mark_at
    is_below = rule.direction == "below"
    if value < full and not is_below:
        yield "≥", full, rule.points
    elif value > full and (is_below or rule.over_target == "zero"):
        yield "≤", full, rule.points


def _bands(rule: Rule, value: Decimal, points: Decimal) -> Iterator[Way]:
    for band in rule.bands:
        if band.points is None:
            continue
        is_line = band.upper_points is not None
        at_upper = band.upper_points if is_line else band.points
        # What a band earns is had at the edge that is nearer, on a straight line at its better end.
        if band.lower is not None and (is_line or band.lower >= value):
            signs = "≥>" if band.lower >= value else "≤<"
            yield signs[not band.lower_inclusive], band.lower, band.points
        if band.upper is not None and (is_line or band.upper <= value):
            signs = "≤<" if band.upper <= value else "≥>"
            yield signs[not band.upper_inclusive], band.upper, at_upper or ZERO


def _steps(rule: Rule, value: Decimal, points: Decimal) -> Iterator[Way]:
    threshold = rule.threshold or ZERO
    size = ONE if rule.step_size is None else rule.step_size
    each = rule.points_per_step or ZERO
    is_above = value > threshold if rule.direction == "both" else rule.direction != "below"
    excess = value - threshold if is_above else threshold - value
    if excess <= 0 or not each:
        return
    towards = -1 if is_above else 1
    if rule.step_rounding == "proportional":
        yield "≤" if is_above else "≥", threshold, rule.points
        return
    steps = EXACT.divide(excess, size).quantize(Decimal("0.000001"))
    whole = steps.to_integral_value(ROUND_CEILING if rule.step_rounding == "up" else ROUND_FLOOR)
    # Steps beyond those that leave nothing cost no more; a criterion of 0 points goes below it.
    most = EXACT.divide(rule.points, each).to_integral_value(ROUND_CEILING)
    left = whole - 1 if not rule.points else min(whole, most) - 1
    if left < 0:
        return
    # As many steps are cut off at the start of the next one; raised to, at their own end.
    is_up = rule.step_rounding == "up"
    target = threshold - towards * EXACT.multiply(size, left if is_up else left + 1)
    signs = "≤≥" if is_up else "<>"
    yield signs[0] if is_above else signs[1], target, rule.points - EXACT.multiply(each, left)
