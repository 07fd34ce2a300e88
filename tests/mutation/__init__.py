"""Breaks each rule of a room once, and asks whether a test fails.

mutants    one module -> its mutants: a negated condition, a dropped guard, a lost effect
trial      a copy of the tree in which one mutant at a time meets the tests that run its line
allowed    mutants that are no mistakes, each with the reason
"""
