"""onnxruntime's recurrent networks: linear attention, and LSTMs with attention or few bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import Operand, apply_standard, permuted_operand, rule
from rfgraph.ops.linear_attention import linear_attention as recurrence
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, Value
from rfgraph.ops.steps import everything_links, trim_outputs
from rfgraph.relations.axis_rules import Band, Shape
from rfgraph.relations.steps import Everything, Prefix

if TYPE_CHECKING:
    from collections.abc import Iterator


LSTM = "activation_alpha activation_beta activations clip input_forget"


@rule("LinearAttention", ignores="chunk_size scale")
def linear_attention(node: OpNode) -> Outcome:
    """An output reads its own query, the keys up to it, and their values at its own feature.

    It also reads the gates up to its step that update_rule names (decay, beta), and the state that
    came in, at its own feature. The new state reads all steps. All is told apart by heads: the
    smaller number of them serves equal groups of the larger.

    Exact. Upper bound: with state_window the earlier states, which count as reading all steps.
    Versions: all (1).
    """
    return recurrence(node)


@rule(
    "GatedDeltaNet",
    ignores="""beta_activation chunk_size gate_activation gate_lower_bound qk_l2_norm scale
    update_rule""",
)
def gated_delta_net(node: OpNode) -> Outcome:
    """An output reads its own token and those before it, and the state that came in.

    The new state reads all tokens.

    Upper bound: heads, features and requests are not told apart. Versions: all (1).
    """
    out, state, shared = _delta_shapes(node)
    axis = len(out) - 3
    tokens = (axis, Band(None, 0, out[axis], out[axis]))
    links = []
    for slot in node.data_inputs():
        operand = node.shape(slot)
        timed = slot in (0, 1, 2, 4, 5)
        if timed and operand[: axis + 1] != out[: axis + 1]:
            raise RuleError(
                f"input {slot} requires tokens of shape {list(out[: axis + 1])}, "
                f"found shape {list(operand)}"
            )
        if timed:
            rest = range(axis + 1, len(operand))
            chain = Chain(operand).add(Prefix((tokens,))).reduce(rest)
            chain.reshape((*out[: axis + 1], 1, 1)).broadcast(out)
            links.append(chain.link(slot))
        elif slot < 9:
            links.append(Link(slot, (Everything(out),)))
    capacity = max(node.int("state_update_capacity", 0), 0)
    batch, heads, value, key = state
    decay = key if node.has(4) and len(node.shape(4)) == len(out) else 1
    updates = (batch, capacity * (heads * decay + shared * key + heads * value))
    for output, to in ((1, state), (2, updates)):
        links.extend(everything_links(node, node.data_inputs(), to, output))
    return trim_outputs(node, (out, state, updates), links)


def _delta_shapes(node: OpNode) -> tuple[Shape, Shape, int]:
    """Return the shapes of output and state, and the number of heads of a key."""
    query = node.ranked(0, 2, 4)
    if not node.has(2):
        state = node.ranked(6, 4, 4)
        _, heads, value_size, key_size = state
        shared = (query[-1] - heads * value_size) // (2 * max(key_size, 1))
        return (*query[:-1], heads, value_size), state, max(shared, 0)
    node.ranked(0, 3, 4)
    key, value = (node.ranked(slot, len(query), len(query)) for slot in (1, 2))
    if node.has(6):
        batch = node.ranked(6, 4, 4)[0]
    else:
        batch = query[0] if len(query) == 4 else max(node.ranked(3, 1, 1)[0] - 1, 0)
    out = (*query[:-2], max(value[-2], key[-2]), value[-1])
    return out, (batch, value[-2], value[-1], key[-1]), key[-2]


# -- LSTM ------------------------------------------------------------------------------------------


def _lstm(node: OpNode, operands: list[Operand | None]) -> Outcome:
    """Return the outcome of the LSTM with these operands, by the attributes that it shares."""
    attributes = {name: node.attribute(name) for name in ("direction", "hidden_size")}
    return apply_standard(node, "LSTM", operands, attributes)


def _known_shapes(found: Outcome) -> list[Shape]:
    return [shape for shape in found.shapes if shape is not None]


def _whole_links(node: OpNode, slot: int, found: Outcome) -> Iterator[Link]:
    """Yield links by which every output reads all of an input."""
    for output, shape in enumerate(_known_shapes(found)):
        yield from everything_links(node, [slot], shape, output)


@rule("DynamicQuantizeLSTM", ignores=LSTM)
def dynamic_quantize_lstm(node: OpNode) -> Outcome:
    """An output reads what the same LSTM reads, and the quantization of the weights.

    As a second part it reads all of the input, whose range decides how it is quantized, and by the
    range of the hidden state all of the batch.

    Exact. Upper bound: weights, states and lengths that are computed count as read whole.
    Versions: all (1).
    """
    operands = [*range(8)]
    for slot in (1, 2):
        node.ranked(slot, 3, 3)
        operands[slot] = permuted_operand(node, slot, (0, 2, 1))
    outcome = _lstm(node, operands)
    links = list(outcome.links)
    for slot in node.data_inputs():
        links.extend(_whole_links(node, slot, outcome))
    return trim_outputs(node, outcome.shapes, links)


@rule("AttnLSTM", ignores=LSTM)
def attention_lstm(node: OpNode) -> Outcome:
    """An output reads what the same LSTM reads, and at every step all of its sequence's memory.

    Exact. Upper bound: at the first step, which looks at no memory yet; weights that are computed
    count as read whole. Versions: all (1).
    """
    inputs, weights = node.ranked(0, 3, 3), node.ranked(1, 3, 3)
    if weights[2] < inputs[2]:
        raise RuleError(
            f"input 1 requires weights for at least {inputs[2]} features, found {list(weights)}"
        )
    own = Value((*weights[:2], inputs[2]), constant=True)
    operands = [*range(8)]
    operands[1] = Operand(1, own)
    outcome = _lstm(node, operands)
    links = [link for link in outcome.links if link.input in (0, 4, 5, 6)]
    for slot in (1, 2, 3, 7, 8, 9, 10, 13):
        links.extend(_whole_links(node, slot, outcome))
    for slot in filter(node.has, (11, 12)):
        links.extend(_memory_links(node, slot, outcome, inputs[1]))
    return trim_outputs(node, outcome.shapes, links)


def _memory_links(node: OpNode, slot: int, found: Outcome, batch: int) -> Iterator[Link]:
    """Yield the links of memory or its lengths, which belong to an element of the batch."""
    shape = node.ranked(slot, 1)
    if shape[0] != batch:
        raise RuleError(f"input {slot} requires a batch of {batch}, found shape {list(shape)}")
    for output, to in enumerate(_known_shapes(found)):
        chain = Chain(shape).reduce(range(1, len(shape))).reshape((batch, 1)).broadcast(to)
        yield chain.link(slot, output)
