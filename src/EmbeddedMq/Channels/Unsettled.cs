using EmbeddedMq.Consumers;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Channels;

/// <summary>A delivery that has not been settled.</summary>
/// <param name="Tag">Its delivery tag.</param>
/// <param name="Entry">The message in its queue.</param>
/// <param name="Consumer">Who received it; <see langword="null"/> for a get.</param>
/// <param name="IsUnseen">Whether no application has seen it: it lies unread in a consumer that ends.</param>
internal readonly record struct Unsettled(ulong Tag, QueueEntry Entry, Consumer? Consumer, bool IsUnseen = false)
{
    /// <summary>The order of delivery on one channel.</summary>
    internal static readonly Comparer<Unsettled> ByTag = Comparer<Unsettled>.Create(static (left, right) => left.Tag.CompareTo(right.Tag));
}
