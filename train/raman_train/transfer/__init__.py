"""Transfer (Table 3 of Zhou 2022): networks pretrained on minerals and retrained on a user's library, and their comparison.

- :mod:`~raman_train.transfer.systems`: pretraining and retraining of each system
- :mod:`~raman_train.transfer.common_axis`: source and target on one axis
- :mod:`~raman_train.transfer.folds`: cross-validation by replicate
- :mod:`~raman_train.transfer.training`: pretraining, retraining and evaluation
- :mod:`~raman_train.transfer.study`: all runs, resumable, and the model for the export
- :mod:`~raman_train.transfer.results`: the results file and its tables
"""
