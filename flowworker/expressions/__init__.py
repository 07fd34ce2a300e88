"""Expressions: CEL over the run's input and what its steps came to; all of it is pure.

library     Google's CEL: reads texts, checks types, computes functions; known to this file alone
messages    its complaints, in this project's words
tree        the checked expression, as it hands it out
names       what there is to name
references  what of the values an expression names, and where
scope       what may be named here, and what is wrong with a name
schemas     JSON Schema -> what is known of a value
fields      fields and types that an expression asks for, held against schemas
faults      what else is wrong with an expression
bounds      how much an expression may be, and how much work it may take
evaluation  tree and values -> value
operators, functions   of CEL, on JSON values
result      values of CEL as JSON values
expression  one expression: compiled, evaluated
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
