"""Special ids of SentencePiece models, and conversion to the library's ids."""

from rme_tf.core.types import BOS, EOS, PAD, UNK

KINDS = {"pad": PAD, "bos": BOS, "eos": EOS, "unk": UNK}


def special_ids(processor) -> dict[str, int]:
    """Returns the id of each of `KINDS` in a `SentencePieceProcessor`, or -1."""
    return {kind: getattr(processor, f"{kind}_id")() for kind in KINDS}


def with_special_ids(proto, ids) -> bytes:
    """Returns the model's bytes with PAD, BOS, EOS and UNK first.

    The other pieces follow in order. Only ids change: SentencePiece splits lines by the scores of pieces, not by their
    ids, so the pieces of a line and the line of some pieces stay the same. Missing special pieces are added.

    Args:
        proto: SentencePiece `ModelProto`, which is changed.
        ids: `special_ids` of the model.
    """
    spec, names = proto.trainer_spec, {piece.piece for piece in proto.pieces}
    ordered = []
    for kind, index in ids.items():
        if index < 0:
            name = getattr(spec, f"{kind}_piece")
            while name in names:  # already a word of the text
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
