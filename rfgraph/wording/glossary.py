"""The words of the reports, each explained to a stranger."""

from __future__ import annotations

GLOSSARY = {
    "receptive field": """The input positions from which a data path leads to a unit: all that the
        unit can read, whatever the weights. Also: theoretical receptive field. Numbers are
        unclipped: windows go on past the border, so a field may exceed its input.""",
    "unit": "One element of a tensor, by its index.",
    "region": """The smallest box of input positions that holds everything a unit reads, inside the
        input. `rfgraph unit` prints it.""",
    "size": """How many input positions a receptive field spans along an axis. Where units differ
        (channels, phases), the largest; `size_min` is the smallest.""",
    "stride": """Input positions from the field of one unit to that of the next, on average over a
        period. Also: jump, effective stride. 1/2 after one doubling.""",
    "start": """The first input position that unit 0 reads, unclipped. Its negative is the effective
        padding.""",
    "center": """The middle of unit 0's field, in input positions from 0. Calculators that count
        from 0.5 print half a position more.""",
    "effective padding": "How far the field of unit 0 lies before the input.",
    "reach": """How far a field extends before and after a unit's own position (stride times its
        index).""",
    "period": """[p, q]: p units further reads q positions further. Upsampling makes p larger than
        1: units of different phase read fields of different size.""",
    "phase": "A unit's index modulo p of the period.",
    "scope": """How an axis is read: none (not at all), local (a window that moves with the unit),
        one-sided (all that came before, or all that follows), global (the whole axis, however
        long), unknown (an operator without a rule, or positions that depend on data).""",
    "local": "Read through windows that move with the unit; the field has a size.",
    "one-sided": """All that came before a unit, or all that follows: a recurrence, a cumulative
        sum, causal attention.""",
    "global": """The whole axis is read, however long it is: a global pool, a softmax or a matrix
        product over it, instance normalization, a squeeze-and-excite gate.""",
    "unknown": """What could not be analysed: an operator without a rule (RF005), or one whose
        positions depend on data. Nothing is guessed.""",
    "spatial axis": """An input axis along which some operator has a window: a convolution, a
        pool, a resize. Where there is none, all axes but the first count.""",
    "path": """A walk from an input to a tensor, from operator to operator. A network with skip
        connections has many, each with a receptive field of its own.""",
    "route": """Paths that differ only in pointwise operators are one route, which is what is
        counted: x * sigmoid(x) adds no choice. `--count paths` counts each.""",
    "distribution": """How many routes have which size. Li et al. (2017) drew it for HighRes3DNet;
        Veit et al. (2016) argue that the short ones carry most of the gradient.""",
    "depth": "How many windows wider than one position a route passes.",
    "cover": """A field covers the input if it is at least as long on every spatial axis: RF001. The
        share of covering routes says how many of them do by themselves.""",
    "min": """The smallest size over all local routes (`--stat min`): what the shortest path through
        the skip connections sees.""",
    "union": """The size of the whole field (`--stat union`): what all routes see together.""",
    "aligned": """All local paths that meet agree in stride and centre. If not, the field is wider
        than that of any path, or depends on the unit: RF002.""",
    "off-centre": """The middle of a unit's field is not in the middle of what the unit stands for:
        outputs are shifted against the input: RF006.""",
    "before-global": """The last tensors with a local path before an output that is global: the
        feature map that feeds a global pool or a flatten.""",
    "probe": """The length that is taken for a dimension which the file leaves open and nothing
        determines. What is true at other lengths too is said without it.""",
    "interior": """Where units at the ends differ (masks, caches, mirrored padding): those in the
        middle, which one period fits.""",
    "effective field": """The part of the receptive field that carries a share (95 %) of what
        counts: the expected gradient of a unit with respect to each input position (Luo et al.,
        2016). See `rfgraph explain erf`.""",
    "erf95": """The size of the effective field without borders: how many positions hold 95 % of
        what counts. In the table of `--layers`, and where fields are exported, about: from four
        moments. `rfgraph erf MODEL --layers` gives the sizes of the maps themselves.""",
    "map": """How much each input position counts for a unit; `rfgraph erf -o map.png` draws it.""",
    "sigma": "The spread of a map: the standard deviation of positions weighed by it.",
    "halo": """What a tile must read beyond its core, before and after, so that the core is exactly
        that of the whole. Also: overlap, context, block margin. It counts padding at any depth.""",
    "grid": """Tiles and cores must begin at multiples of it, or strides fall out of step. It is the
        period of the output against the input.""",
    "core": "What of the input a tile is responsible for: the cores cover it exactly once.",
    "tile": "What of the input is read at once: a core and its halo.",
    "exact": """Of tiles: put together they are the whole run, bit for bit, for any weights. A norm
        over the map, a gate, an attention over all of it prevent that, and are named. So is a
        Resize by other than a power of two between positions: its points have rounding errors.""",
    "look-ahead": """How many input positions past a unit's own it reads; in ms with a rate. 0 is
        causal.""",
    "causal": "No unit reads past the step of input that it belongs to, over all paths.",
    "delay": """By how many units the output of a stream lags behind a whole run, for a length of
        chunk.""",
    "context": """How many past input positions a stream must keep to compute what a chunk
        completes.""",
    "cache": "What an operator keeps between two chunks when a stream runs layer by layer.",
    "mask": """A constant that is added to scores before a softmax. By default it cuts nothing;
        with `--masks` a score 87.34 below its row's highest has no weight.""",
    "unproductive layer": """One that gathers nothing new: the field before it already covers the
        input, or all taps of its window but one lie outside the map: RF004. Richter et al. (2021)
        find that layers behind this border no longer improve the prediction.""",
    "local paths cover": """Whether the field of the local paths alone is at least as long as the
        input, where others read the whole of it. See `rfgraph explain cover`.""",
    "local paths": """The paths that are local on an axis which others, through a gate or a norm,
        read whole: their field still has a size.""",
    "single paths": """The least and the greatest field that one path has by itself. Their union is
        the receptive field of a unit, which is as large as the largest, or larger where paths are
        not aligned.""",
    "alignment": "Whether local paths agree in stride and centre: see `rfgraph explain aligned`.",
    "padding touches": """How many units at each end read a value that padding made, at any depth:
        their numbers depend on positions that do not exist.""",
    "positions": "Where a field lies that does not move: all units read the same of the input.",
    "lengths": """Which lengths of the input the file accepts, and at which of them strides leave
        positions unread or sampling falls otherwise.""",
    "latency": """What passes between the arrival of an input position and that of the output which
        needs it, in positions or, with a rate, in ms: the least and the greatest over a chunk.""",
    "rate": "How many output steps of a stream come for how many steps of its input.",
    "tail": "Positions at the end that no unit reads: no window fits there any more.",
    "output": "Of tiles: how the length of the output follows from that of the input.",
    "chunk": "As many input positions as a stream is fed at once, a multiple of its input period.",
    "layout": """How a class of paths stands to the axes of the input: along which tensor axis each
        is still read position by position, and which are read whole.""",
    "carrier": """The axis of a tensor along which the field moves over an input axis; a transpose
        changes it, a flatten merges several.""",
}

# Other words of the reports for what has an entry.
ALIASES = {
    "field": "receptive field",
    "covers the input": "cover",
    "covers": "cover",
    "stride (jump)": "stride",
    "jump": "stride",
    "size_min": "size",
    "reach there": "reach",
    "effective": "effective field",
    "effective 95 %": "effective field",
    "paths": "path",
    "routes": "route",
    "axis": "spatial axis",
}
