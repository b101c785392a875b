"""The terminal screen: events update a state, a state renders to a frame, a terminal shows frames; keys change the view.

Nothing is imported here: ``state`` and ``controls`` are light, and a run into a pipe needs no more of this package.
"""
