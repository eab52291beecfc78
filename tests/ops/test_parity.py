"""Every rule against the operator definitions of onnx: no attribute of any version is forgotten."""

import contextlib
import inspect
import re
import types
from collections import defaultdict

import onnx
import pytest

from rfgraph.errors import RfgraphError
from rfgraph.ops.node import OpNode, Outcome, Value
from rfgraph.ops.registry import RuleEntry, all_rules, rule
from rfgraph.ops.standard.windows import max_pool

RULES = all_rules()


def schemas():
    """Return the definitions of every operator, all versions, by (domain, operator)."""
    found = defaultdict(list)
    for schema in onnx.defs.get_all_schemas_with_history():
        found[schema.domain, schema.name].append(schema)
    return found


SCHEMAS = schemas()


def attributes(key):
    """Return the attributes of an operator over all its versions."""
    return {name for schema in SCHEMAS[key] for name in schema.attributes}


def words(function):
    """Return the strings in a function and in what it uses of this package.

    A rule that reads an attribute names it, itself or in a helper: nothing else takes part.
    """
    found, seen, queue = set(), set(), [function]
    while queue:
        item = queue.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, types.CodeType):
            found.update(strings(item.co_consts))
            queue.extend(const for const in item.co_consts if isinstance(const, types.CodeType))
        elif isinstance(item, types.FunctionType):
            queue.append(item.__code__)
            queue.extend(cell.cell_contents for cell in item.__closure__ or ())
            names = used_names(item.__code__)
            queue.extend(item.__globals__[name] for name in names if name in item.__globals__)
        elif isinstance(item, type):
            own = item is not OpNode and item.__module__.startswith("rfgraph.ops")
            queue.extend(vars(item).values() if own else ())
        elif any(wrapped := [getattr(item, name, None) for name in WRAPPED]):
            queue.extend(wrapped)
        else:
            found.update(strings([item]))
    return found


# Where properties, class methods, partial functions and the like keep the function itself.
WRAPPED = ("fget", "func", "__func__", "__wrapped__")


def used_names(code):
    nested = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*(used_names(const) for const in nested))


def strings(values):
    """Return the strings among some values, those in containers included."""
    found = set()
    for value in values:
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, (tuple, list, set, frozenset)):
            found |= strings(value)
        elif isinstance(value, dict):
            found |= strings([*value.keys(), *value.values()])
    return found


def forgotten(key, entry):
    """Return the attributes that a rule neither names nor declares irrelevant."""
    named = words(entry.function) | recorded(key, entry)
    return attributes(key) - named - entry.ignored


def recorded(key, entry):
    """Return the attributes that a rule asks for on a node that has none."""
    node = OpNode(key[1], [Value((2, 2, 2))] * 4, domain=key[0])
    with contextlib.suppress(RfgraphError):
        entry.function(node)
    return node.read


def stale(entry, keys):
    """Return what is declared irrelevant although no operator of the rule has it.

    Nothing, if one of the rule's operators is defined elsewhere than in onnx.
    """
    if any(key not in SCHEMAS for key in keys):
        return set()
    return entry.ignored - set().union(*(attributes(key) for key in keys))


def names(keys):
    return [".".join(filter(None, key)) for key in keys]


DEFINED = sorted(key for key in RULES if key in SCHEMAS)


@pytest.mark.parametrize("key", DEFINED, ids=names(DEFINED))
def test_every_attribute_of_every_version_is_read_or_declared_irrelevant(key):
    assert forgotten(key, RULES[key]) == set()


@pytest.mark.parametrize("key", DEFINED, ids=names(DEFINED))
def test_nothing_is_declared_irrelevant_that_does_not_exist(key):
    entry = RULES[key]
    shared = [other for other in RULES if RULES[other].function is entry.function]
    assert stale(entry, shared) == set()


@pytest.mark.parametrize("key", sorted(RULES), ids=names(sorted(RULES)))
def test_every_rule_says_how_exact_it_is_and_for_which_versions(key):
    doc = RULES[key].doc
    assert re.search(r"\b(Exact|Upper bound|Unknown)\b", doc), doc
    assert "ersion" in doc, doc
    assert len(doc.split("\n\n")[0]) > 20, "the first paragraph says what an output reads"


def test_every_operator_of_an_onnx_domain_is_defined_there():
    domains = {domain for domain, _ in SCHEMAS}
    undefined = {name for domain, name in RULES.keys() - SCHEMAS.keys() if domain in domains}
    assert undefined <= EXPERIMENTS | INTERNAL


# What onnx removed before 1.5 and old files still hold, and what onnxruntime adds to the domain.
EXPERIMENTS = {
    *("ATen", "Affine", "Crop", "DynamicSlice", "GRUUnit", "GivenTensorFill", "ImageScaler"),
    *("ParametricSoftplus", "Scale", "ScaledTanh"),
}
INTERNAL = {
    *("MemcpyFromHost", "MemcpyToHost", "SimplifiedLayerNormalization"),
    *("DisentangledAttention_TRT", "EfficientNMS_TRT"),
    *("MultilevelCropAndResize_TRT", "PyramidROIAlign_TRT"),
}


def test_a_forgotten_attribute_is_noticed():
    def careless(node: OpNode) -> Outcome:
        node.ints("strides")
        return Outcome((node.shape(0),))

    entry = RuleEntry("", "MaxPool", careless, frozenset({"storage_order"}))
    assert forgotten(("", "MaxPool"), entry) == {
        *("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads"),
    }
    assert "pads" in words(max_pool)


def test_an_attribute_of_an_older_version_counts():
    assert "consumed_inputs" in attributes(("", "Relu"))


def test_a_stale_declaration_is_noticed():
    entry = RuleEntry("", "Relu", max_pool, frozenset({"alpha", "consumed_inputs"}))
    assert stale(entry, [("", "Relu")]) == {"alpha"}
    assert stale(entry, [("", "Relu"), ("", "ScaledTanh")]) == set()


def test_an_operator_has_one_rule():
    with pytest.raises(ValueError, match="MaxPool has a rule already"):
        rule("MaxPool")(max_pool)
    assert inspect.isfunction(all_rules()["", "MaxPool"].function)
