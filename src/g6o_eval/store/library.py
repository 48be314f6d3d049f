"""libdoltlite, loaded for this package alone.

`import doltlite` would replace SQLite for the whole process: it breaks coverage, disk caches and
every xdist worker. So the package is only located, never imported, and its library is opened with
RTLD_LOCAL and RTLD_DEEPBIND: stock sqlite3 goes on working beside it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import sys
from functools import cache
from pathlib import Path

from g6o_eval.errors import UnavailableError, UnfitError

PINNED = (0, 51)
"""The release line this package was tested with. Formats before 0.11.15 are read as empty by later ones."""

Handle = ctypes.c_void_p
Int = ctypes.c_int
Text = ctypes.c_char_p
Int64 = ctypes.c_longlong
Length = ctypes.c_ulonglong
Double = ctypes.c_double
Texts = ctypes.POINTER(Text)
Authorizer = ctypes.CFUNCTYPE(Int, Handle, Int, Text, Text, Text, Text)

# name: (what it returns, what it takes)
_FUNCTIONS: dict[str, tuple[object, tuple[object, ...]]] = {
    "open_v2": (Int, (Text, ctypes.POINTER(Handle), Int, Text)),
    "close_v2": (Int, (Handle,)),
    "busy_timeout": (Int, (Handle, Int)),
    "errmsg": (Text, (Handle,)),
    "get_autocommit": (Int, (Handle,)),
    "set_authorizer": (Int, (Handle, Authorizer, Handle)),
    "get_table": (Int, (Handle, Text, ctypes.POINTER(Texts), ctypes.POINTER(Int), ctypes.POINTER(Int), Handle)),
    "free_table": (None, (Texts,)),
    "prepare_v2": (Int, (Handle, Text, Int, ctypes.POINTER(Handle), ctypes.POINTER(Handle))),
    "step": (Int, (Handle,)),
    "reset": (Int, (Handle,)),
    "finalize": (Int, (Handle,)),
    "clear_bindings": (Int, (Handle,)),
    "stmt_readonly": (Int, (Handle,)),
    "bind_parameter_count": (Int, (Handle,)),
    "bind_null": (Int, (Handle, Int)),
    "bind_int64": (Int, (Handle, Int, Int64)),
    "bind_double": (Int, (Handle, Int, Double)),
    "bind_text64": (Int, (Handle, Int, Text, Length, Handle, ctypes.c_ubyte)),
    "bind_blob64": (Int, (Handle, Int, Text, Length, Handle)),
    "column_count": (Int, (Handle,)),
    "column_name": (Text, (Handle, Int)),
    "column_decltype": (Text, (Handle, Int)),
    "column_type": (Int, (Handle, Int)),
    "column_int64": (Int64, (Handle, Int)),
    "column_double": (Double, (Handle, Int)),
    "column_text": (Handle, (Handle, Int)),
    "column_blob": (Handle, (Handle, Int)),
    "column_bytes": (Int, (Handle, Int)),
}


class Library:
    """The functions of SQLite's C interface that we call, each with its types declared."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # DEEPBIND makes the library prefer its own symbols over a SQLite loaded before it; macOS,
        # which has no such flag, binds by library anyway.
        mode = os.RTLD_LOCAL | os.RTLD_NOW | getattr(os, "RTLD_DEEPBIND", 0)
        try:
            self._loaded = ctypes.CDLL(str(path), mode=mode)
        except OSError as error:
            raise UnavailableError(f"cannot load {path}: {error}. {_REMEDY}") from None
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(self._loaded, f"sqlite3_{name}")
            function.restype, function.argtypes = result, list(arguments)
            setattr(self, name, function)

    def __getattr__(self, name: str) -> ctypes._NamedFuncPointer:
        # Only for the type checker and for a name missing above: every listed one is an attribute.
        raise AttributeError(f"sqlite3_{name} is not declared in {__name__}")


_REMEDY = (
    "The embedded store needs the package doltlite, which has wheels for Linux with glibc (x86_64, aarch64) "
    "and macOS on Apple silicon. Elsewhere name a Dolt server: --eval-store dolt://user@host:port/database"
)


def find_library() -> Path:
    """Return where the doltlite package keeps its library, without importing the package.

    Raises:
        UnavailableError: the package is not installed, or this platform's library is not in it.
    """
    spec = importlib.util.find_spec("doltlite")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(f"the package doltlite is not installed on this {sys.platform}. {_REMEDY}")
    name = "libdoltlite.dylib" if sys.platform == "darwin" else "libdoltlite.so"
    path = Path(spec.submodule_search_locations[0]) / "_lib" / name
    if not path.is_file():
        raise UnavailableError(f"the package doltlite has no {name} in {path.parent}. {_REMEDY}")
    return path


@cache
def load_library(path: Path) -> Library:
    """Return the library at a path, loaded once per process."""
    return Library(path)


def check_version(version: str) -> None:
    """Raise UnfitError unless `version`, as dolt_version() says it, belongs to the pinned line."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+).*", version)
    if found is None or (int(found[1]), int(found[2])) != PINNED:
        line = ".".join(map(str, PINNED))
        raise UnfitError(
            f"libdoltlite says it is {version!r}, this package works with {line}.x: another line may not see the "
            f"rows of this one and destroy them. Run: pip install 'doltlite=={line}.*'"
        )
