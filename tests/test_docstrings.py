"""Docstrings of public names say what the signatures say."""

import builtins
import dataclasses
import importlib
import inspect
import pkgutil
import types
from collections.abc import Callable, Iterator

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

import hsat
from hsat import errors


def public_modules() -> Iterator[types.ModuleType]:
    """The package and every module in it that has an ``__all__``."""
    names = ["hsat", *(m.name for m in pkgutil.walk_packages(hsat.__path__, "hsat."))]
    for name in names:
        if name.endswith("__main__"):
            continue
        module = importlib.import_module(name)
        if hasattr(module, "__all__"):
            yield module


def public_objects() -> Iterator[object]:
    """Functions and classes of every ``__all__``, and the public methods of those classes."""
    seen: set[str] = set()
    for module in public_modules():
        for name in module.__all__:
            thing = getattr(module, name)
            if not callable(thing) or not str(getattr(thing, "__module__", "")).startswith("hsat"):
                continue
            label = f"{thing.__module__}.{thing.__qualname__}" if hasattr(thing, "__qualname__") else name
            if label in seen:
                continue
            seen.add(label)
            yield pytest.param(thing, id=label)
            if inspect.isclass(thing):
                for attribute, member in vars(thing).items():
                    if inspect.isfunction(member) and not attribute.startswith("_"):
                        yield pytest.param(member, id=f"{label}.{attribute}")


PUBLIC = list(public_objects())
FUNCTIONS = [p for p in PUBLIC if not inspect.isclass(p.values[0])]
CLASSES = [p for p in PUBLIC if inspect.isclass(p.values[0])]


def unwrapped(function: object) -> Callable[..., object]:
    """The python function behind a jitted one."""
    return getattr(function, "py_func", function)


def documented_names(section: list) -> list[str]:
    """Names of a section; ``a, b : float`` counts as two."""
    return [name.strip().lstrip("*") for entry in section for name in entry.name.split(",")]


def test_every_name_on_a_list_exists():
    for module in public_modules():
        assert len(set(module.__all__)) == len(module.__all__), module.__name__
        assert not [name for name in module.__all__ if not hasattr(module, name)], module.__name__


def test_the_package_has_public_names():
    assert {"read_recording", "score_night", "load_rules"} <= set(hsat.__all__)


@pytest.mark.parametrize("thing", PUBLIC)
def test_public_names_have_a_docstring(thing):
    docstring = inspect.getdoc(unwrapped(thing)) or ""
    first = docstring.splitlines()[0] if docstring else ""
    is_made_by_dataclass = inspect.isclass(thing) and first.startswith(thing.__name__ + "(")
    assert first
    assert not is_made_by_dataclass


@pytest.mark.parametrize("function", FUNCTIONS)
def test_parameters_are_those_of_the_signature(function):
    function = unwrapped(function)
    doc = FunctionDoc(function)
    names = [name for name in inspect.signature(function).parameters if name not in {"self", "cls"}]
    if doc["Parameters"] or doc["Other Parameters"]:
        assert documented_names([*doc["Parameters"], *doc["Other Parameters"]]) == names
    returns = inspect.signature(function).return_annotation
    if doc["Parameters"] and returns not in {None, "None", inspect.Signature.empty}:
        assert doc["Returns"] or doc["Yields"], "Parameters but no Returns"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_the_package_list_their_parameters(function):
    if getattr(hsat, function.__name__, None) is not function:
        return
    names = list(inspect.signature(function).parameters)
    assert documented_names(FunctionDoc(function)["Parameters"]) == names


@pytest.mark.parametrize("function", FUNCTIONS)
def test_raises_names_errors_that_exist(function):
    for entry in FunctionDoc(unwrapped(function))["Raises"]:
        name = entry.type or entry.name
        assert name in errors.__all__ or hasattr(builtins, name), name


@pytest.mark.parametrize("cls", CLASSES)
def test_attributes_are_the_fields(cls):
    if not dataclasses.is_dataclass(cls):
        return
    documented = documented_names(ClassDoc(cls, config={"show_class_members": False})["Attributes"])
    # A field that is itself one of our dataclasses is explained there.
    named = [f.name for f in dataclasses.fields(cls) if f.name in documented or not is_explained_by_type(f)]
    assert not documented or documented == named


def is_explained_by_type(field: dataclasses.Field) -> bool:
    return dataclasses.is_dataclass(field.type) and bool(field.type.__doc__)
