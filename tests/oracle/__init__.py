"""An oracle that shares no code with the package under test: slow, obvious, independent.

perturb: what depends on what, by changing inputs under onnxruntime (exact, clipped).
sets: index sets by definition in exact arithmetic, clipped and unclipped, for small graphs.
walks: every path of a small graph, each read alone, and the routes they fold into.
measures: size, stride, start, center, reach, period by brute force.
random_models: Hypothesis strategies for small random models.
"""
