"""How far apart two spellings are."""


def edit_distance(a: str, b: str, most: int) -> int:
    """Count the letters to leave out, add, change or swap with their neighbour to make `a` of `b`.

    The optimal string alignment distance (Damerau 1964): no part of a word is edited twice. Counting stops
    above `most`; any greater distance is given as `most + 1`.
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    if len(set(a).symmetric_difference(b)) > 2 * most:  # an edit takes one letter away and brings one
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, last[j - 2] + 1)
            row.append(best)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
