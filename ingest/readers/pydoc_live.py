"""The documentation of modules written in C, which only the imported module has."""

import importlib
import inspect
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

_SELF = re.compile(r"^\((?:\$\w+|self|cls|type)(?:, /)?(?:, )?")


@dataclass(frozen=True)
class Entry:
    """Something documented: `kind` is module, class, function or property.

    A method's `name` is `Class.method`; `shown_in` is the package that offers the name too.
    """

    name: str
    kind: str
    signature: str
    doc: str
    members: tuple["Entry", ...] = ()
    shown_in: str | None = None


def describe_live(module_name: str) -> Entry:
    """Imports a module written in C and returns its documentation; raises ImportError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = importlib.import_module(module_name)
    members = []
    for name, value in vars(module).items():
        if name.startswith("_") or not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        entry = _class(name, value) if inspect.isclass(value) else _routine(name, value)
        if entry is not None:
            members.append(entry)
    return Entry(module_name, "module", "", _clean(module.__doc__), tuple(members))


def _class(name: str, value: type) -> Entry | None:
    own = vars(value)
    members = []
    for member, attribute in own.items():
        if member.startswith("_"):
            continue
        if isinstance(attribute, GetSetDescriptorType | MemberDescriptorType | property):
            doc = _clean(attribute.__doc__)
            entry = Entry(f"{name}.{member}", "property", "", doc) if doc else None
        else:
            function = getattr(value, member, None)
            entry = _routine(f"{name}.{member}", function) if inspect.isroutine(function) else None
        if entry is not None:
            members.append(entry)
    doc = _clean(own.get("__doc__"))
    if not doc and not members:
        return None
    signature, doc = _signature(name, value, doc)
    return Entry(name, "class", signature, doc, tuple(members))


def _routine(name: str, value: Callable[..., Any]) -> Entry | None:
    doc = _clean(value.__doc__)
    if not doc:
        return None
    signature, doc = _signature(name, value, doc)
    return Entry(name, "function", signature, doc)


def _signature(name: str, value: Callable[..., Any], doc: str) -> tuple[str, str]:
    """Returns the signature and the rest of the string: many C docstrings begin with `name(arguments)`."""
    short = name.rpartition(".")[2]
    if re.match(rf"(?:[\w.]+\.)?{re.escape(short)}\(", doc):
        head, rest = _head(doc)
        head, dashes, said = head[head.index("(") :].partition(" -- ")
        if not dashes and not (head.endswith(")") or " -> " in head):
            head, _, said = head.rpartition(")")
            head += ")"
        return head, f"{said.strip(' :')}\n{rest}".strip()
    # Not inspect.signature: it evaluates default values, which fails where they need a terminal or a window.
    return _SELF.sub("(", getattr(value, "__text_signature__", None) or "").replace(
        "=<unrepresentable>", ""
    ), doc


def _head(doc: str) -> tuple[str, str]:
    """Returns the first line, with those after it until its brackets are closed, and the rest."""
    lines = doc.split("\n")
    for count in range(1, min(len(lines), 5) + 1):
        head = " ".join(line.strip() for line in lines[:count])
        if head.count("(") <= head.count(")"):
            return head, "\n".join(lines[count:]).strip("\n")
    return lines[0], "\n".join(lines[1:]).strip("\n")


def _clean(doc: object) -> str:
    return inspect.cleandoc(doc).strip() if isinstance(doc, str) else ""
