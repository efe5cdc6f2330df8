"""What a module offers: its public, documented functions and classes with their signatures."""

import ast
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from inspect import cleandoc

from ingest.readers.pydoc_live import Entry, describe_live
from ingest.readers.pydoc_modules import ModuleFile, find_module

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_PROPERTIES = ("property", "cached_property", "DynamicClassAttribute")


def describe(module: ModuleFile) -> Entry:
    """Returns the module's documentation, with its public functions and classes as members.

    Public are the names in `__all__`, or without one those that begin with a letter; documented, those with
    a string of their own. Names that the parent package offers too are shown as the package's.
    """
    if module.path is None:
        return describe_live(module.name)
    source = _Source(module)
    names = source.public_names()
    entries = [entry for name in names if (entry := source.entry(name)) is not None]
    parent = find_module(module.name.rpartition(".")[0]) if "." in module.name else None
    if parent is not None and parent.path is not None and module.path.stem != "posixpath":
        offered = _Source(parent).offers_from(module.name, names)
        entries = [
            replace(entry, shown_in=parent.name) if entry.name in offered else entry for entry in entries
        ]
    return Entry(module.name, "module", "", source.doc(), tuple(entries))


class _Source:
    """A parsed module: what it defines and what it takes from other modules."""

    def __init__(self, module: ModuleFile) -> None:
        assert module.path is not None
        with tokenize.open(module.path) as file:  # heeds the file's own encoding line
            text = file.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other people's escape sequences
            self.tree = ast.parse(text, str(module.path))
        self.module = module
        self.definitions: dict[str, _Function | ast.ClassDef] = {}
        self.imports: dict[str, tuple[str, str]] = {}
        self.stars: list[str] = []
        self.assigned: dict[str, ast.expr] = {}
        self.listed: list[str] | None = None
        for statement in _statements(self.tree.body):
            self._take(statement)

    def public_names(self) -> list[str]:
        """Returns the names that the module offers, its own in their order, then those from C modules."""
        from_c = [name for star in self.stars for name in _c_names(star)]
        if self.listed is None:
            own = [name for name in (*self.definitions, *self.assigned) if not name.startswith("_")]
        else:
            order = {name: place for place, name in enumerate((*self.definitions, *self.assigned))}
            own = sorted(self.listed, key=lambda name: order.get(name, len(order)))
        return list(dict.fromkeys((*own, *from_c)))

    def entry(self, name: str) -> Entry | None:
        """Returns what is documented under a name, None when nothing is."""
        definition = self.definitions.get(name)
        if definition is not None and (entry := _entry(definition, name)) is not None:
            return entry
        if name in self.assigned:
            return self._method_of_instance(name)
        if name in self.imports:
            origin, original = self.imports[name]
            return _imported(origin, original, name)
        return next((entry for star in self.stars if (entry := _imported(star, name, name))), None)

    def doc(self) -> str:
        """Returns the module's own string, or that of the C module which it takes it from."""
        origin, _ = self.imports.get("__doc__", ("", ""))
        return describe_live(origin).doc if origin else _doc(self.tree)

    def offers_from(self, module: str, names: Sequence[str]) -> set[str]:
        """Returns those of a submodule's names that this package takes over."""
        if module in self.stars:
            return set(names)
        return {original for origin, original in self.imports.values() if origin == module}

    def _take(self, statement: ast.stmt) -> None:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                old = self.definitions.get(statement.name)
                if old is None or ast.get_docstring(statement, clean=False):
                    self.definitions[statement.name] = statement
            case ast.ImportFrom():
                origin = self._absolute(statement)
                for alias in statement.names:
                    if alias.name == "*":
                        self.stars.append(origin)
                    else:
                        self.imports.setdefault(alias.asname or alias.name, (origin, alias.name))
            case ast.Assign(targets=[ast.Name("__all__")], value=value):
                self.listed = _strings(value)
            case ast.AugAssign(target=ast.Name("__all__"), value=value) if self.listed is not None:
                self.listed += _strings(value) or []
            case ast.Assign(targets=[ast.Name(name)], value=ast.Attribute() | ast.Call() as value):
                self.assigned[name] = value

    def _absolute(self, statement: ast.ImportFrom) -> str:
        package = self.module.name if self.module.is_package else self.module.name.rpartition(".")[0]
        for _ in range(statement.level - 1):
            package = package.rpartition(".")[0]
        parts = ([package] if statement.level else []) + ([statement.module] if statement.module else [])
        return ".".join(parts)

    def _method_of_instance(self, name: str) -> Entry | None:
        """Returns the entry of a method of a hidden instance: `choice = _inst.choice` in `random`."""
        match self.assigned[name]:
            case ast.Attribute(value=ast.Name(instance), attr=method):
                match self.assigned.get(instance):
                    case ast.Call(func=ast.Name(class_name)):
                        owner = self.definitions.get(class_name)
                        for statement in owner.body if isinstance(owner, ast.ClassDef) else ():
                            if isinstance(statement, _Function) and statement.name == method:
                                return _function(statement, name, bound=True)
        return None


def _imported(origin: str, original: str, name: str) -> Entry | None:
    """Returns the entry of a name that comes from a C module or a private one; others document their own."""
    module = find_module(origin)
    if module is None:
        return None
    if module.path is None:
        entries = {entry.name: entry for entry in describe_live(origin).members}
        return replace(entries[original], name=name) if original in entries else None
    if not module.name.rpartition(".")[2].startswith("_"):
        return None
    definition = _Source(module).definitions.get(original)
    return _entry(definition, name) if definition is not None else None


def _c_names(origin: str) -> list[str]:
    module = find_module(origin)
    if module is None or module.path is not None:
        return []
    return [entry.name for entry in describe_live(origin).members]


def _entry(definition: _Function | ast.ClassDef, name: str) -> Entry | None:
    """Returns the entry of a definition; None when neither it nor anything in it is documented."""
    if not isinstance(definition, ast.ClassDef):
        return _function(definition, name, bound=False)
    methods = [statement for statement in _statements(definition.body) if isinstance(statement, _Function)]
    members = {
        method.name: entry
        for method in methods
        if not method.name.startswith("_")
        and (entry := _function(method, f"{name}.{method.name}", bound=not _has(method, "staticmethod")))
    }
    makers = {method.name: method for method in methods}
    init = makers.get("__init__") or makers.get("__new__")
    doc = _doc(definition) or (_doc(init) if init else "")
    signature = f"({_arguments(init, bound=True)})" if init else ""
    return Entry(name, "class", signature, doc, tuple(members.values())) if doc or members else None


def _function(function: _Function, name: str, *, bound: bool) -> Entry | None:
    doc = _doc(function)
    if not doc:
        return None
    if any(_has(function, decorator) for decorator in _PROPERTIES):
        return Entry(name, "property", "", doc)
    return Entry(name, "function", f"({_arguments(function, bound=bound)})", doc)


def _arguments(function: _Function, *, bound: bool) -> str:
    """Returns the parameters as they are written, without `self` and without types."""
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    for variadic in (arguments.vararg, arguments.kwarg):
        if variadic is not None:
            variadic.annotation = None
    if bound and (arguments.posonlyargs or arguments.args):
        first = arguments.posonlyargs or arguments.args
        if len(arguments.defaults) < len(arguments.posonlyargs) + len(arguments.args):
            arguments = ast.arguments(
                arguments.posonlyargs[1:],
                arguments.args if first is arguments.posonlyargs else arguments.args[1:],
                arguments.vararg,
                arguments.kwonlyargs,
                arguments.kw_defaults,
                arguments.kwarg,
                arguments.defaults,
            )
    return ast.unparse(arguments)


def _has(function: _Function, decorator: str) -> bool:
    return any(ast.unparse(node).rpartition(".")[2] == decorator for node in function.decorator_list)


def _doc(node: ast.Module | ast.ClassDef | _Function) -> str:
    return cleandoc(ast.get_docstring(node, clean=False) or "").strip()


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Gives the statements that define names, those inside `if` and `try` included."""
    for statement in body:
        match statement:
            case ast.If():
                yield from _statements([*statement.body, *statement.orelse])
            case ast.Try():
                handled = [inner for handler in statement.handlers for inner in handler.body]
                yield from _statements([*statement.body, *statement.orelse, *handled])
            case _:
                yield statement


def _strings(value: ast.expr) -> list[str] | None:
    """Returns the strings of a literal list or tuple, None for anything else."""
    if not isinstance(value, ast.List | ast.Tuple):
        return None
    return [
        item.value for item in value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)
    ]
