"""From sequences of events to vectors, predictions, segments and suggestions of users, by PyTorch on Arrow.

The modules beside this one are the commands, `python -m ml.NAME`: flags, the order of steps, what is printed. What they
do lies in the rooms, from the ground up; a room imports lower floors alone (tests/ml/test_rooms_of_ml.py):

common       flags and errors, settings files, Delta tables, MLflow, hashes
data         what is read: products and sequences as numbers, events, what came true, the snapshot of a training
measures     how good something is: metrics, and tables and pictures of them
transformer  the model, its loss, its files, and the encoder that users go through
training     the loop, the ranks, checkpoints
users        states of users by night, and the former model on tonight's behaviour
heads        what is expected of a user: learned from past days, predicted each night
suggest      which products are suggested, and why
segments     users grouped, named, told in words; the next champion
judge        held-out week, probes and gate, rivals of segments, hits of suggestions, the benchmark on public lists
"""
