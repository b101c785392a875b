"""The terminal screen: events fold into a state, a state renders to a frame, a terminal shows frames; keys change what is looked at.

Nothing is imported here: ``state`` and ``controls`` are light, and a run into a pipe needs no more of this package.
"""
