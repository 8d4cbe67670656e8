namespace EmbeddedMq.Queues;

/// <summary>How far one evacuation of one queue has come.</summary>
/// <param name="below">Messages with ids below this are to move.</param>
internal sealed class EvacuationPass(ulong below)
{
    /// <summary>Messages with ids below this are to move.</summary>
    internal ulong Below { get; } = below;

    /// <summary>The level that is being looked at.</summary>
    internal int Level { get; private set; }

    /// <summary>The position up to which the messages in memory have been looked at.</summary>
    internal ulong Position { get; set; }

    /// <summary>Goes on to the next level.</summary>
    internal void EndLevel()
    {
        Level++;
        Position = 0;
    }
}
