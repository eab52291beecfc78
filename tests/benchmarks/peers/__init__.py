"""rfgraph beside what people use today: `python -m benchmarks peers --help`, in tests/.

`run` makes an environment of its own for the other tools, exports the networks of `nets` to ONNX
in it, and measures each tool on each network as a process of its own (`worker`, started by
`launch`). `table` writes what came out. Nothing here is a dependency of rfgraph.
"""
