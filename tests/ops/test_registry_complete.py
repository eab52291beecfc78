"""Every operator that onnx defines or onnxruntime registers is ruled, or left out for a reason."""

from __future__ import annotations

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state

from rfgraph.onnxfile.control.handlers import HOMES, find_handler
from rfgraph.ops.registry import all_rules, normal_domain

# Operators without a rule of their own, with the reason. What is listed here is an unknown edge.
LEFT_OUT: dict[tuple[str, str], str] = {}


def defined():
    """Return every operator that onnx defines, in any version."""
    return {
        (normal_domain(schema.domain), schema.name)
        for schema in onnx.defs.get_all_schemas_with_history()
    }


def registered():
    """Return every operator of which onnxruntime registers a definition."""
    schemas = onnxruntime_pybind11_state.get_all_operator_schema()
    return {(normal_domain(schema.domain), schema.name) for schema in schemas}


def unruled(operators):
    """Return the operators that neither a rule nor the reader of control flow deals with."""
    handled = {("", name) for name in HOMES}
    return operators - all_rules().keys() - handled - LEFT_OUT.keys()


def test_every_operator_that_onnx_defines_is_ruled():
    assert unruled(defined()) == set()


def test_every_operator_that_onnxruntime_registers_is_ruled():
    assert unruled(registered()) == set()


def test_both_registries_were_asked():
    assert {("", "Conv"), ("ai.onnx.ml", "Normalizer")} <= defined()
    assert {("com.microsoft", "FusedConv"), ("com.microsoft.nchwc", "Conv")} <= registered()
    assert ("com.ms.internal.nhwc", "Conv") in registered()


def test_a_new_operator_is_noticed():
    assert unruled({("", "Relu"), ("", "If"), ("com.microsoft", "FusedRelu")}) == {
        ("com.microsoft", "FusedRelu")
    }


def test_what_follows_a_body_is_found_where_it_stands():
    found = {name: find_handler("", name) for name in HOMES}
    assert all(map(callable, found.values()))
    assert find_handler("com.microsoft", "If") is None


def test_what_is_left_out_still_is_and_says_why():
    assert all(LEFT_OUT.values())
    assert LEFT_OUT.keys().isdisjoint(all_rules())
    assert LEFT_OUT.keys() <= defined() | registered()


def test_every_rule_of_these_registries_is_for_an_operator_that_exists():
    known = defined() | registered()
    domains = {domain for domain, _ in registered()}
    assert {key for key in all_rules().keys() - known if key[0] in domains} <= EXPERIMENTS


# What onnx removed before 1.5; old files still hold it.
EXPERIMENTS = {("", "ATen"), ("", "GRUUnit")}
