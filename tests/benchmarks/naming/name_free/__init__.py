"""Published methods that need no class names, written anew from their papers.

Each takes unit image vectors (N, d), unit word vectors (M, d) and the number of classes. It returns
a word for each group, (groups,) int, and the group of each image, (N,) int.
"""
