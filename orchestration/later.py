"""Modules that a library imports at its start although nothing here needs them."""

import importlib
import sys
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """A module that is imported when somebody asks it for something."""

    def __getattr__(self, name: str) -> Any:
        # What every module has, which importing itself asks for.
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def import_later(name: str) -> None:
    """Put off the import of a module until something of it is used, where it is not there yet.

    Args:
        name: The module's whole name.
    """
    sys.modules.setdefault(name, _Later(name))
