"""What was decided is done.

performer   effects, in the order in which a crash does no harm
dispatch    an attempt -> a step message        outputs    what a step is given of others
fencing     sees to it that an attempt ends     given      what it is given by its `with`
"""
