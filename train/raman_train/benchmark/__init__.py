"""The benchmark: systems × datasets × protocols × seeds, resumable; all tables come from the results.

::

    grid        cells and their configurations; the queue of Table 2; missing cells
    sweep       training and measuring cells in this process
    cluster     the same cells as tasks of a Ray cluster
    budget      stopping in time
    results     the results file
    intervals   means and differences with confidence intervals
    tables      Markdown tables
    document    tables in a document, between markers
"""
