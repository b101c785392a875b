"""Transfer (Table 3 of Zhou 2022): what was learned on minerals, retrained on somebody's own library, and what it is worth.

- :mod:`~raman_train.transfer.plan` says how each system is pretrained and retrained;
- :mod:`~raman_train.transfer.ground` puts source and target on one axis, chosen from the target;
- :mod:`~raman_train.transfer.folds` says who learns and who is asked: every replicate is asked once;
- :mod:`~raman_train.transfer.weights` loads all but the last layer;
- :mod:`~raman_train.transfer.teach` trains and asks, :mod:`~raman_train.transfer.study` does all of it and goes on after a stop;
- :mod:`~raman_train.transfer.lines` is one line a run, :mod:`~raman_train.transfer.table` the Markdown made of them.
"""
