"""Expressions: CEL over the run's input and what its steps came to; pure functions of these values.

compiler    texts -> CEL's programs, by the library; the only file that knows it
messages    its complaints, in this project's words
names       what there is to name
tree        the checked expression, as the library hands it out
references  what of the values an expression names, and where
scope       what may be named, and what is wrong with a name
values      JSON values in, JSON values out
bounds      how much an expression may be, take and give
expression  one expression: compiled, evaluated
problem     what is wrong with an expression
pieces      a text with `${…}` -> its pieces
template    values whose texts have `${…}`
"""

from __future__ import annotations

__all__ = [
    "Expression",
    "ExpressionProblem",
    "Names",
    "Scope",
    "Template",
    "compile_expression",
    "compile_template",
    "is_template",
]

from flowworker.expressions.expression import Expression, compile_expression
from flowworker.expressions.problem import ExpressionProblem
from flowworker.expressions.references import Names
from flowworker.expressions.scope import Scope
from flowworker.expressions.template import Template, compile_template, is_template
