"""Where a rule that is marked exact says more than what can be seen, and why."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.backend.judge import Unit, Verdict


@dataclass(frozen=True)
class Exempt:
    """Node tests by a pattern of their names, the inputs of theirs that are meant, and the reason.

    `constants` limits it to readings with constants.
    """

    cases: str
    inputs: str
    reason: str
    constants: bool = False

    def covers(self, verdict: Verdict, unit: Unit) -> bool:
        return (
            fnmatchcase(verdict.name, self.cases)
            and unit.input in self.inputs.split()
            and (bool(verdict.constants) or not self.constants)
        )


# Said in the rule's own words, which rfgraph explain shows: there it is an upper bound.
_WEIGHTS = "weights that are computed count as read whole at a border"
_RECURRENT = "weights that are computed count as read whole, all of them at the first step too"
_LENGTHS = "lengths that are computed, or differ within the batch, are an upper bound"
_GRAMS = "n-grams of a length that is not counted read nothing"
# The dependence is structural: values are not looked at.
_MASK = "a window made of masks: their values are not looked at"
_SHIFT = "a shift by the width or more, or a negative one, leaves nothing of the number"
_ZERO = "a zero, or a weight equal to its zero point, hides what it is multiplied with"
_LABEL = "a place whose label is to be ignored hides its scores: a label is a value"
# What no value shows.
_ONE = "one to any power is one"
_SAME = "both branches have the same value at that place"
_OTHER = "pads that would put the place into the padding make another shape"
_WHOLE = "the momentum is not damped at any step of this test"
_LARGEST = "the index of an update shows only where that update is the largest"
_FLOATING = "the zero point of a floating type can only be zero"

EXCEPTIONS: tuple[Exempt, ...] = (
    Exempt("test_convtranspose*", "W", _WEIGHTS),
    Exempt("test_convinteger_with_padding", "w", _WEIGHTS),
    Exempt("test_gru_*", "W R B", _RECURRENT),
    Exempt("test_lstm_*", "W R B P", _RECURRENT),
    Exempt("test_*rnn_*", "W R B", _RECURRENT),
    Exempt("test_attention_*", "K V attn_mask", _LENGTHS, constants=True),
    Exempt("test_attention_4d_causal_padded_kv_bf16", "Q", _LENGTHS, constants=True),
    Exempt("test_attention_4d_causal_nonpad_attn_mask_composition", "K V attn_mask", _LENGTHS),
    Exempt("test_tfidfvectorizer_*", "X", _GRAMS),
    Exempt("test_attention_*_expanded", "attn_mask", _MASK),
    Exempt("test_bitshift_*", "x y", _SHIFT),
    Exempt("test_convinteger_with_padding", "x", _ZERO, constants=True),
    Exempt("test_mul_uint8", "x", _ZERO, constants=True),
    Exempt("test_sce_*", "x", _LABEL, constants=True),
    Exempt("test_pow_types_int*", "y", _ONE, constants=True),
    Exempt("test_if", "cond", _SAME),
    Exempt("test_constant_pad*", "value", _OTHER),
    Exempt("test_nesterov_momentum", "T", _WHOLE),
    Exempt("test_scatternd_max", "indices", _LARGEST),
    Exempt("test_quantizelinear_e*", "y_zero_point", _FLOATING),
    Exempt("test_dequantizelinear_float4e2m1", "x_zero_point", _FLOATING),
)
