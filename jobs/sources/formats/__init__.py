"""The bytes of one delivered file, or of a part of it -> Arrow batches of records; a file a format.

Plain Arrow, so that every engine reads the same rows. A batch has the columns raw (the text of the record, where that
is what a file holds or what is no record), line (its place in the file, from 1), fault, and then those that are wanted:
these are found by place, for a file may call its own columns raw or line.
"""
