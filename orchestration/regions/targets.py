"""Which regions and years a command is about: those that are said, else all, or the only one."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestration.faults import WrongSurroundings
from orchestration.landing.files import landing_years
from orchestration.project import OWN, Folders
from orchestration.regions import names

SHOWN = 40


@dataclass(frozen=True)
class Target:
    """What is to be loaded of a region.

    Attributes:
        region: The region; `.` for the landing folder's own years.
        folders: Its folders.
        years: The fiscal years.
    """

    region: str
    folders: Folders
    years: list[int]

    def line(self, reason: str) -> str:
        """What is told, with the region that it is of."""
        return names.line(self.region, reason)


def to_load(
    root: Folders, wanted: tuple[str, ...], years: tuple[int, ...]
) -> tuple[list[Target], list[str]]:
    """What is to be loaded of each region, and why others cannot be, a line for each.

    Args:
        root: The folders of all regions.
        wanted: The regions that are said; none for all that there are.
        years: The fiscal years that are said; none for all that there are.

    Raises:
        WrongSurroundings: Nothing is there to load, or not what is said.
    """
    own = years_of(root.landing)
    found = names.delivered(root.landing)
    if not (wanted or found.names or found.refused):
        return [Target(OWN, root, _years_to_load(root.landing, years))], []
    known = (*([OWN] if own else []), *found.names)
    chosen = []
    for name in wanted:
        region = names.named(known, name)
        if region is None:
            has = listed(known) or "none"
            raise WrongSurroundings(
                *[line for line in found.refused if line.startswith(f"{root.landing / name}: ")]
                or [f"{root.landing}: no region {name}; it has {has}"]
            )
        chosen.append(region)
    of_years = {
        region: years_of(root.of(region).landing) for region in dict.fromkeys(chosen or known)
    }
    targets = []
    for region, there in of_years.items():
        # Of all regions one may deliver later than another.
        if wanted or not years or not set(there).isdisjoint(years):
            some = years if wanted else tuple(set(years) & set(there))
            folders = root.of(region)
            targets.append(Target(region, folders, _years_to_load(folders.landing, some)))
        else:
            has = ", ".join(map(str, there))
            logging.getLogger("jixiao").info("%s passed over: it has %s", region, has)
    if absent := sorted(set(years).difference(*of_years.values())):
        raise WrongSurroundings(
            f"{root.landing}: no region has {', '.join(map(str, absent))}; correct --year"
        )
    return targets, [] if wanted else list(found.refused)


def published(warehouse: Path, region: str | None, landing: Path = Path()) -> tuple[str, Folders]:
    """The region whose warehouse is read, and its folders.

    Args:
        warehouse: The warehouse of all regions.
        region: The region that is said, if any.
        landing: The landing folder of all regions, where it is read too.

    Raises:
        WrongSurroundings: It is not plain which one is meant.
    """
    root = Folders(landing, warehouse)
    region = which(root, region)
    return region, root.of(region)


def which(root: Folders, wanted: str | None, *, with_previews: bool = False) -> str:
    """The region that a command is about: the one that is said, or the only one that there is.

    Args:
        root: The folders of all regions.
        wanted: The region that is said, if any.
        with_previews: Whether a region counts of which no more than a preview is there.

    Raises:
        WrongSurroundings: It is not plain which one is meant.
    """
    # Whoever may read that one need not be let into the others.
    if wanted and not names.fault(wanted) and os.path.lexists(root.of(wanted).published):
        return wanted
    built = names.built(root.warehouse, with_previews=with_previews)
    has_own = os.path.lexists(root.published)
    known = (*built, *([OWN] if has_own or not built else []))
    if wanted is None:
        if len(known) == 1:
            return known[0]
        raise WrongSurroundings(
            f"{root.warehouse}: it has several regions; say which by --region: {listed(known)}"
        )
    region = names.named(known, wanted)
    if region is None:
        raise WrongSurroundings(
            f"{root.warehouse}: no region {wanted} is published; it has {listed(built)}"
            if built
            else f"{root.warehouse}: no region is published; leave --region out"
        )
    return region


def listed(regions: Iterable[str]) -> str:
    """Regions in a line; of many the first."""
    found = list(regions)
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _years_to_load(landing: Path, wanted: tuple[int, ...]) -> list[int]:
    """The fiscal years to load: those wanted, else every one that there is."""
    found = years_of(landing)
    if not found:
        raise WrongSurroundings(
            f"{landing}: no fiscal years to load; expected folders such as 2023"
        )
    if absent := sorted(set(wanted) - set(found)):
        raise WrongSurroundings(
            f"no {', '.join(str(landing / str(year)) for year in absent)}; "
            f"the landing folder has {', '.join(map(str, found))}"
        )
    return sorted(set(wanted or found))


def years_of(landing: Path) -> list[int]:
    """The fiscal years of a landing folder, where it is one and can be read.

    Raises:
        WrongSurroundings: It is none, or cannot be read.
    """
    try:
        if not landing.is_dir():
            what = "no folder" if landing.exists() else "no such folder"
            raise WrongSurroundings(
                f"{landing}: {what}; expected the landing folder, which --landing or "
                "JIXIAO_LANDING sets"
            )
        return landing_years(landing)
    except OSError as error:
        raise WrongSurroundings(
            f"{landing}: cannot be read ({error.strerror}); make it readable to this user"
        ) from None
