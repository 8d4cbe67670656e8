namespace EmbeddedMq.Queues;

/// <summary>How much of a queue is put away in one hold of its gate, and what stays.</summary>
/// <param name="WindowMessages">Messages that stay in memory at the head of a level.</param>
/// <param name="WindowBytes">The same in bytes of bodies; one message stays however large it is.</param>
/// <param name="Messages">Most messages that go, at least 1.</param>
/// <param name="Bytes">Most bytes that go; one message goes however large it is.</param>
internal readonly record struct PageOut(int WindowMessages, long WindowBytes, int Messages, long Bytes)
{
    /// <summary>Whether one more may go.</summary>
    /// <param name="count">How many have gone.</param>
    /// <param name="bytes">How many bytes.</param>
    internal bool Allows(int count, long bytes) => count < Messages && (bytes < Bytes || count == 0);
}
