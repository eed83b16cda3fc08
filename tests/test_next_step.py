"""What would earn more: the nearest value that does, by each method."""

import math
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.site.next_step import Band, NextStep, Rule, next_step

D = Decimal


def band(lower: str, upper: str, points: str, upper_points: str | None = None) -> Band:
    """`[0.9` is a bound that belongs to the band, `0.9` or `` none that does."""

    def bound(written: str) -> tuple[Decimal | None, bool]:
        bare = written.strip("[]")
        return (D(bare) if bare else None), bare != written

    return Band(
        *bound(lower), *bound(upper),
        D(points) if points else None, D(upper_points) if upper_points else None,
    )  # fmt: skip


SATISFACTION = (
    band("", "0.8", "1"),
    band("[0.8", "0.9", "2"),
    band("[0.9", "0.95", "4"),
    band("[0.95", "", "6"),
)
CONTROL = (band("", "0.9", "3"), band("[0.9", "1]", "2"), band("1", "", "0"))
LINE = (band("", "0.5", "0"), band("[0.5", "1]", "1", "3"), band("1", "", "3"))


def step(**kwargs: object) -> Rule:
    values = {"points": D(5), "step_size": D(1), "points_per_step": D(1), **kwargs}
    return Rule("step", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "value", "points", "expected"),
    [
        (Rule("linear", D(2)), "0.674", "1.348", ("≥", "1", "0.326", "2")),
        (Rule("linear", D(2), full_mark_at=D("0.9")), "0.45", "1", ("≥", "0.9", "0.45", "2")),
        (Rule("linear", D(1)), "1.35", "1", None),
        (Rule("linear", D(1), over_target="exceed"), "1.35", "1.35", None),
        (Rule("linear", D(1), over_target="zero"), "1.35", "0", ("≤", "1", "0.35", "1")),
        (Rule("linear", D(2), full_mark_at=D(4), direction="below"), "8", "1", ("≤", "4", "4", "2")),
        (Rule("band", D(6), bands=SATISFACTION), "0.79", "1", ("≥", "0.8", "0.01", "2")),
        (Rule("band", D(6), bands=SATISFACTION), "0.9", "4", ("≥", "0.95", "0.05", "6")),
        (Rule("band", D(6), bands=SATISFACTION), "0.95", "6", None),
        (Rule("band", D(3), bands=CONTROL), "0.9095", "2", ("<", "0.9", "0.0095", "3")),
        (Rule("band", D(3), bands=CONTROL), "1.2", "0", ("≤", "1", "0.2", "2")),
        # On the bound that does not belong to the better band: any less is enough.
        (Rule("band", D(3), bands=CONTROL), "0.9", "2", ("<", "0.9", "0", "3")),
        (Rule("band", D(3), bands=LINE), "0.6", "1.4", ("≥", "1", "0.4", "3")),
        (Rule("band", D(3), bands=LINE), "0.2", "0", ("≥", "0.5", "0.3", "1")),
        # The rubric is silent about a band: nobody knows what it would earn.
        (Rule("band", D(3), bands=(band("", "0.5", "1"), band("[0.5", "", ""))), "0.1", "1", None),
        (step(step_size=D("0.01"), points_per_step=D("0.1"), threshold=D("0.1"), points=D(1)),
         "0.1992", "0.1", ("<", "0.19", "0.0092", "0.2")),
        # Far beyond what leaves nothing: back to the step that leaves something.
        (step(step_size=D("0.01"), points_per_step=D("0.1"), threshold=D("0.1"), points=D(1)),
         "0.6371", "0", ("<", "0.2", "0.4371", "0.1")),
        (step(step_rounding="up"), "2.5", "2", ("≤", "2", "0.5", "3")),
        (step(step_rounding="proportional"), "2.5", "2.5", ("≤", "0", "2.5", "5")),
        (step(direction="below", threshold=D(10)), "7.5", "3", (">", "8", "0.5", "4")),
        (step(direction="both", threshold=D(10)), "7.5", "3", (">", "8", "0.5", "4")),
        (step(direction="both", threshold=D(10)), "12", "3", ("<", "12", "0", "4")),
        (step(), "0.5", "5", None),
        (step(points=D(0)), "3", "-3", ("<", "3", "0", "-2")),
        (Rule("assessed", D(5)), "3", "3", None),
        (Rule("veto", D(0)), "1", "0", None),
    ],
)  # fmt: skip
def test_the_nearest_value_that_earns_more(
    rule: Rule, value: str, points: str, expected: tuple[str, ...] | None
) -> None:
    found = next_step(rule, D(value), D(points))
    if expected is None:
        assert found is None
        return
    sign, target, distance, earned = expected
    assert found == NextStep(sign, D(target), D(distance), D(earned), D(earned) - D(points))


def earned(rule: Rule, value: Fraction) -> Fraction:
    """What a value earns, once more by hand."""
    points = Fraction(rule.points)
    if rule.method == "linear":
        full = Fraction(rule.full_mark_at or 1)
        if rule.direction == "below":
            return points if value <= full else points * full / value
        if value > full:
            return {"cap": points, "zero": Fraction(0)}.get(rule.over_target or "cap", points)
        return max(points * value / full, Fraction(0))
    if rule.method == "band":
        for b in rule.bands:
            above = b.lower is None or value > b.lower or (b.lower_inclusive and value == b.lower)
            below = b.upper is None or value < b.upper or (b.upper_inclusive and value == b.upper)
            if above and below:
                return Fraction(b.points or 0)
        raise AssertionError(value)
    threshold, size = Fraction(rule.threshold or 0), Fraction(rule.step_size or 1)
    excess = {
        "above": value - threshold, "below": threshold - value, "both": abs(value - threshold),
    }[rule.direction or "above"]  # fmt: skip
    steps = max(excess, Fraction(0)) / size
    if rule.step_rounding != "proportional":
        steps = Fraction(math.ceil(steps) if rule.step_rounding == "up" else math.floor(steps))
    return max(points - Fraction(rule.points_per_step or 0) * steps, Fraction(0))


thousandths = st.integers(-3000, 3000).map(lambda n: D(n) / 1000)
some_points = st.integers(1, 40).map(lambda n: D(n) / 4)


@st.composite
def some_rule(draw: st.DrawFn) -> Rule:
    method, points = draw(st.sampled_from(["linear", "band", "step"])), draw(some_points)
    if method == "linear":
        return Rule(
            method, points, full_mark_at=draw(st.integers(1, 3000).map(lambda n: D(n) / 1000)),
            over_target=draw(st.sampled_from([None, "cap", "zero"])),
            direction=draw(st.sampled_from([None, "above", "below"])),
        )  # fmt: skip
    if method == "step":
        return Rule(
            method, points, threshold=draw(thousandths),
            direction=draw(st.sampled_from([None, "above", "below", "both"])),
            step_size=draw(st.integers(1, 500).map(lambda n: D(n) / 1000)),
            points_per_step=draw(some_points),
            step_rounding=draw(st.sampled_from([None, "whole", "up", "proportional"])),
        )  # fmt: skip
    bounds = sorted(draw(st.sets(thousandths, min_size=1, max_size=4)))
    inclusive = [draw(st.booleans()) for _ in bounds]
    edges = [(None, False), *zip(bounds, inclusive, strict=True), (None, False)]
    bands = tuple(
        Band(lower, belongs, upper, upper is not None and not next_belongs, draw(some_points), None)
        for (lower, belongs), (upper, next_belongs) in pairwise(edges)
    )
    return Rule(method, points, bands=bands)


@settings(deadline=None)
@given(some_rule(), thousandths)
def test_there_and_not_before(rule: Rule, value: Decimal) -> None:
    if rule.direction == "below" and rule.method == "linear" and value <= 0:
        return
    now = earned(rule, Fraction(value))
    exact = D(now.numerator) / D(now.denominator)
    found = next_step(rule, value, exact)
    hair = Fraction(1, 10**5)
    towards = 1 if found and found.sign in "≥>" else -1
    if found:
        at = Fraction(found.target) + (towards * hair if found.sign in "<>" else 0)
        assert float(earned(rule, at)) == pytest.approx(float(found.points))
        assert found.points > exact
    if rule.method == "linear" or rule.step_rounding == "proportional":
        # More is had at once; what is told is where all is.
        assert found or now == Fraction(rule.points)
        return
    reach = Fraction(found.distance) if found else Fraction(7)
    for share in (Fraction(1, 3), Fraction(2, 3), Fraction(99, 100)):
        for side in (1, -1):
            assert earned(rule, Fraction(value) + side * reach * share) <= now
