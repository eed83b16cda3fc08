"""Keeps hatchling from building a wheel, which would have no models, seeds or rubrics in it."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class InPlace(BuildHookInterface[Any]):
    """jixiao is installed where its checkout is, as make does it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Refuse a wheel of its own; `editable` is what points to the checkout."""
        if version != "editable":
            raise SystemExit(
                "jixiao runs from its checkout, where its rubrics are rows that you add to: there "
                "is no wheel. Clone it and type make run; docs/installing.md says more"
            )
