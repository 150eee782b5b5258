"""SentencePiece models from elsewhere, brought to the special ids of this library."""

from rme_tf.core.types import BOS, EOS, PAD, UNK

KINDS = {"pad": PAD, "bos": BOS, "eos": EOS, "unk": UNK}


def special_ids(processor) -> dict[str, int]:
    """Returns the id of each of `KINDS` in a `SentencePieceProcessor`; -1 for what it lacks."""
    return {kind: getattr(processor, f"{kind}_id")() for kind in KINDS}


def with_special_ids(proto, ids) -> bytes:
    """Returns the bytes of a model of the same pieces, in which PAD, BOS, EOS and UNK come first.

    The others follow in their order. So ids alone change: lines are cut into the same pieces, for which the scores
    count and not the places, and pieces make the same lines. What the model lacks of the four is added.

    Args:
        proto: a SentencePiece `ModelProto`, which is changed.
        ids: the `special_ids` of it.
    """
    spec, names = proto.trainer_spec, {piece.piece for piece in proto.pieces}
    ordered = []
    for kind, index in ids.items():
        if index < 0:
            name = getattr(spec, f"{kind}_piece")
            while name in names:  # a word of the text, then
                name = f"<{name}>"
            setattr(spec, f"{kind}_piece", name)
            ordered.append(type(proto).SentencePiece(piece=name, type=type(proto).SentencePiece.CONTROL))
        else:
            ordered.append(proto.pieces[index])
        setattr(spec, f"{kind}_id", KINDS[kind])
    ordered += [piece for index, piece in enumerate(proto.pieces) if index not in ids.values()]
    changed = type(proto)()
    changed.CopyFrom(proto)
    del changed.pieces[:]
    changed.pieces.extend(ordered)
    changed.trainer_spec.vocab_size = len(ordered)
    return changed.SerializeToString(deterministic=True)
