"""Which modules are documented, and where their source is; nothing is imported to find out."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path

_REAL_NAMES = {"os.path": "posixpath" if sys.platform != "win32" else "ntpath"}

# Public by name only: deprecated and gone from Python 3.13 (PEP 594, PEP 632), jokes, programs,
# the platform halves of `os` and the inside of `re`.
_LEFT_OUT = frozenset(
    """aifc asynchat asyncore audioop cgi cgitb chunk crypt distutils imghdr imp lib2to3 mailcap msilib nis
    nntplib ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu xdrlib
    antigravity this ensurepip idlelib turtledemo pydoc_data
    genericpath nt ntpath nturl2path opcode posix posixpath pyexpat
    sre_compile sre_constants sre_parse""".split()  # noqa: SIM905
)
# Packages whose submodules are data, or the inside of one function.
_WHOLE = frozenset({"encodings", "ctypes.macholib"})

_NO_SUBMODULES = frozenset({"test", "tests", "conftest", "tix"})  # tkinter.tix went in Python 3.13


@dataclass(frozen=True)
class ModuleFile:
    """A module and its source file; `path` is None when it is written in C."""

    name: str
    path: Path | None
    is_package: bool
    size_bytes: int


def standard_library() -> Iterator[ModuleFile]:
    """Gives the public modules of the standard library that this machine has, in order.

    Names with an underscore, tests, and what `_LEFT_OUT` lists are no public modules.
    """
    for name in sorted({*sys.stdlib_module_names, "os.path"} - _LEFT_OUT):
        if not name.startswith("_") and (module := find_module(name)) is not None:
            yield from public_modules(module)


def public_modules(module: ModuleFile) -> Iterator[ModuleFile]:
    """Gives the module and, if it is a package, its public submodules, recursively and in order."""
    yield module
    if not module.is_package or module.path is None or module.name in _WHOLE:
        return
    for name in sorted({name for entry in module.path.parent.iterdir() if (name := _submodule(entry))}):
        found = find_module(f"{module.name}.{name}")
        if found is not None:
            yield from public_modules(found)


def would_list(package: str, name: str) -> bool:
    """Whether `public_modules` of the package gives the module, if there is one of that name."""
    if name == package:
        return True
    if not name.startswith(package + ".") or any(name.startswith(whole + ".") for whole in _WHOLE):
        return False
    return all(map(_is_public, name.removeprefix(package + ".").split(".")))


def standard_library_would_list(name: str) -> bool:
    """Whether `standard_library` gives the module, if there is one of that name."""
    top = name.partition(".")[0]
    public = top in sys.stdlib_module_names and top not in _LEFT_OUT and not top.startswith("_")
    return public and would_list(top, name)


def find_module(name: str) -> ModuleFile | None:
    """Returns a module of this Python by its dotted name, None when there is no such module."""
    spec: ModuleSpec | None = None
    search: list[str] | None = None
    parts = _REAL_NAMES.get(name, name).split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), search)
        if spec is None:
            break
        search = list(spec.submodule_search_locations or ())
    if spec is None:
        return ModuleFile(name, None, False, 0) if name in sys.builtin_module_names else None
    if spec.origin is None:  # a folder without __init__.py
        return None
    path = Path(spec.origin)
    if path.suffix == ".py":
        return ModuleFile(name, path, spec.submodule_search_locations is not None, path.stat().st_size)
    return ModuleFile(name, None, False, path.stat().st_size)


def _submodule(entry: Path) -> str | None:
    """Returns the name of the public submodule that a folder's entry is, None if it is none."""
    suffix = next((suffix for suffix in (".py", *EXTENSION_SUFFIXES) if entry.name.endswith(suffix)), "")
    name = entry.name.removesuffix(suffix)
    is_module = bool(suffix) or (entry / "__init__.py").is_file()
    return name if is_module and _is_public(name) else None


def _is_public(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_") and name not in _NO_SUBMODULES
