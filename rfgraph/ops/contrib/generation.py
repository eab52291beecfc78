"""onnxruntime's operators on text and tokens, and those that it gives to other programs to run."""

from __future__ import annotations

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule, vector_links
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, UnresolvedError
from rfgraph.ops.steps import own_link
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.steps import Pointwise, Reduce


@rule(
    "BeamSearch GreedySearch Sampling WhisperBeamSearch",
    ignores="""beginning_timestamp_token_id custom decoder decoder_output_cross_qk
    decoder_start_token_id early_stopping encoder eos_token_id filter_value init_decoder
    min_tokens_to_keep model_type no_repeat_ngram_size no_speech_token_id
    no_timestamps_token_id pad_token_id presence_penalty start_of_lm_token_id temperature
    top_p transcribe_token_id translate_token_id vocab_size""",
)
def search(node: OpNode) -> Outcome:
    """A generated token reads the prompt and all tokens before it, through graphs that are run.

    Unknown: the graphs run in a loop whose end and whose choices depend on data. Versions: all (1).
    """
    raise UnresolvedError("its graphs run in a loop whose end and choices depend on data")


@rule(
    "EPContext Snpe",
    ignores="""DLC embed_mode ep_cache_context ep_sdk_version hardware_architecture main_context
    max_size notes onnx_model_filename partition_name snpe_version source target_device""",
)
def compiled_program(node: OpNode) -> Outcome:
    """The outputs are made by a program that was compiled for other hardware.

    Unknown: what that program reads, which the file does not say. Versions: all (1).
    """
    raise UnresolvedError("it holds a compiled program instead of a graph")


@rule("Tokenizer", ignores="mark mincharnum pad_value separators tokenexp")
def tokenizer(node: OpNode) -> Outcome:
    """A token reads the text that it is a part of.

    Unknown: how many tokens there are, which depends on the texts. Versions: all (1).
    """
    raise UnresolvedError("the number of tokens depends on data")


@rule("DynamicTimeWarping")
def dynamic_time_warping(node: OpNode) -> Outcome:
    """Every place of the path of lowest cost reads all costs.

    Unknown: how long the path is, which depends on the costs. Versions: all (1).
    """
    raise UnresolvedError("the length of the path depends on data")


@rule("BifurcationDetector", ignores="max_ngram_size min_ngram_size")
def bifurcation_detector(node: OpNode) -> Outcome:
    """The merged tokens and the place where they match read all tokens.

    Unknown: how many merged tokens there are, which depends on the tokens. Versions: all (1).
    """
    raise UnresolvedError("the number of merged tokens depends on data")


@rule("NGramRepeatBlock", ignores="ngram_size")
def ngram_repeat_block(node: OpNode) -> Outcome:
    """A score reads its own index of the scores, and all tokens of its sequence.

    Exact. Versions: all (1).
    """
    tokens, shape = node.ranked(0, 2, 2), node.ranked(1, 2, 2)
    if tokens[0] != shape[0]:
        raise RuleError(f"input 0 requires {shape[0]} sequences, found {tokens[0]}")
    history = Chain(tokens).reduce([1]).broadcast(shape)
    return Outcome((shape,), (history.link(0), own_link(shape, 1)))


@rule("WordConvEmbedding", ignores="char_embedding_size conv_window_size embedding_size")
def word_conv_embedding(node: OpNode) -> Outcome:
    """The embedding of a word reads all of its characters.

    Filters slide over the embeddings of the characters and the largest answer of each is taken. A
    filter and its bias are read by its own feature.

    Exact but for computed character embeddings: which rows are read depends on data (unknown).
    Versions: all (1).
    """
    words, length = node.ranked(0, 2, 2)
    filters = node.ranked(1, 4, 4)
    rows, features = node.ranked(3, 2, 2)
    if filters[1] != 1 or filters[3] != features:
        raise RuleError(
            f"input 1 requires filters over embeddings of {features}, found {list(filters)}"
        )
    shape = (words, filters[0])
    letters = Chain((words, length)).reduce([1]).broadcast(shape)
    kernel = Chain(filters).reduce((1, 2, 3), weighted=True).reshape((filters[0],)).broadcast(shape)
    table = Reduce(((0, Whole(rows, 1, unknown=True)), (1, Whole(features, 1))))
    links = (letters.link(0), kernel.link(1), *vector_links(node, 2, shape))
    return Outcome((shape,), (*links, Link(3, (table, Pointwise(shape)))))
