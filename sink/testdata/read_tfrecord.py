"""Reads example.tfrecord with TensorFlow and prints it; example.txt is what it printed.

    python read_tfrecord.py example.tfrecord > example.txt

TensorFlow checks both checksums of every record.
"""
import sys

import tensorflow as tf

for path in sys.argv[1:]:
    kind = "GZIP" if path.endswith(".gz") else ""
    for record in tf.data.TFRecordDataset(path, compression_type=kind):
        example = tf.train.Example.FromString(record.numpy())
        for name, feature in sorted(example.features.feature.items()):
            which = feature.WhichOneof("kind")
            print(name, which, list(getattr(feature, which).value))
        print()
