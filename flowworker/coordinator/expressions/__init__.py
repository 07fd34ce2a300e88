"""What definitions say in expressions, for a run.

evaluation  compiled once, and evaluated        terms      times and lanes that they come to
values      what expressions are given
"""
