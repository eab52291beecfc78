"""Names that act: on terminals, spreadsheets, renderers, CI services, or by their mere length."""

from __future__ import annotations

from hostile.cases import Cases, answered, either, refused
from hostile.make import function, model, node, value, weights

NAMES = {
    "escape": "\x1b[2J\x1b[31mred\x1b]0;title\x07\x1b[0m",
    "c1": "\x9b31mred\x9c\x85next",
    "newlines": "a\nb\r\nc\x0bd\x0ce\u2028f\u2029g",
    "bidi": "\u202egnp.exe\u202c\u2066a\u2069\u200f",
    "invisible": "a\u200bb\ufeffc\u00add\u180ee\U000e0041",
    "combining": "a" + "\u0301" * 300,
    "wide": "\u30c6\u30b9\u30c8\uff21\U0001f680",
    "private": "\ue000\U000f0000\ufdd0\uffff",
    "null": "a\x00b",
    "github": "::error file=/etc/passwd,line=1::owned",
    "github late": "a\n::set-output name=x::y%0A::warning::z",
    "azure": "##[error]owned ##vso[task.complete result=Succeeded;]",
    "formula": "=cmd|'/C calc'!A0",
    "formulas": "+1+1\t-1\r@SUM(A1)",
    "markdown": "`a` | b | **c** <img src=x onerror=alert(1)> [d](javascript:alert(1)) ![e](http://f)",
    "html": "<script>alert(1)</script>&lt;\"'",
    "xml": "]]>&x;<!--<![CDATA[",
    "mathtext": "$\\frac{a}{b}$ $unclosed \\ _x^y {z}",
    "format": "%s %n %(a)s {0} {self.__class__} {{",
    "rich": "[bold red]a[/bold red] [link=file:///etc/passwd]b[/link] [/]",
    "path": "../../../../etc/passwd",
    "absolute": "/etc/passwd",
    "device": "/dev/stdin",
    "drive": "C:\\Windows\\System32\\calc.exe",
    "url": "http://127.0.0.1:1/x",
    "module": "__import__('os').system('id')",
    "dunder": "__class__",
    "option": "--output=/tmp/x",
    "star": "*",
    "hash": "a#2",
    "slash": "a/b//c/",
    "backslash": "\\x1b\\n\\\\",
    "quotes": "'\"`'\"",
    "comma": "a,b;c\td",
    "blank": " ",
    "number": "123",
    "null word": "null",
    "long": "long/" * 2000,
}  # fmt: skip


def everywhere(name: str):
    """A model that has the name in every place that has one."""
    inner = node("Relu", [f"{name}a"], [f"{name}b"], name)
    made_of = function("F", "a", "b", [])
    del made_of.input[:], made_of.output[:]
    made_of.name = f"{name}F"
    made_of.domain = f"{name}domain"
    made_of.input.append(f"{name}a")
    made_of.output.append(f"{name}b")
    made_of.node.append(inner)
    made_of.opset_import.add(domain=f"{name}domain", version=1)
    nodes = [
        node("Conv", [f"{name}x", f"{name}w"], [f"{name}1"], name, pads=[1, 1]),
        node(f"{name}F", [f"{name}1"], [f"{name}2"], f"{name}call", f"{name}domain"),
        node(f"{name}Odd", [f"{name}2"], [f"{name}3"], f"{name}odd", f"{name}elsewhere"),
        node("Add", [f"{name}1", f"{name}2"], [f"{name}y"], f"{name}sum"),
    ]
    inputs = [value(f"{name}x", [f"{name}dim", 1, 16])]
    outputs = [value(f"{name}y"), value(f"{name}3")]
    made = model(nodes, inputs, outputs, [weights(f"{name}w", 1, 1, 3)], [made_of])
    made.opset_import.add(domain=f"{name}domain", version=1)
    made.opset_import.add(domain=f"{name}elsewhere", version=1)
    made.producer_name, made.producer_version, made.graph.name = name, name, name
    made.doc_string = made.domain = name
    return made


def wrong(name: str):
    """A model whose error has the name in it: a tensor that nothing makes."""
    return model(
        [node("Add", ["x", f"{name}gone"], [f"{name}y"], f"{name}n")], outputs=[f"{name}y"]
    )


def cases() -> Cases:
    for label, name in NAMES.items():
        yield answered("names", label, everywhere(name))
        yield refused("names", f"{label}, in an error", wrong(name), "requires tensor")
    for size in (10**5, 10**7):
        long = "n" * size
        yield answered(
            "names",
            f"a tensor name of {size} characters",
            model([node("Relu", ["x"], [long])], outputs=[long]),
        )
        yield answered(
            "names", f"a node name of {size} characters", model([node("Relu", ["x"], ["y"], long)])
        )
        yield answered(
            "names", f"an operator of {size} characters", model([node(long, ["x"], ["y"])])
        )
        yield answered(
            "names",
            f"a domain of {size} characters",
            model([node("Relu", ["x"], ["y"], domain=long)]),
        )
        yield answered(
            "names",
            f"a dimension of {size} characters",
            model([node("Relu", ["x"], ["y"])], [value("x", [long, 4])]),
        )
        yield refused(
            "names",
            f"a missing tensor of {size} characters",
            model([node("Relu", [long], ["y"], "reader")]),
            "reader",
        )
        yield either(
            "names",
            f"an attribute of {size} characters",
            model([node("Relu", ["x"], ["y"], **{long: 1})]),
        )
        yield either(
            "names",
            f"a mode of {size} characters",
            model([node("DepthToSpace", ["x"], ["y"], "d", mode=long, blocksize=2)]),
            "d",
        )
        yield either(
            "names",
            f"an equation of {size} characters",
            model([node("Einsum", ["x"], ["y"], "e", equation=long)]),
            "e",
        )
        inside = function("F", "a", "b", [node("Relu", "a", "t"), node("Relu", "t", "b")])
        yield answered(
            "names",
            f"a call of {size} characters",
            model([node("F", ["x"], ["y"], long, "local")], functions=[inside]),
        )
