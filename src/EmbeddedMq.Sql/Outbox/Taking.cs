namespace EmbeddedMq.Sql.Outbox;

/// <summary>One taking of one message: the row, and what was written into it then. A row that somebody else has taken since has another token.</summary>
/// <param name="Seq">The row.</param>
/// <param name="Token">Sixteen bytes, the same for all that were taken together.</param>
internal sealed record Taking(long Seq, byte[] Token);
