namespace EmbeddedMq.Journal;

/// <summary>Where replay begins: what the store's owner saved last.</summary>
/// <param name="Address">The hot address of the owner's checkpoint record; <see cref="JournalAddress.None"/> if there is none yet.</param>
/// <param name="HotBegin">The lowest hot address that the owner still needs.</param>
/// <param name="Owner">Whatever the owner wants to find again, at most <see cref="MaxOwnerBytes"/>.</param>
internal readonly record struct CheckpointPoint(long Address, long HotBegin, ReadOnlyMemory<byte> Owner)
{
    /// <summary>The longest <see cref="Owner"/>: 1 KB.</summary>
    public const int MaxOwnerBytes = 1024;
}
