namespace EmbeddedMq.Channels;

/// <summary>A connection as its channels see it.</summary>
/// <remarks>Thread-safe. Called outside all gates, but for <see cref="NoteBlocked"/>, which is called under a channel's publish gate.</remarks>
internal interface IChannelOwner : IConnection
{
    /// <summary>Closes the connection because of an error on a channel.</summary>
    /// <param name="error">The error.</param>
    void CloseBecause(ConnectionException error);

    /// <summary>Forgets a channel that has closed; its number is free.</summary>
    /// <param name="channel">The channel.</param>
    void Forget(Channel channel);

    /// <summary>Notes that a publish of this connection has to wait for memory.</summary>
    /// <param name="reason">What they wait for.</param>
    void NoteBlocked(string reason);
}
