"""The benchmark: systems × datasets × protocols × seeds, resumable, and the tables made from the results alone.

::

    grid        which cells there are, and the configuration of each
    work        one cell: train unless that is done, measure
    budget      stopping in time
    sweep       cells one after the other, in this process
    cluster     the same cells as tasks of a Ray cluster
    results     the lines on disk
    pace        how long cells took, to say how long others will
    intervals   means and differences, and how surely they may be said
    paper       what the paper reports
    rows        results in the order of the tables
    markdown    what stands in one place of a table
    tables      one table each
    comparisons paired differences, and what a random split is worth
    gaps        what was not run, and the commands that fill it in
    document    tables into a document, between its markers
"""
