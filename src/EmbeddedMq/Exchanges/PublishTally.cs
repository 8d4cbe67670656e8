namespace EmbeddedMq.Exchanges;

/// <summary>How many messages one router has led away from one exchange by remembered routes: the exchange adds up what all have counted, so that a
/// publish writes to no place that other publishers write to.</summary>
/// <remarks>Counted by one thread at a time, under what guards the router; read by anybody.</remarks>
/// <param name="source">The exchange.</param>
internal sealed class PublishTally(Exchange source)
{
    private long _count;

    /// <summary>The exchange.</summary>
    internal Exchange Source => source;

    /// <summary>How many.</summary>
    internal long Count => Volatile.Read(ref _count);

    /// <summary>Counts one more.</summary>
    internal void Add() => Volatile.Write(ref _count, _count + 1);
}
