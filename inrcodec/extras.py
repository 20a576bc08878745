"""Packages that only a part of the work needs, imported when that part runs."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from inrcodec.errors import MissingExtraError


def check(*packages: str, extra: str) -> None:
    """Raise `MissingExtraError`, which names the extra, unless packages are installed; imports
    none of them."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise _missing(package, extra)


def require(module: str, *, extra: str, what: str = "this") -> Any:
    """Import a module of an optional package and return it.

    `extra` is the extra of this package that installs it, `what` names what needs it. Raises
    `MissingExtraError`, which names both, if the package is not installed. An installed package
    that fails to import raises its own error: installing it once more would not help.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise _missing(package, extra, what) from None


def _missing(package: str, extra: str, what: str = "this") -> MissingExtraError:
    return MissingExtraError(
        f'{what} needs {package}, which is not installed: pip install "inrcodec[{extra}]"'
    )
