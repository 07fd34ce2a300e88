"""What definitions say in expressions, for a run: asked by coordinators, and by who looks at it.

evaluation  compiled once, and evaluated        terms      times and lanes that they come to
values      what expressions are given              labels     what runs are found by
admissions  limits that runs fall under         keys       what names one of several limits
"""
